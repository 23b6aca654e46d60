"""The listener: `on_stats` is called with the account when it has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..stats import TracerStats
from .log import GuardedLog

__all__ = ["Listener"]


class Listener:
    """Calls a function of the user's, on the reporter's thread; one that raises is not called again."""

    def __init__(self, on_stats: Callable[[TracerStats], object] | None, log: GuardedLog) -> None:
        self._on_stats = on_stats
        self._log = log
        self._told: TracerStats | None = None

    def tell(self, stats: Callable[[], TracerStats]) -> None:
        """Tell the account, where it has changed since."""
        if self._on_stats is None:
            return
        now = stats()
        if now == self._told:
            return
        self._told = now
        try:
            self._on_stats(now)
        except BaseException:  # the application's code: SystemExit or a time-out is no reason to end the thread
            self._on_stats = None
            self._log.say(logging.ERROR, "on_stats failed and is not called any more", traceback=True)
