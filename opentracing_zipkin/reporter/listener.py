"""Who wants to know: `on_stats` is called with the account when it has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..stats import TracerStats

__all__ = ["Listener"]

log = logging.getLogger("opentracing_zipkin")


class Listener:
    """Calls a function of the user's, on the reporter's thread; one that raises is not called again."""

    def __init__(self, on_stats: Callable[[TracerStats], object] | None) -> None:
        self._on_stats = on_stats
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
        except Exception:
            log.exception("zipkin: on_stats failed and is not called any more")
            self._on_stats = None
