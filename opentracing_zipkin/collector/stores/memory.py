"""A store in memory: each span as its JSON, limited in bytes; the oldest traces are dropped first.

Rules: the limit counts all memory of a span in this process, including its place in the index.  If a single trace is over the
limit, its oldest spans are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

from ...codec import json_v2
from ...model import FinishedSpan
from ..query import TraceQuery
from . import Counts, Encoded
from .calls import KnownCalls
from .index import MAX_SEGMENT_BYTES, Index
from .indexed import Indexed
from .reading import read_back

__all__ = ["DEFAULT_MAX_BYTES", "MemoryStore", "low_id"]

DEFAULT_MAX_BYTES = 256 * 1024 * 1024

# On 64-bit CPython 3.11, in addition to the JSON: for a span, the header of its bytes and its entry in the trace's dict; for a
# trace, its dict, its id and its entries.  The sum is within 3 % of the real memory (200,000 spans in 20,000 and in 200,000
# traces).
_SPAN_BYTES = 33 + 50
_TRACE_BYTES = 500


def low_id(trace_id: str) -> str:
    """The part of a trace id that identifies the trace: a library that knows only 64 bits cuts a 128-bit id."""
    return trace_id[-16:]


class _Trace:
    """A trace's number in the index, and its spans as JSON, in the order of arrival."""

    __slots__ = ("kept_bytes", "low_id", "number", "spans")

    def __init__(self, low_id: str, number: int) -> None:
        self.low_id = low_id
        self.number = number
        self.spans: dict[bytes, None] = {}
        self.kept_bytes = _TRACE_BYTES


class MemoryStore(Indexed):
    """Traces in the order of their first span; any method may be called from any thread.

    `max_bytes` limits the memory of spans and their index, `max_spans` the number of spans (None for no such limit).
    `listed_tags` are the keys whose values `tag_values` lists.
    """

    def __init__(
        self, max_bytes: int = DEFAULT_MAX_BYTES, max_spans: int | None = None, listed_tags: Sequence[str] = ()
    ) -> None:
        self._max_bytes = max_bytes
        self._max_spans = max_spans
        self._listed_tags = frozenset(listed_tags)
        self._indexing = Lock()
        self._evicted = 0
        self.clear()

    def clear(self) -> None:
        """Forget every span."""
        with self._indexing:
            self._count = 0
            self._trace_bytes = 0
            self._stale = 0
            self._traces: dict[str, _Trace] = {}
            self._traces_by_number: dict[int, _Trace] = {}
            self._index = self._new_index()
            self._known_calls = KnownCalls()

    def _new_index(self, first: int = 1) -> Index:
        return Index(hash, self._listed_tags, min(MAX_SEGMENT_BYTES, self._max_bytes // 16), first)

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans; over the limit the oldest traces are dropped, and of a single trace over the limit its oldest spans."""
        encoded = [(json_v2.encode(span), span) for span in spans]
        for data, span in encoded:
            with self._indexing:  # for each span, so that a query does not wait for a whole message
                self._add(data, span)

    def _add(self, data: bytes, span: FinishedSpan) -> None:
        low = low_id(span.trace_id)
        trace = self._traces.get(low)
        if trace is None:
            trace = self._open(low)
        elif data in trace.spans:
            return
        trace.spans[data] = None
        size = len(data) + _SPAN_BYTES
        trace.kept_bytes += size
        self._trace_bytes += size
        self._index.add(trace.number, span)
        self._known_calls.forget(trace.number)
        self._count += 1
        while self._is_over() and self._evict():
            pass

    def _open(self, low: str) -> _Trace:
        trace = self._traces[low] = _Trace(low, self._index.open_trace())
        self._traces_by_number[trace.number] = trace
        self._trace_bytes += _TRACE_BYTES
        return trace

    def _is_over(self) -> bool:
        over_count = self._max_spans is not None and self._count > self._max_spans
        return over_count or self._trace_bytes + self._index.size > self._max_bytes

    def _evict(self) -> bool:
        """Drop the oldest trace, or the oldest span if there is only one trace; False if there is none."""
        oldest = self._traces_by_number[self._index.first]
        if len(self._traces) > 1:
            del self._traces[oldest.low_id], self._traces_by_number[oldest.number]
            self._index.drop_before(oldest.number + 1)
            self._forget(len(oldest.spans), oldest.kept_bytes)
            return True
        if oldest.spans:
            data = next(iter(oldest.spans))
            del oldest.spans[data]
            oldest.kept_bytes -= len(data) + _SPAN_BYTES
            self._forget(1, len(data) + _SPAN_BYTES)
            self._known_calls.forget(oldest.number)
            self._stale += 1
            if self._stale > len(oldest.spans):
                self._index_again(oldest)
            return True
        return False

    def _forget(self, count: int, size: int) -> None:
        self._count -= count
        self._evicted += count
        self._trace_bytes -= size

    def _index_again(self, trace: _Trace) -> None:
        """Make the index of the only trace anew, when it has more dropped spans than kept ones.

        SqliteStore has a method like it: there the spans are read from the file, and segments are marked as not written.
        """
        self._stale = 0
        self._index = self._new_index(trace.number)
        self._index.open_trace()
        for span in read_back(trace.spans):
            self._index.add(trace.number, span)

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the oldest trace first."""
        with self._indexing:
            traces = [list(trace.spans) for trace in self._traces.values() if trace.spans]
        return [read_back(trace) for trace in traces]

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        with self._indexing:
            trace = self._traces.get(low_id(trace_id))
            return [] if trace is None else list(trace.spans)

    def find(self, query: TraceQuery) -> list[Encoded]:
        """The traces that match, the latest first."""
        with self._indexing:
            traces = [self._traces_by_number[number] for number in self._index.find(query)]
            return [list(trace.spans) for trace in traces if trace.spans]

    def _spans_of(self, traces: Sequence[int]) -> list[Encoded]:
        with self._indexing:
            found = [self._traces_by_number.get(number) for number in traces]
            return [[] if trace is None else list(trace.spans) for trace in found]

    def counts(self) -> Counts:
        """The current counts."""
        with self._indexing:
            kept = self._trace_bytes + self._index.size
            return Counts(self._count, len(self._traces), kept, self._max_bytes, self._evicted, 0)

    def close(self) -> None:
        """Do nothing, because no file is open."""
