from __future__ import annotations

from bench.environments import ROOT
from bench.exporting import measure
from bench.exporting.measure import FORMATS, MAX_RATIOS, missed, ratio


def test_the_ratio_is_of_the_means() -> None:
    """The ratio is our mean cost over all starts, divided by the deprecated exporter's."""
    assert 0.25 == ratio({"ours": [1.0, 3.0], "old": [8.0, 8.0]})


def test_a_format_over_its_target_is_missed() -> None:
    """A format above its target is missed, and one that just reaches it is not."""
    at = {"ours": [1.0], "old": [4.0]}
    over = {"ours": [1.1], "old": [4.0]}

    assert ["json"] == missed({"proto3": at, "json": over})


def test_each_format_has_a_target_and_an_environment() -> None:
    """Each format has a target, and requirements for an environment with the deprecated exporter."""
    assert FORMATS.keys() == MAX_RATIOS.keys()
    assert all((ROOT / "bench" / "requirements" / f"{name}.txt").is_file() for name in FORMATS.values())
    assert measure.WAYS == ("ours", "old")
