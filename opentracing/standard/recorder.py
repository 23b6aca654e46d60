"""Recorder: receives the finished spans of a tracer, and decides what is done with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future

from .raw import RawSpan

__all__ = ["InMemoryRecorder", "Recorder"]


class Recorder(ABC):
    """Takes finished spans from any thread; `record` must neither block nor raise."""

    @abstractmethod
    def record(self, span: RawSpan) -> None:
        """Take over a finished span."""

    def flush(self, timeout: float = 2.0) -> bool:
        """Pass on all spans recorded so far; returns whether that was done within `timeout` seconds."""
        return True

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush and accept no more spans; returns a Future of the result of `flush`."""
        done: Future[bool] = Future()
        done.set_result(self.flush(timeout))
        return done


class InMemoryRecorder(Recorder):
    """Keeps every span, for tests; may be used from any thread, because its operations on the list are atomic."""

    def __init__(self) -> None:
        self._spans: list[RawSpan] = []

    def record(self, span: RawSpan) -> None:
        self._spans.append(span)

    @property
    def spans(self) -> list[RawSpan]:
        """The finished spans so far, in the order in which they finished."""
        return self._spans.copy()

    def clear(self) -> None:
        """Forget the spans."""
        self._spans.clear()
