"""Only times between two fast moments count, and there is an end to waiting for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bench import quiet

FASTEST_NS = 1000
SLOW_NS = 1600


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(quiet.VARIABLE, str(FASTEST_NS))


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[int]], None]:
    """Sets what the yardstick takes, one value a call."""

    def set_speeds(values: Iterator[int]) -> None:
        monkeypatch.setattr(quiet, "_yardstick_ns", lambda: next(values))

    return set_speeds


def repeated(*values: int) -> Iterator[int]:
    while True:
        yield from values


def test_what_was_slow_before_or_after_does_not_count(speeds: Callable[[Iterator[int]], None]) -> None:
    """The first look after other work is a slow one in any case; the second of two decides."""
    slow_before = (SLOW_NS, SLOW_NS, FASTEST_NS, FASTEST_NS)
    slow_after = (FASTEST_NS, FASTEST_NS, SLOW_NS, SLOW_NS)
    fast = (SLOW_NS, FASTEST_NS, SLOW_NS, FASTEST_NS)
    speeds(repeated(*slow_before, *slow_after, *fast))
    taken = repeated(1, 2, 3)
    times = quiet.take(lambda: next(taken), 3)

    assert [3] * quiet.ENOUGH == times.counted
    assert times.quiet
    assert 3 * quiet.ENOUGH == times.number
    assert times.looking_ns > 0


def test_no_more_are_taken_than_asked_for_where_all_are_quiet(speeds: Callable[[Iterator[int]], None]) -> None:
    """And between them the work may rest."""
    speeds(repeated(FASTEST_NS))
    rests: list[int] = []
    times = quiet.take(lambda: 7, quiet.ENOUGH + 1, lambda: rests.append(1))

    assert [7] * (quiet.ENOUGH + 1) == times.counted
    assert quiet.ENOUGH + 1 == times.number == len(rests)


def test_all_count_where_none_was_quiet(speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many seconds, and it is told."""
    speeds(repeated(SLOW_NS))
    monkeypatch.setattr(quiet, "PATIENCE_S", 0.01)
    times = quiet.take(lambda: 7, 3)

    assert not times.quiet
    assert 3 <= times.number == len(times.counted)


def test_all_count_where_nobody_knows_how_fast_the_machine_is(
    speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a test that runs a task by itself."""
    monkeypatch.delenv(quiet.VARIABLE)
    speeds(repeated(SLOW_NS))

    assert ([7] * quiet.ENOUGH, True, quiet.ENOUGH) == quiet.take(lambda: 7, 1)[:3]


def test_the_fastest_is_looked_for_a_while(speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The least of all that were seen."""
    monkeypatch.setattr(quiet, "SEARCH_S", 0.01)
    speeds(repeated(SLOW_NS, FASTEST_NS, SLOW_NS))

    assert FASTEST_NS == quiet.fastest_ns.__wrapped__()
