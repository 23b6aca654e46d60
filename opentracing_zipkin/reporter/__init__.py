"""Reporting: finished spans come in, encoded messages go out, on one separate thread.

This file has the interface between tracer and reporter, and the name of the reporter.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from ..stats import CAUSES, TracerStats
from .reporter import Reporter

__all__ = ["Recorder", "Reporter"]


# A twin of `opentracing.standard.Recorder`, because this package also runs on upstream's `opentracing` 2.4, which has no such
# class.
class Recorder(Protocol):
    """The place where a tracer puts its finished spans; this base class drops them.

    A recorder of an application inherits from this class and has at least a `record`.
    """

    def record(self, span: Any, /) -> None:
        """Take a finished span; `span.to_finished()` is the FinishedSpan.  Called on the application's threads."""

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether every span recorded before the call was accepted within `timeout` seconds."""
        return True

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush and stop; returns at once the Future of the result, which is done within `timeout` seconds."""
        done: Future[bool] = Future()
        done.set_result(self.flush(timeout))
        return done

    def pause(self, paused: bool) -> None:
        """Take and send no span from now on, but keep the waiting ones; with False, go on."""

    def stats(self) -> TracerStats:
        """A snapshot of the account."""
        return TracerStats(0, 0, 0, 0, dict.fromkeys(CAUSES, 0))
