"""The collector's memory: traces by id, the oldest go first.

Rules: bounded in spans.  A span is kept once, however often it was sent, and answered as it came: pieces of one span that two
processes sent stay two.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from ..codec import json_v2
from ..model import FinishedSpan

__all__ = ["Store"]


class Store:
    """Traces in the order of their first span; any method from any thread."""

    def __init__(self, max_spans: int) -> None:
        self._max_spans = max_spans
        self._lock = Lock()
        self._count = 0
        # By trace id, then by the span's JSON, which is what makes two spans the same.
        self._traces: dict[str, dict[bytes, FinishedSpan]] = {}

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans; where they are too many, whole traces go, and of a single too long one its oldest spans."""
        encoded = [(json_v2.encode(span), span) for span in spans]
        with self._lock:
            for key, span in encoded:
                trace = self._traces.setdefault(span.trace_id, {})
                if key not in trace:
                    trace[key] = span
                    self._count += 1
                    if self._count > self._max_spans:
                        self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._traces))
        if len(self._traces) > 1:
            self._count -= len(self._traces.pop(oldest))
        else:
            trace = self._traces[oldest]
            del trace[next(iter(trace))]
            self._count -= 1

    def trace(self, trace_id: str) -> list[FinishedSpan]:
        """The spans of the trace of this id (16 or 32 lower-hex characters); none if it is not here."""
        with self._lock:
            return list(self._traces.get(trace_id, {}).values())

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the oldest trace first."""
        with self._lock:
            return [list(trace.values()) for trace in self._traces.values()]
