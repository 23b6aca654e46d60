"""Streaks of failures in the log: warnings for the first and every 30 s, a line at the end, the rest at DEBUG."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..text import are, spans, were
from .log import GuardedLog

__all__ = ["LOG_INTERVAL_S", "Streak"]

LOG_INTERVAL_S = 30.0


class Streak:
    """Logs a time during which spans are not accepted; used by the reporter's thread.  `now`: monotonic seconds."""

    def __init__(self, log: GuardedLog, now: Callable[[], float]) -> None:
        self.failing = False
        self._log = log
        self._now = now
        self._logged_at = 0.0
        self._full_logged = 0

    def fail(self, what: str) -> None:
        """Log a failure: as a warning if it is the first one, or the first one in 30 s."""
        now = self._now()
        if self.failing and now - self._logged_at < LOG_INTERVAL_S:
            self._log.say(logging.DEBUG, what)
            return
        self.failing = True
        self._logged_at = now
        self._log.say(logging.WARNING, what)

    def retry(self, count: int, error: Exception) -> None:
        """Log that a message of `count` spans was not accepted and will be tried again."""
        self.fail(f"{spans(count)} {are(count)} not accepted yet: {error}")

    def lose(self, count: int, cause: str, error: Exception) -> None:
        """Log that a message of `count` spans was given up."""
        self.fail(f"{spans(count)} {are(count)} lost ({cause}): {error}")

    def overflow(self, full: int, capacity: int) -> None:
        """Log the spans that found the queue full since the last call; `full` is the number of all such spans.

        This is done on the reporter's thread, because a log handler may be slow.
        """
        count = full - self._full_logged
        if count:
            self.fail(f"{spans(count)} {were(count)} dropped, because the queue was full: {capacity} {were(capacity)} waiting")
            self._full_logged = full

    def recover(self) -> None:
        """Log the end of a streak, because a message was accepted."""
        if self.failing:
            self.failing = False
            self._log.say(logging.INFO, "the collector accepts spans again")
