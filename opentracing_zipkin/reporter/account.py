"""The account: every finished span waits, is in flight, was sent, or was dropped for a cause.

Rules: a span is counted where its fate is decided.  The reporter's thread counts under a lock, so that every snapshot balances.
`finish` never takes this lock: a refused offer is counted by one step of a counter, which is atomic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from math import inf
from types import MappingProxyType

from ..clock import monotonic
from ..stats import CAUSES, TracerStats
from .alarm import MAX_POLL_S, Alarm

__all__ = ["Account"]


class _Tally:
    """A counter that counts by one, from any thread and without a lock."""

    __slots__ = ("_steps", "add")

    def __init__(self) -> None:
        self._steps = count()
        self.add: Callable[[], int] = self._steps.__next__

    @property
    def value(self) -> int:
        return int(repr(self._steps)[6:-1])  # "count(3)": only the repr shows the value without a step


class Account:
    """Counts every span.  May be used from any thread, except for the methods of the reporter's thread, marked below.

    `waiting` returns the number of spans that wait to be encoded.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        # Re-entrant, because a signal handler may ask for the account while the interrupted code holds the lock.
        self._lock = threading.RLock()
        self._waiting = waiting
        self._alarms: list[Alarm] = []  # one for each thread that waits in `await_flush`
        self._refused = {cause: _Tally() for cause in ("full", "closed")}
        self._dropped = dict.fromkeys(CAUSES, 0)
        self._dropped_at_flush = 0  # the number of dropped spans when the last flush ended
        self._doubles = 0  # spans that were recorded twice; each was in flight twice, but counts once
        self._in_flight = 0
        self._is_moving = False  # whether spans are about to leave the backlog
        self._failures = 0  # tries that failed in a way that may pass
        self.sent = 0
        self.sent_at = -inf  # monotonic seconds of the last acceptance

    # Any thread

    def count_refused(self, cause: str) -> None:
        """Count a span that was offered and is dropped as `full` or `closed`."""
        self._refused[cause].add()

    @property
    def refused(self) -> int:
        """The number of spans that were offered and refused."""
        return sum(tally.value for tally in self._refused.values())

    @property
    def dropped_as_full(self) -> int:
        """The number of spans that were dropped because the queue was full."""
        return self._dropped["full"] + self._refused["full"].value

    @property
    def pending(self) -> int:
        """The number of spans that wait or are in flight."""
        return self._waiting() + self._in_flight

    def await_flush(self, timeout: float, hurry: Callable[[float], None]) -> bool:
        """Wait until all spans that wait now are sent or dropped, at most `timeout` seconds.

        `hurry` makes a thread send them, and is called with the deadline, in monotonic seconds.

        Returns whether all were accepted, and none was dropped since the last flush.  The last flush is the one that had ended
        before this one began, so each of several flushes at a time has its own answer.
        """
        with self._lock:
            dropped_before = self._dropped_at_flush
            due = self._gone() + self.pending
        try:
            self._wait(monotonic() + timeout, hurry, lambda: self._gone() >= due)
        finally:
            with self._lock:
                dropped = self._all_dropped()
                self._dropped_at_flush = dropped
                complete = self._gone() >= due
        return complete and dropped == dropped_before

    def await_tried(self, timeout: float, hurry: Callable[[float], None]) -> None:
        """Wait until all spans that wait now are sent or dropped, or one try has failed, at most `timeout` seconds.

        It is no flush, so it does not change the answer of the next one.
        """
        with self._lock:
            due = self._gone() + self.pending
            failures = self._failures
        self._wait(monotonic() + timeout, hurry, lambda: self._gone() >= due or self._failures != failures)

    def _wait(self, deadline: float, hurry: Callable[[float], None], is_over: Callable[[], bool]) -> None:
        alarm = Alarm()
        with self._lock:
            self._alarms.append(alarm)
        try:
            while not is_over():
                hurry(deadline)
                left = deadline - monotonic()
                if left <= 0:
                    break
                # In short waits: in a greenlet an alarm from another thread may be late, and `hurry` may have to start a
                # thread.
                alarm.wait(min(left, MAX_POLL_S))
        finally:
            with self._lock:
                self._alarms.remove(alarm)

    def stats(self) -> TracerStats:
        """A snapshot of the account, which balances."""
        with self._lock:
            queued, in_flight, sent = self._waiting(), self._in_flight, self.sent
            dropped = self._dropped.copy()
        for cause, tally in self._refused.items():
            dropped[cause] += tally.value
        finished = queued + in_flight + sent + sum(dropped.values())
        return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))

    def drop_waiting(self, cause: str, drain: Callable[[], list[object]]) -> int:
        """Drop the spans that `drain` takes out of the backlog; returns their number plus the number of spans in flight."""
        with self._lock:
            dropped = len(drain())
            self._dropped[cause] += dropped
            return dropped + self._in_flight

    # The reporter's thread

    def put_in_flight(self, max_count: int, move: Callable[[int], None]) -> None:
        """Take up to `max_count` spans out of the backlog by `move`; from now on they are in flight."""
        with self._lock:
            count = min(max_count, self._waiting())
            self._is_moving = True
            self._in_flight += count  # before the move, so that an interrupted move does not make spans look sent or dropped
            move(count)
            self._is_moving = False

    def count_sent(self, spans: int) -> None:
        """Count spans that were in flight as accepted by the collector."""
        with self._lock:
            self._in_flight -= spans
            self.sent += spans
            self.sent_at = monotonic()
            self._ring()

    def count_dropped(self, cause: str, spans: int) -> None:
        """Count spans that were in flight as dropped for a cause."""
        with self._lock:
            self._in_flight -= spans
            self._dropped[cause] += spans
            self._ring()

    def count_failure(self) -> None:
        """Count a try that failed in a way that may pass; no span changes its state."""
        with self._lock:
            self._failures += 1
            self._ring()

    def count_double(self) -> None:
        """Count the second copy of a span that two threads finished at the same moment; the span itself counts once."""
        with self._lock:
            self._in_flight -= 1
            self._doubles += 1
            self._ring()

    def reconcile(self, held: int) -> None:
        """Correct the account after an exception in the middle of a round.

        `held` spans are really in flight; those that are missing are counted as dropped.
        """
        with self._lock:
            missing = self._in_flight - held
            self._in_flight = held
            if missing > 0 and not self._is_moving:  # otherwise they are still in the backlog
                self._dropped["interrupted"] += missing
            self._is_moving = False
            self._ring()

    # A signal's handler

    def release_lock(self) -> None:
        """Release the lock if the code that the signal interrupted holds it; that code will not go on."""
        with suppress(RuntimeError):  # this thread does not hold the lock, or holds it no longer
            while True:
                self._lock.release()

    def _ring(self) -> None:
        for alarm in self._alarms:
            alarm.set()

    def _all_dropped(self) -> int:
        return sum(self._dropped.values()) + self.refused

    def _gone(self) -> int:
        return self.sent + self._doubles + self._all_dropped()
