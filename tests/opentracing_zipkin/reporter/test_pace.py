"""The times of the tries, by a clock that stands still: whether anyone waits, how long, and the pause that the collector asks for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from opentracing_zipkin.reporter.pace import LAST_TRY_S, MAX_HURRIED_PAUSE_S, MAX_RETRY_AFTER_S, MIN_ANSWER_S, Pace

STEP_S = 1 / 128  # exact in binary, so that the sums of the clock are exact, too
SHORTEST_S = 0.025  # the shortest pause while a caller waits
WAITS = (0.25, 0.5, 2.0, 3.0, 10.0)
ASKED = (0.0, 0.125, 1.0, 2.0, 5.0, 30.0, 9999.0)


class Collector:
    """Refuses every try, and asks for `retry_after` seconds; `up_at`: accepts from then on."""

    def __init__(self, retry_after: float = 0.0, up_at: float = 1e9) -> None:
        self.now = 1000.0
        self.retry_after = retry_after
        self.up_at = up_at
        self.pace = Pace(lambda: self.now)
        self.tries: list[float] = []

    def run(self, seconds: float, *deadlines: float) -> None:
        """Let the clock run; callers wait from now on until the deadlines, and repeat it as flush does."""
        end = self.now + seconds
        while self.now < end:
            for deadline in deadlines:
                self.pace.hurry(deadline)
            if self.pace.is_due and not self.is_accepted:
                self._try()
            self.now += STEP_S

    @property
    def is_accepted(self) -> bool:
        return bool(self.tries) and self.tries[-1] >= self.up_at

    def _try(self) -> None:
        self.pace.begin_try()
        self.tries.append(self.now)
        if self.is_accepted:
            self.pace.succeed()
        else:
            self.pace.fail(self.retry_after)


@pytest.mark.parametrize("has_failed", [False, True], ids=["healthy", "failed before"])
@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("waits", WAITS)
def test_whoever_waits_shortens_the_pauses_and_floods_nobody(waits: float, asked: float, has_failed: bool) -> None:
    """Short pauses grow to half a second; a pause that the collector asks for is kept, or ends in one last try."""
    collector = Collector(asked)
    if has_failed:
        collector.run(0.1)
    start, before = collector.now, len(collector.tries)
    deadline = start + waits
    collector.run(waits, deadline)
    tries = collector.tries[before:]
    known_until = collector.tries[before - 1] + min(asked, MAX_RETRY_AFTER_S) if has_failed else start

    assert 1 <= len(tries) <= 3 + waits / (MAX_HURRIED_PAUSE_S / 2) + 3
    assert all(SHORTEST_S <= later - earlier <= max(asked, MAX_HURRIED_PAUSE_S) + STEP_S for earlier, later in pairwise(tries))
    last_at = max(start, deadline - LAST_TRY_S)
    # Every try but the last respects the time asked for before it; the last one does if that time ends in time.
    for earlier, later in pairwise([known_until - asked, *tries]):
        assert later - earlier >= asked or (
            later == tries[-1] and later >= last_at and earlier + asked > deadline - MIN_ANSWER_S
        )


@pytest.mark.parametrize("asked", ASKED)
def test_a_collector_that_nobody_waits_for_is_asked_when_it_wants(asked: float) -> None:
    """Without a caller that waits no try comes sooner than the collector asks for, up to a minute."""
    collector = Collector(asked)
    collector.run(200.0)

    assert all(later - earlier >= max(0.125, min(asked, MAX_RETRY_AFTER_S)) for earlier, later in pairwise(collector.tries))


@pytest.mark.parametrize("up_after", [0.1, 0.3, 0.9, 1.4])
@pytest.mark.parametrize("waits", [2.0, 10.0])
def test_a_collector_that_starts_while_somebody_waits_is_found(waits: float, up_after: float) -> None:
    """A collector that accepts again is found half a second later, while a caller waits."""
    collector = Collector(up_at=1000.0 + up_after)
    collector.run(waits, collector.now + waits)

    assert collector.is_accepted
    assert collector.tries[-1] - collector.up_at <= MAX_HURRIED_PAUSE_S + STEP_S


def test_after_a_deadline_the_pauses_are_the_usual_ones() -> None:
    """When nobody waits any more, the collector is left alone for the time that it asked for."""
    collector = Collector(retry_after=30.0)
    collector.run(1.0, collector.now + 1.0)
    tries = len(collector.tries)
    collector.run(29.0)

    assert (2, 2) == (tries, len(collector.tries))


def test_of_several_that_wait_each_has_its_last_try() -> None:
    """Callers with different deadlines get one try each before their own deadline."""
    collector = Collector(retry_after=30.0)
    start = collector.now
    collector.run(8.0, start + 3.0, start + 8.0)

    assert [0.0, 2.5, 7.5] == [at - start for at in collector.tries]


def test_callers_in_a_row_get_one_try_each() -> None:
    """A function that flushes at the end of each request makes one try a flush while the collector asks for patience."""
    collector = Collector(retry_after=30.0)
    for _ in range(5):
        collector.run(0.25, collector.now + 0.25)
        collector.run(0.25)

    assert 5 == len(collector.tries)


def test_after_a_caller_that_waits_no_longer_the_next_one_has_a_try_of_its_own() -> None:
    """A caller that waits no longer has no deadline any more, and that of another caller stays."""
    collector = Collector(retry_after=30.0)
    start = collector.now
    collector.run(0.1, start + 0.5)
    collector.pace.relax(start + 0.5)
    collector.run(0.1, start + 0.7)
    collector.pace.relax(start + 0.5)
    collector.run(0.1, start + 0.8)

    assert 2 == len(collector.tries)
