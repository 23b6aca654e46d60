"""Only times between two fast moments count, and the search for such moments ends after some time."""

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
    """A function that sets the yardstick's times, one value for each call."""

    def set_speeds(values: Iterator[int]) -> None:
        monkeypatch.setattr(quiet, "_yardstick_ns", lambda: next(values))

    return set_speeds


def repeated(*values: int) -> Iterator[int]:
    while True:
        yield from values


def test_what_was_slow_before_or_after_does_not_count(speeds: Callable[[Iterator[int]], None]) -> None:
    """A time next to a slow yardstick does not count; of two looks the faster one decides, as the first has cold caches."""
    slow_before = (SLOW_NS, SLOW_NS, FASTEST_NS, FASTEST_NS)
    slow_after = (FASTEST_NS, FASTEST_NS, SLOW_NS, SLOW_NS)
    fast = (SLOW_NS, FASTEST_NS, SLOW_NS, FASTEST_NS)
    speeds(repeated(*slow_before, *slow_after, *fast))
    taken = repeated(1, 2, 3)
    times = quiet.take(lambda: next(taken), 3)

    assert [3] * quiet.MIN_QUIET_TIMES == times.counted
    assert times.quiet
    assert 3 * quiet.MIN_QUIET_TIMES == times.number
    assert times.looking_ns > 0


def test_no_more_are_taken_than_asked_for_where_all_are_quiet(speeds: Callable[[Iterator[int]], None]) -> None:
    """If all moments are quiet, exactly the requested number of times is taken, with a rest after each."""
    speeds(repeated(FASTEST_NS))
    rests: list[int] = []
    times = quiet.take(lambda: 7, quiet.MIN_QUIET_TIMES + 1, lambda: rests.append(1))

    assert [7] * (quiet.MIN_QUIET_TIMES + 1) == times.counted
    assert quiet.MIN_QUIET_TIMES + 1 == times.number == len(rests)


def test_all_count_where_none_was_quiet(speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """If no moment was quiet until the patience ended, all times count, and the result says so."""
    speeds(repeated(SLOW_NS))
    monkeypatch.setattr(quiet, "MAX_WAIT_S", 0.01)
    times = quiet.take(lambda: 7, 3)

    assert not times.quiet
    assert 3 <= times.number == len(times.counted)


def test_all_count_where_nobody_knows_how_fast_the_machine_is(
    speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the fastest time is not known, as in a test that runs a single task, all times count."""
    monkeypatch.delenv(quiet.VARIABLE)
    speeds(repeated(SLOW_NS))

    assert ([7] * quiet.MIN_QUIET_TIMES, True, quiet.MIN_QUIET_TIMES) == quiet.take(lambda: 7, 1)[:3]


def test_the_fastest_is_looked_for_a_while(speeds: Callable[[Iterator[int]], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for the fastest time returns the least of all times, after a fixed number of seconds."""
    monkeypatch.setattr(quiet, "SEARCH_S", 0.01)
    speeds(repeated(SLOW_NS, FASTEST_NS, SLOW_NS))

    assert FASTEST_NS == quiet.fastest_ns.__wrapped__()
