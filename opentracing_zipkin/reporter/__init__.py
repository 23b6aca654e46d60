"""Reporting: finished spans in, encoded messages out, on a thread of its own.  Here the seam, and the reporter's name."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from ..stats import CAUSES, TracerStats
from .reporter import Reporter

__all__ = ["Recorder", "Reporter"]


class Recorder(Protocol):
    """Where a tracer leaves its finished spans; by itself it drops them.

    A recorder of one's own inherits from this class and has at least a `record`.
    """

    def record(self, span: Any, /) -> None:
        """Take a finished span; `span.to_finished()` is the FinishedSpan.  Called on the application's threads."""

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether every span recorded before the call was accepted, within `timeout` seconds."""
        return True

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush and stop; at once the Future of the answer, done within `timeout` seconds."""
        done: Future[bool] = Future()
        done.set_result(self.flush(timeout))
        return done

    def pause(self, paused: bool) -> None:
        """Take and send nothing from now on, and keep what waits; or go on."""

    def stats(self) -> TracerStats:
        """The account now."""
        return TracerStats(0, 0, 0, 0, dict.fromkeys(CAUSES, 0))
