"""Sampling by time: never above the limit in any second, fair within it, on any thread and in hostile moments."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.clock import monotonic_ns
from opentracing_zipkin.sampling.by_time import RateLimiting, _places_and_period
from opentracing_zipkin.testing import InMemoryRecorder

SECOND = 1_000_000_000
LIMITS = [0.1, 0.5, 1, 2, 2.9, 3, 7, 10, 19, 20, 25, 50, 99, 100, 199, 997, 1500]
STARTS = [0, 1, SECOND // 2, 12_345_678_901_234]


class Hand:
    """A clock that is set by hand."""

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def saturated(limit: float, start: int, seconds: float) -> list[int]:
    """The times at which traces are recorded while many start all the time."""
    clock = Hand(start)
    sample = RateLimiting(limit, now_ns=clock)
    step = max(1, int(SECOND / limit / 40))
    found = []
    for now in range(start, start + int(seconds * SECOND), step):
        clock.now = now
        while sample(1):
            found.append(now)
    return found


def most_within(times: list[int], window: int) -> int:
    """The greatest number of the sorted times in a window of this length, wherever it begins."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("limit", LIMITS)
def test_no_window_of_a_second_has_more_than_the_limit(limit: float, start: int) -> None:
    """No window of a second has more than the limit, wherever it begins (below 1 it is longer), and hardly less is recorded."""
    seconds = max(3.0, 4 / limit)
    window = max(SECOND, int(SECOND / limit))
    times = saturated(limit, start, seconds)

    assert most_within(times, window) <= max(1, int(limit))
    assert len(times) >= 0.9 * seconds * (limit if limit < 1 else int(limit)) - 1


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit >= 10])
def test_a_second_is_spread_over_ten_parts_or_more(limit: float) -> None:
    """Each part of a second has its share, so that the first milliseconds cannot take all traces of the second."""
    places, period = _places_and_period(limit)

    assert period <= SECOND // 10 + 1
    assert most_within(saturated(limit, 0, 3), period) <= places <= limit / 10


def test_places_times_periods_are_never_above_the_limit() -> None:
    """For each whole limit up to 20,000 and some above, 90 % to 100 % of it can be used, with bounded memory."""
    for limit in (*range(1, 20_001), 123_457, 999_999, 1_000_000):
        places, period = _places_and_period(limit)
        periods = -(-SECOND // period)  # the most periods that begin in one second

        assert 1 <= places <= 100
        assert 0.9 * limit <= places * periods <= limit


def test_a_budget_that_was_not_used_is_not_saved_up() -> None:
    """An unused budget is not saved up: after an hour without a request the limit is the same."""
    clock = Hand(0)
    sample = RateLimiting(50, now_ns=clock)
    clock.now = 3600 * SECOND

    assert 5 == sum(sample(1) for _ in range(1000))


def test_the_share_is_taken_before_the_limit() -> None:
    """With a share and a limit, traces that the share leaves out do not use up the limit."""
    clock = Hand(0)
    sample = sampling.rate_limiting(10, rate=0.01)
    keep = sampling.boundary(0.01)
    ours = RateLimiting(10, 0.01, now_ns=clock)
    wanted = [number for number in range(10_000) if keep(number)]

    assert 0.01 == sample.rate
    assert wanted[:1] == [number for number in range(10_000) if ours(number)]


@pytest.fixture
def _threads_that_alternate() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_that_alternate")
@pytest.mark.parametrize("limit", [7, 100])
def test_32_threads_keep_the_limit(limit: int) -> None:
    """32 threads together keep the limit from the first moment on, by the clock that each decision reads."""
    read = threading.local()

    def now_ns() -> int:
        read.now = now = monotonic_ns()
        return now

    sample = RateLimiting(limit, now_ns=now_ns)
    begin = threading.Barrier(32)
    recorded: list[int] = []

    def ask() -> None:
        begin.wait(30)
        end = monotonic_ns() + 1_100_000_000
        while monotonic_ns() < end:
            recorded.extend(read.now for _ in range(50) if sample(1))

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most_within(sorted(recorded), SECOND) <= limit
    assert recorded


class Hostile(Hand):
    """A clock that asks the same sampler when it is read, as a handler might, or raises."""

    def __init__(self) -> None:
        super().__init__()
        self.sample: Any = None
        self.calls = 0
        self.inner: list[int] = []

    def __call__(self) -> int:
        self.calls += 1
        self.now += 1_000_003
        now = self.now
        if self.calls % 7 == 0:
            raise KeyboardInterrupt
        if self.calls % 3 == 0 and self.sample(1):
            self.inner.append(self.now)
        return now


def test_a_handler_that_asks_or_raises_in_the_middle_costs_no_place() -> None:
    """After a thousand exceptions in the middle of a decision as many traces are recorded as before, never more."""
    clock = Hostile()
    clock.sample = sample = RateLimiting(20, now_ns=clock)
    outer = []
    for _ in range(10_000):
        try:
            if sample(1):
                outer.append(clock.now)
        except KeyboardInterrupt:
            pass
    times = sorted([*outer, *clock.inner])
    late = [at for at in times if at > clock.now // 2]

    assert clock.calls > 10_000
    # The noted time is that of the answer, at most three readings of the clock after the decision.
    assert most_within(times, SECOND - 10_000_000) <= 20
    assert len(late) >= 0.8 * 20 * (clock.now // 2) / SECOND


def test_a_signals_handler_and_the_garbage_collector_wait_for_nothing() -> None:
    """A signal's handler and the garbage collector may ask in the middle of a decision, and wait for nothing."""
    sample = sampling.rate_limiting(1000)

    class Dropped:
        def __del__(self) -> None:
            sample(1)

    def handle(*_: object) -> None:
        sample(1)

    former = signal.signal(signal.SIGVTALRM, handle)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0005, 0.0005)
    try:
        end = time.monotonic() + 0.3
        asked = 0
        while time.monotonic() < end:
            dropped = Dropped()
            dropped.itself = dropped  # type: ignore[attr-defined]
            del dropped
            sample(1)
            asked += 1
            if asked % 100 == 0:
                gc.collect(0)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, former)

    assert asked > 0


def test_a_forked_child_has_a_budget_of_its_own() -> None:
    """A forked child has a budget of its own, and does not use up its parent's."""
    sample = sampling.rate_limiting(20)
    assert True is sample(1)
    child = os.fork()
    if child == 0:
        end = time.monotonic() + 20
        while not sample(1):
            if time.monotonic() > end:
                os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert 0 == status


@pytest.mark.parametrize("limit", [0, -1, 1e-9, 1e7, float("nan"), float("inf"), "50", True, None, [1]])
def test_a_limit_that_is_none_names_the_remedy(limit: Any) -> None:
    """A wrong limit raises with the remedy, also 0, for which there is a rate."""
    with pytest.raises(ValueError, match=r"^limit is .*; use the greatest number of traces a second"):
        sampling.rate_limiting(limit)


def test_a_start_that_decides_by_itself_uses_up_nothing() -> None:
    """A start that is decided without the sampler, for instance by an excluded path, uses up nothing."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), sampler=sampling.rate_limiting(0.001))
    for priority in (0, 1):
        tracer.start_trace("x", {"sampling.priority": priority})

    assert [True, False] == [tracer.start_trace("x").context.sampled for _ in range(2)]
