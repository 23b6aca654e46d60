"""The end of a process and the shutdown of its application before it: both share the limits of the wait, by a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from opentracing_zipkin.reporter import progress
from opentracing_zipkin.testing import InMemoryRecorder
from opentracing_zipkin.tracer import ZipkinTracer

POLL_S = progress.POLL_INTERVAL_S


class Collected:
    """A reporter with spans that wait until the clock reaches one of the times `accepts_at`, each of which accepts one span."""

    is_late = is_logging = False

    def __init__(self, clock: Clock, stall_s: float, total_s: float, accepts_at: list[float], spans: int = 100) -> None:
        self.exit_timeouts = (stall_s, total_s)
        self._clock = clock
        self._accepts_at = accepts_at
        self._spans = spans

    @property
    def _past(self) -> list[float]:
        return [time for time in self._accepts_at if time <= self._clock.now]

    @property
    def accepted(self) -> int:
        return len(self._past)

    @property
    def accepted_at(self) -> float:
        return max(self._past, default=-inf)

    @property
    def remaining(self) -> int:
        return self._spans - self.accepted

    def flush(self, timeout: float) -> bool:
        """Wait as a real flush does: for so many seconds, or until no span remains."""
        deadline = self._clock.now + timeout
        while self.remaining and self._clock.now < deadline:
            self._clock.now = min(deadline, self._clock.now + POLL_S)
        return not self.remaining

    def begin_close(self, cause: str) -> None: ...
    def hurry(self, deadline: float) -> None: ...
    def send_here(self, seconds: float) -> None: ...
    def release_lock(self) -> None: ...
    def give_up(self, cause: str) -> int:
        return self.remaining  # as where a send hangs, each time


class Clock:
    """Goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock.monotonic)
    monkeypatch.setattr(progress, "Alarm", lambda: clock)
    monkeypatch.setattr(progress, "_shutdowns", [])
    monkeypatch.setattr(progress, "_say", lambda *_, **__: None)
    return clock


def known(monkeypatch: pytest.MonkeyPatch, *reporters: Collected) -> None:
    monkeypatch.setattr(progress, "_all", reporters)


ENDS: dict[str, Callable[[], None]] = {
    "the exit": progress.drain_at_exit,
    "a signal": lambda: progress.drain_for_signal("SIGTERM"),
}
STALLS_S = [0, 0.1, 0.5, 2, 4, 60]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("stall_s", STALLS_S)
@pytest.mark.parametrize("shutdowns", [0, 1, 2, 5])
def test_a_shutdown_and_the_end_wait_no_longer_than_the_stall_limit_together(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, shutdowns: int, stall_s: float, end: str
) -> None:
    """With a collector that accepts nothing, all shutdowns and the end together wait `exit_stall_timeout`, and 0 is no wait."""
    reporter = Collected(clock, stall_s, 100, [])
    known(monkeypatch, reporter)
    for _ in range(shutdowns):
        assert not progress.flush_at_shutdown(reporter.flush)
        clock.now += 0.0 if stall_s == 0 else 7.0  # the application's own time does not count
    own_s = 7.0 * shutdowns if stall_s else 0.0
    ENDS[end]()

    assert stall_s <= clock.now - own_s <= stall_s + POLL_S + 0.001


