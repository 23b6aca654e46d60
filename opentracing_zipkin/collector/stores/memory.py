"""A store in memory: traces by id, the oldest go first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

from ...codec import json_v2
from ...model import FinishedSpan
from .. import query
from ..query import TraceQuery, Window
from . import Counts, Encoded

__all__ = ["MAX_BYTES", "MemoryStore"]

MAX_BYTES = 256 * 1024 * 1024


class MemoryStore:
    """Traces in the order of their first span; any method from any thread.

    `max_bytes` bounds the memory that spans and their index take, `max_spans` the spans, None for no bound of that kind.
    `listed_tags` are the keys whose values `tag_values` lists.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_spans: int | None = None, listed_tags: Sequence[str] = ()) -> None:
        self._max_bytes = max_bytes
        self._max_spans = max_spans
        self._listed_tags = frozenset(listed_tags)
        self._lock = Lock()
        self._evicted = 0
        self.clear()

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans; where they are too many, whole traces go, and of a single too long one its oldest spans."""
        encoded = [(json_v2.encode(span), span) for span in spans]
        with self._lock:
            for key, span in encoded:
                trace = self._traces.setdefault(span.trace_id, {})
                if key not in trace:
                    trace[key] = span
                    self._count += 1
                    if self._count > (self._max_spans or self._count):
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
        """The spans of one trace."""
        with self._lock:
            return list(self._traces.get(trace_id, {}).values())

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the oldest trace first."""
        with self._lock:
            return [list(trace.values()) for trace in self._traces.values()]

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        return [json_v2.encode(span) for span in self.trace(trace_id)]

    def find(self, query_: TraceQuery) -> list[Encoded]:
        """The traces that match, the latest first."""
        return [[json_v2.encode(span) for span in trace] for trace in query.find(self.traces(), query_)]

    def within(self, window: Window) -> Iterator[list[FinishedSpan]]:
        """The traces that began in a window."""
        return (trace for trace in self.traces() if window.holds(trace))

    def service_names(self) -> list[str]:
        """Who sent spans."""
        return query.service_names(self.traces())

    def span_names(self, service_name: str) -> list[str]:
        """The names of a service's spans."""
        return query.span_names(self.traces(), service_name)

    def remote_service_names(self, service_name: str) -> list[str]:
        """Whom a service's spans name as their other side."""
        return query.remote_service_names(self.traces(), service_name)

    def tag_values(self, key: str) -> list[str]:
        """The values of a listed tag."""
        if key not in self._listed_tags:
            return []
        return sorted({span.tags[key] for trace in self.traces() for span in trace if key in span.tags})

    def counts(self) -> Counts:
        """What is here."""
        with self._lock:
            return Counts(self._count, len(self._traces), 0, self._max_bytes, self._evicted, 0)

    def clear(self) -> None:
        """Forget every span."""
        with self._lock:
            self._count = 0
            # By trace id, then by the span's JSON, which is what makes two spans the same.
            self._traces: dict[str, dict[bytes, FinishedSpan]] = {}

    def close(self) -> None:
        """Nothing is open."""
