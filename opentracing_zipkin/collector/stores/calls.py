"""The calls in traces, found once for each trace: the graph of 200,000 spans is then answered in milliseconds.

Rules: a changed trace is forgotten.  The number of traces is limited; at the limit, all are forgotten at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...model import FinishedSpan
from ..dependencies import Call, calls_of

__all__ = ["KnownCalls"]

MAX_KNOWN_TRACES = 50_000  # about 12 MB


class KnownCalls:
    """Calls by the trace's number; any method may be called from any thread."""

    def __init__(self) -> None:
        self._known: dict[int, object] = {}
        self._shared: dict[Call, Call] = {}

    def forget(self, trace: int) -> None:
        """Forget the calls of a trace, because it got or lost a span."""
        if self._known:
            self._known.pop(trace, None)

    def of(self, trace: int, read: Callable[[], Sequence[FinishedSpan]]) -> Sequence[Call]:
        """The calls of a trace; `read` is called for its spans if they are needed."""
        known = self._known.get(trace)
        if isinstance(known, tuple):
            return known
        if len(self._known) >= MAX_KNOWN_TRACES:
            self._known.clear()
            self._shared.clear()
        # The result is kept only if the trace was not forgotten meanwhile.
        mark = self._known[trace] = object()
        calls = tuple(self._shared.setdefault(call, call) for call in calls_of(read()))
        if self._known.get(trace) is mark:
            self._known[trace] = calls
        return calls
