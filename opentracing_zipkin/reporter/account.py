"""The account: every finished span waits, is in flight, was sent, or was dropped for a cause.

Rules: a span is counted where its fate is decided, under one lock, so that every snapshot balances.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import MappingProxyType
from typing import TypeVar

from ..stats import CAUSES, TracerStats

__all__ = ["Account"]

_T = TypeVar("_T")


class Account:
    """`waiting` tells how many spans wait to be encoded.  May be used from any thread."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        # Re-entrant: a collection of garbage inside it may finish a span, on this very thread.
        self._lock = threading.RLock()
        # Notified whenever spans have left the reporter, sent or dropped.
        self._settled = threading.Condition(self._lock)
        self._waiting = waiting
        self.sent = 0
        self._in_flight = 0
        self._dropped = dict.fromkeys(CAUSES, 0)
        self._dropped_before_flush = 0

    @property
    def full(self) -> int:
        """How many spans were dropped because the queue was full."""
        return self._dropped["full"]

    @property
    def pending(self) -> int:
        """How many spans wait or are in flight."""
        return self._waiting() + self._in_flight

    def take(self, drain: Callable[[], list[_T]]) -> list[_T]:
        """What `drain` takes out of the backlog, which is in flight from now on."""
        with self._lock:
            spans = drain()
            self._in_flight += len(spans)
            return spans

    def settle(self, cause: str | None, spans: int) -> None:
        """Spans that were in flight are accepted, or dropped for a cause."""
        with self._lock:
            self._in_flight -= spans
            if cause is None:
                self.sent += spans
            else:
                self._dropped[cause] += spans
            self._settled.notify_all()

    def drop(self, cause: str, spans: int = 1) -> None:
        """Spans that were never in flight are dropped."""
        if sys.is_finalizing():  # the thread is frozen, and may be so with the lock in its hands
            self._dropped[cause] += spans
            return
        with self._lock:
            self._dropped[cause] += spans

    def drop_waiting(self, cause: str, drain: Callable[[], list[object]]) -> int:
        """Drop what `drain` takes out of the backlog; how many spans stay in flight or were dropped."""
        with self._lock:
            dropped = len(drain())
            self._dropped[cause] += dropped
            return dropped + self._in_flight

    def flushed(self, timeout: float, hurry: Callable[[], None]) -> bool:
        """Whether all spans of now were accepted, within `timeout` seconds, and none was dropped since the last flush."""
        deadline = time.monotonic() + timeout
        with self._lock:
            due = self._gone() + self.pending
            if self._gone() < due:
                hurry()
            while self._gone() < due:
                left = deadline - time.monotonic()
                if left <= 0 or not self._settled.wait(left):
                    break
            dropped = sum(self._dropped.values())
            lossless = dropped == self._dropped_before_flush
            self._dropped_before_flush = dropped
            return lossless and self._gone() >= due

    def wait(self, timeout: float) -> None:
        """Until spans have left the reporter, or for so many seconds."""
        with self._lock:
            self._settled.wait(timeout)

    def stats(self) -> TracerStats:
        """A snapshot."""
        with self._lock:
            queued, in_flight, sent = self._waiting(), self._in_flight, self.sent
            dropped = dict(self._dropped)
        finished = queued + in_flight + sent + sum(dropped.values())
        return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))

    def release(self) -> None:
        """In a signal's handler: give the lock back where the interrupted code, which will not go on, holds it."""
        with suppress(RuntimeError):  # it is not ours, or not any more
            while True:
                self._lock.release()

    def _gone(self) -> int:
        return self.sent + sum(self._dropped.values())
