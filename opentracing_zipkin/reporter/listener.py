"""The listener: calls `on_stats` with the account when the account has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..stats import TracerStats
from .log import GuardedLog

__all__ = ["Listener"]


class Listener:
    """Calls a function of the application on the reporter's thread; after an exception it is not called again."""

    def __init__(self, on_stats: Callable[[TracerStats], object] | None, log: GuardedLog) -> None:
        self._on_stats = on_stats
        self._log = log
        self._last_stats: TracerStats | None = None

    def notify(self, stats: Callable[[], TracerStats]) -> None:
        """Call the function with the account, if it has changed since the last call."""
        if self._on_stats is None:
            return
        now = stats()
        if now == self._last_stats:
            return
        self._last_stats = now
        try:
            self._on_stats(now)
        except BaseException:  # application code: SystemExit or a time-out must not end the thread
            self._on_stats = None
            self._log.say(logging.ERROR, "on_stats failed and is not called any more", traceback=True)
