"""Streaks of failures in the log: a warning for the first failure and one each 30 s, a line at the end, the rest at DEBUG."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..text import are, spans, were
from .log import GuardedLog

__all__ = ["LOG_INTERVAL_S", "Streak"]

LOG_INTERVAL_S = 30.0


class Streak:
    """A time during which spans are not accepted; used by the reporter's thread.  `now`: monotonic seconds."""

    def __init__(self, log: GuardedLog, now: Callable[[], float]) -> None:
        self.failing = False
        self._log = log
        self._now = now
        self._said_at = 0.0
        self._full_said = 0

    def fail(self, what: str) -> None:
        """A failure: said as a warning if it is the first, or the first for 30 s."""
        now = self._now()
        if self.failing and now - self._said_at < LOG_INTERVAL_S:
            self._log.say(logging.DEBUG, what)
            return
        self.failing = True
        self._said_at = now
        self._log.say(logging.WARNING, what)

    def retry(self, count: int, error: Exception) -> None:
        """A message of so many spans was not accepted, and is tried again."""
        self.fail(f"{spans(count)} {are(count)} not accepted yet: {error}")

    def lose(self, count: int, cause: str, error: Exception) -> None:
        """A message of so many spans was given up."""
        self.fail(f"{spans(count)} {are(count)} lost ({cause}): {error}")

    def overflow(self, full: int, capacity: int) -> None:
        """So many spans, of all times, found the queue full; said here, because a log handler may take its time."""
        count = full - self._full_said
        if count:
            self.fail(f"{spans(count)} {were(count)} dropped: {capacity} {were(capacity)} waiting already")
            self._full_said = full

    def recover(self) -> None:
        """A message was accepted."""
        if self.failing:
            self.failing = False
            self._log.say(logging.INFO, "the collector accepts spans again")
