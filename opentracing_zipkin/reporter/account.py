"""The account: every finished span waits, is in flight, was sent, or was dropped for a cause.

Rules: a span is counted where its fate is decided.  The reporter's thread counts under a lock, so that every snapshot
balances; the lock is never taken by `finish`: an offer that is refused counts by a step of a counter, which is atomic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import MappingProxyType

from ..clock import monotonic
from ..stats import CAUSES, TracerStats
from .alarm import MAX_POLL_S, Alarm

__all__ = ["Account"]


class _Tally:
    """Counts by one, from any thread and without a lock."""

    __slots__ = ("_steps", "add")

    def __init__(self) -> None:
        self._steps = count()
        self.add: Callable[[], int] = self._steps.__next__

    @property
    def value(self) -> int:
        return int(repr(self._steps)[6:-1])  # "count(3)": the one way to look at it that does not step


class Account:
    """`waiting` tells how many spans wait to be encoded.  May be used from any thread."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        # Re-entrant: a signal's handler may ask in the middle of an answer.
        self._lock = threading.RLock()
        self._waiting = waiting
        self._alarms: list[Alarm] = []  # of those who wait until spans have left
        self._refused = {cause: _Tally() for cause in ("full", "closed")}
        self._dropped = dict.fromkeys(CAUSES, 0)
        self._dropped_at_flush = 0  # when the flush that ended last ended
        self._doubles = 0  # spans that were recorded twice: taken and left, and no spans of their own
        self._in_flight = 0
        self._moving = False  # whether spans are about to leave the backlog
        self.sent = 0

    # Any thread

    def refuse(self, cause: str) -> None:
        """A span that was offered is dropped, as `full` or `closed`."""
        self._refused[cause].add()

    @property
    def refused(self) -> int:
        """How many spans were offered in vain."""
        return sum(tally.value for tally in self._refused.values())

    @property
    def full(self) -> int:
        """How many spans were dropped because the queue was full."""
        return self._dropped["full"] + self._refused["full"].value

    @property
    def pending(self) -> int:
        """How many spans wait or are in flight."""
        return self._waiting() + self._in_flight

    def flushed(self, timeout: float, attend: Callable[[], None]) -> bool:
        """Whether all spans that wait now were accepted within `timeout` seconds, and none was dropped since the last flush.

        The last flush is the one that had ended before this one began, so each of several at a time has its own answer.
        `attend` sees to it that somebody sends.
        """
        deadline = monotonic() + timeout
        alarm = Alarm()
        with self._lock:
            dropped_before = self._dropped_at_flush
            due = self._gone() + self.pending
            self._alarms.append(alarm)
        try:
            while self._gone() < due:
                attend()
                left = deadline - monotonic()
                if left <= 0:
                    break
                # In turns, because in a greenlet an alarm from another thread may be late, and a thread may have to be started.
                alarm.wait(min(left, MAX_POLL_S))
        finally:
            with self._lock:
                self._alarms.remove(alarm)
                dropped = self._all_dropped()
                self._dropped_at_flush = dropped
                complete = self._gone() >= due
        return complete and dropped == dropped_before

    def stats(self) -> TracerStats:
        """A snapshot."""
        with self._lock:
            queued, in_flight, sent = self._waiting(), self._in_flight, self.sent
            dropped = self._dropped.copy()
        for cause, tally in self._refused.items():
            dropped[cause] += tally.value
        finished = queued + in_flight + sent + sum(dropped.values())
        return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))

    def drop_waiting(self, cause: str, drain: Callable[[], list[object]]) -> int:
        """Drop what `drain` takes out of the backlog; how many spans that are, with those in flight."""
        with self._lock:
            dropped = len(drain())
            self._dropped[cause] += dropped
            return dropped + self._in_flight

    # The reporter's thread

    def take(self, most: int, move: Callable[[int], None]) -> None:
        """Up to so many spans leave the backlog by `move`, and are in flight from now on."""
        with self._lock:
            count = min(most, self._waiting())
            self._moving = True
            self._in_flight += count  # before they move: if that is interrupted, nobody takes them for gone
            move(count)
            self._moving = False

    def settle(self, cause: str | None, spans: int) -> None:
        """Spans that were in flight are accepted, or dropped for a cause."""
        with self._lock:
            self._in_flight -= spans
            if cause is None:
                self.sent += spans
            else:
                self._dropped[cause] += spans
            self._ring()

    def settle_double(self) -> None:
        """A span in flight was recorded twice, by two threads that finished it at the same moment: it counts once."""
        with self._lock:
            self._in_flight -= 1
            self._doubles += 1
            self._ring()

    def reconcile(self, held: int) -> None:
        """After something had interrupted the thread: `held` spans are really in flight; those that are missing are counted."""
        with self._lock:
            missing = self._in_flight - held
            self._in_flight = held
            if missing > 0 and not self._moving:  # else they are still in the backlog
                self._dropped["interrupted"] += missing
            self._moving = False
            self._ring()

    # A signal's handler

    def release(self) -> None:
        """Give the lock back where the interrupted code, which will not go on, holds it."""
        with suppress(RuntimeError):  # it is not ours, or not any more
            while True:
                self._lock.release()

    def _ring(self) -> None:
        for alarm in self._alarms:
            alarm.set()

    def _all_dropped(self) -> int:
        return sum(self._dropped.values()) + self.refused

    def _gone(self) -> int:
        return self.sent + self._doubles + self._all_dropped()
