"""The guard: it detects growth independently of the machine and of the build of Python."""

from __future__ import annotations

import json

from bench.counted import CLASSIC_TASKS, CODEC_TASKS, SERVED_TASKS, TRACER_TASKS
from bench.guard import CLASSIC, MAX_CLASSIC_CALL, MAX_GROWTH, RECORDED, classic_costs, least, verdicts, with_new

RECORD = {"root": {"ours": 1000.0, "limit": 500.0}, "deliver": {"ours": 4000.0}}


def _failed(root: float, limit: float, deliver: float = 4000.0) -> list[str]:
    counts = {"root": {"ours": root, "limit": limit}, "deliver": {"ours": deliver}}
    return [verdict.task for verdict in verdicts(counts, RECORD) if verdict.is_failed]


def test_a_step_that_has_grown_by_a_tenth_fails() -> None:
    """A step that costs a tenth more than recorded fails, because that is above the tolerance."""

    assert ["root"] == _failed(root=1100.0, limit=500.0)
    assert ["deliver"] == _failed(root=1000.0, limit=500.0, deliver=4400.0)


def test_growth_within_the_tolerance_passes() -> None:
    """Growth within the tolerance, as another layout of memory may cause, does not fail."""

    assert [] == _failed(root=1000.0 * (1 + MAX_GROWTH) - 1, limit=500.0)


def test_another_build_of_python_that_counts_more_for_all_passes() -> None:
    """Growth passes if the limit, counted in the same run, has grown by as much."""

    assert [] == _failed(root=1200.0, limit=600.0, deliver=4800.0)


def test_another_build_that_counts_less_for_the_limit_alone_passes() -> None:
    """A step passes if its own count has not grown, even if the limit's count is lower."""

    assert [] == _failed(root=1000.0, limit=400.0)


def test_the_least_of_several_layouts_counts() -> None:
    """The least count of several layouts counts, because two names that share a place in a cache are no growth."""

    assert {"root": {"ours": 1.0, "limit": 2.0}} == least(
        [{"root": {"ours": 1.0, "limit": 3.0}}, {"root": {"ours": 9.0, "limit": 2.0}}]
    )


def test_every_supported_python_has_a_record_of_every_step() -> None:
    """`bench/recorded.json` has a count of every step for every supported Python."""
    recorded = json.loads(RECORDED.read_text())

    assert ["3.10", "3.11", "3.12", "3.13"] == list(recorded)
    for counts in recorded.values():
        assert {*TRACER_TASKS, *CODEC_TASKS, "deliver", "noop", *CLASSIC_TASKS, *SERVED_TASKS} == set(counts)


def _dear(start_trace: float, root: float, noop: float) -> list[str]:
    """The tasks in calls of 0.5 that fail, if a span costs 1000 in calls of 2.4 and the ceiling is 400."""
    counts = {
        "start_span": {"ours": 1000.0},
        "root": {"ours": 1000.0},
        "noop": {"ours": 1000.0, "limit": 400.0 / MAX_CLASSIC_CALL},
        "start_trace": {"ours": start_trace},
        "classic_root": {"ours": root},
        "classic_noop": {"ours": noop},
    }
    return [cost.task for cost in classic_costs(counts) if cost.is_failed]


def test_a_word_of_0_5_that_costs_more_than_the_ceiling_fails() -> None:
    """The ceiling is for each call: `start_trace` has one call that 2.4 names otherwise, a root span has three."""

    assert ["start_trace"] == _dear(start_trace=1401.0, root=1401.0, noop=1401.0)
    assert ["classic_root", "classic_noop"] == _dear(start_trace=1000.0, root=2201.0, noop=2201.0)


def test_words_of_0_5_within_the_ceiling_pass() -> None:
    """A call of 0.5 passes if it costs a little more than the same call of 2.4, or less."""

    assert [] == _dear(start_trace=1399.0, root=2199.0, noop=900.0)


def test_0_5s_words_are_within_the_ceiling_on_every_supported_python() -> None:
    """The recorded counts of each Python pass, with room left for another layout of memory."""
    for counts in json.loads(RECORDED.read_text()).values():
        assert CLASSIC.keys() == {cost.task for cost in classic_costs(counts)}
        assert [] == [cost for cost in classic_costs(counts) if cost.more > 0.9 * cost.ceiling]


def test_a_new_task_is_recorded_beside_those_that_stay() -> None:
    """A new task is added to the record, and the numbers of the recorded tasks stay unchanged."""
    recorded = {"root": {"ours": 1.0, "limit": 2.0}}
    counted = {"root": {"ours": 1.1, "limit": 2.2}, "noop": {"ours": 0.5, "limit": 0.4}}

    assert {"root": {"ours": 1.0, "limit": 2.0}, "noop": {"ours": 0.5, "limit": 0.4}} == with_new(recorded, counted)
