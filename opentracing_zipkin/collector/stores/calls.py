"""The calls that traces tell of, worked out once: a graph of 200,000 spans is then answered in milliseconds.

Rules: a trace that changed is forgotten.  Bounded in traces; where there are too many, all are forgotten at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...model import FinishedSpan
from ..dependencies import Call, calls_of

__all__ = ["KnownCalls"]

MAX_TRACES = 50_000  # about 12 MB


class KnownCalls:
    """By the trace's number; any method from any thread."""

    def __init__(self) -> None:
        self._known: dict[int, object] = {}
        self._shared: dict[Call, Call] = {}

    def forget(self, trace: int) -> None:
        """Because it has another span, or one less."""
        if self._known:
            self._known.pop(trace, None)

    def of(self, trace: int, read: Callable[[], Sequence[FinishedSpan]]) -> Sequence[Call]:
        """The calls of a trace; `read` gives its spans where they are needed."""
        known = self._known.get(trace)
        if isinstance(known, tuple):
            return known
        if len(self._known) >= MAX_TRACES:
            self._known.clear()
            self._shared.clear()
        # The result is kept only if the trace was not forgotten in between.
        mark = self._known[trace] = object()
        calls = tuple(self._shared.setdefault(call, call) for call in calls_of(read()))
        if self._known.get(trace) is mark:
            self._known[trace] = calls
        return calls
