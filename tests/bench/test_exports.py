from __future__ import annotations

from bench.environments import ROOT
from bench.exporting import measure
from bench.exporting.measure import FORMATS, TARGETS, missed, ratio


def test_the_ratio_is_of_the_means() -> None:
    """What ours costs of what the deprecated exporter costs, over all starts."""
    assert 0.25 == ratio({"ours": [1.0, 3.0], "old": [8.0, 8.0]})


def test_a_format_over_its_target_is_missed() -> None:
    """And one at its target is not."""
    at = {"ours": [1.0], "old": [4.0]}
    over = {"ours": [1.1], "old": [4.0]}

    assert ["json"] == missed({"proto3": at, "json": over})


def test_each_format_has_a_target_and_an_environment() -> None:
    """The environment in which the deprecated exporter can be installed."""
    assert FORMATS.keys() == TARGETS.keys()
    assert all((ROOT / "bench" / "requirements" / f"{name}.txt").is_file() for name in FORMATS.values())
    assert measure.WAYS == ("ours", "old")
