"""The guard: what counts as growth, whatever the machine and the build of Python."""

from __future__ import annotations

import json

from bench.counted import CODEC_TASKS, TRACER_TASKS
from bench.guard import RECORDED, TOLERANCE, least, verdicts

RECORD = {"root": {"ours": 1000.0, "limit": 500.0}, "deliver": {"ours": 4000.0}}


def _failed(root: float, limit: float, deliver: float = 4000.0) -> list[str]:
    counts = {"root": {"ours": root, "limit": limit}, "deliver": {"ours": deliver}}
    return [verdict.task for verdict in verdicts(counts, RECORD) if verdict.failed]


def test_a_step_that_has_grown_by_a_tenth_fails() -> None:
    """A tenth more than recorded is more than the tolerance."""

    assert ["root"] == _failed(root=1100.0, limit=500.0)
    assert ["deliver"] == _failed(root=1000.0, limit=500.0, deliver=4400.0)


def test_growth_within_the_tolerance_passes() -> None:
    """What another layout of memory adds does not fail."""

    assert [] == _failed(root=1000.0 * (1 + TOLERANCE) - 1, limit=500.0)


def test_another_build_of_python_that_counts_more_for_all_passes() -> None:
    """The limit, counted in the same run, has grown as much."""

    assert [] == _failed(root=1200.0, limit=600.0, deliver=4800.0)


def test_another_build_that_counts_less_for_the_limit_alone_passes() -> None:
    """Only what has grown by itself as well is growth."""

    assert [] == _failed(root=1000.0, limit=400.0)


def test_the_least_of_several_layouts_counts() -> None:
    """A layout in which two names share a place in a cache is no growth."""

    assert {"root": {"ours": 1.0, "limit": 2.0}} == least(
        [{"root": {"ours": 1.0, "limit": 3.0}}, {"root": {"ours": 9.0, "limit": 2.0}}]
    )


def test_every_supported_python_has_a_record_of_every_step() -> None:
    """`bench/recorded.json` is whole."""
    recorded = json.loads(RECORDED.read_text())

    assert ["3.10", "3.11", "3.12", "3.13"] == list(recorded)
    for counts in recorded.values():
        assert {*TRACER_TASKS, *CODEC_TASKS, "deliver"} == set(counts)