# When the collector accepts a span, and the second at which everything ends: 2 s after the last one, 10 s in all.
ACCEPTED = {
    "nothing": ([], 2),
    "a span before": ([-0.5], 2),
    "a span in the shutdown": ([0.5], 2.5),
    "a span at the end": ([1.5], 3.5),
    "a span in both": ([0.5, 1.5, 3.0], 5),
    "a span now and then": ([0.9, 2.5, 4.1, 5.7, 7.3, 8.9], 10),
    "spans too late": ([2.5, 3], 2),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("case", ACCEPTED)
def test_the_limits_count_from_the_last_accepted_span_wherever_that_was(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, case: str, end: str
) -> None:
    """Shutdown and end last until `exit_stall_timeout` after the last accepted span, or until `exit_timeout` in all."""
    accepts_at, lasts_s = ACCEPTED[case]
    reporter = Collected(clock, 2, 10, accepts_at)
    known(monkeypatch, reporter)
    progress.flush_at_shutdown(reporter.flush)

    assert 1 == round(clock.now, 3)

    ENDS[end]()

    assert lasts_s <= clock.now <= lasts_s + 2 * POLL_S


@pytest.mark.parametrize("accepts_at", [[0.5], [0.5, 3.0]], ids=["in the shutdown", "after it"])
def test_a_shutdown_whose_spans_were_accepted_costs_the_end_nothing(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, accepts_at: list[float]
) -> None:
    """After the collector has accepted spans, later spans have the whole time at the end."""
    reporter = Collected(clock, 2, 10, accepts_at, spans=len(accepts_at))
    known(monkeypatch, reporter)
    progress.flush_at_shutdown(reporter.flush)
    clock.now = begin = 20.0
    reporter._spans = 100
    progress.drain_at_exit()

    assert begin + 2 <= clock.now <= begin + 2 + 2 * POLL_S


def test_an_end_during_a_shutdown_counts_its_seconds_so_far(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A second signal may end the process while its shutdown still waits on another thread."""
    reporter = Collected(clock, 2, 10, [])
    known(monkeypatch, reporter)

    def flush(timeout: float) -> bool:
        clock.now += timeout / 2
        progress.drain_at_exit()
        return False

    progress.flush_at_shutdown(flush)

    assert 2 <= clock.now <= 2 + POLL_S + 0.001


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [([], 1), ([(2, 10)], 1), ([(0.5, 10), (1, 10)], 0.5), ([(2, 1)], 0.5), ([(2, 0)], 0), ([(0, 10)], 0)],
)
def test_a_shutdown_waits_half_of_the_end_and_one_second_at_most(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, timeouts: list[tuple[float, float]], expected: float
) -> None:
    """The longest limits of all tracers count; a recorder of the application's own has one second."""
    known(monkeypatch, *(Collected(clock, *each, []) for each in timeouts))
    asked: list[float] = []

    def flush(timeout: float) -> bool:
        asked.append(timeout)
        return True

    progress.flush_at_shutdown(flush)

    assert [expected] == asked


def test_a_flush_that_raises_costs_only_its_seconds(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A recorder of the application's own may raise; the end then waits as long as is left."""
    known(monkeypatch, Collected(clock, 2, 10, []))

    def flush(timeout: float) -> bool:
        clock.now += 0.25
        raise OSError("no collector")

    with pytest.raises(OSError, match="no collector"):
        progress.flush_at_shutdown(flush)
    clock.now += 5
    progress.drain_at_exit()

    assert 7 <= clock.now <= 7 + POLL_S + 0.001


def test_a_tracer_flushes_at_shutdown_by_its_recorder(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """`flush_at_shutdown` of a tracer asks its recorder and returns the answer."""
    known(monkeypatch)
    asked: list[float] = []
    recorder = InMemoryRecorder()

    def flush(timeout: float) -> bool:
        asked.append(timeout)
        return False

    monkeypatch.setattr(recorder, "flush", flush)

    assert (False, [1.0]) == (ZipkinTracer("shop", recorder=recorder).flush_at_shutdown(), asked)


def test_an_end_that_is_reached_twice_tells_once_how_many_spans_are_lost(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A child of multiprocessing has two exit hooks, the package's and Python's, as in hypercorn's workers."""
    known(monkeypatch, Collected(clock, 2, 10, []))
    told: list[str] = []
    monkeypatch.setattr(progress, "_say", lambda what, by_logging: told.append(what))
    progress.drain_at_exit()
    progress.drain_at_exit()

    assert ["100 spans were not accepted before the process ended and are lost"] == told
