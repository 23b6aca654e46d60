"""A store in a file: spans in SQLite, their index in memory and also in the file, so that the next start is fast.

Rules: limited in bytes and in age; the oldest traces are dropped first.  A batch of spans is kept whole or not at all.  After
`add` has returned, the batch outlives this process.  There is one lock for writers and one for the index, always taken in this
order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from threading import Lock

from ...codec import json_v2
from ...log import log
from ...model import FinishedSpan
from ...option import check_number, check_whole
from ..amounts import MIN_STORE_BYTES
from ..query import TraceQuery
from . import Counts, Encoded, StoreUnavailable
from .calls import KnownCalls
from .database import Database
from .index import MAX_SEGMENT_BYTES, Index
from .indexed import Indexed
from .reading import read_back
from .segment import Segment
from .segment_bytes import from_bytes, stable_hash, to_bytes
from .tables import Tables

__all__ = ["DEFAULT_MAX_AGE_S", "DEFAULT_MAX_BYTES", "SqliteStore"]

DEFAULT_MAX_BYTES = 1024 * 1024 * 1024
DEFAULT_MAX_AGE_S = 7 * 86_400.0
# The index in memory may take `max_bytes` divided by this.  The index of usual spans takes a fifth of the bytes of their JSON;
# the index of spans that all have different services takes ten times these bytes.
INDEX_DIVISOR = 2
MIN_INDEX_BYTES = 64 * 1024 * 1024

# New spans after which the index is written; at most as many are read again after a crash, in about 0.4 s.
MAX_UNWRITTEN_SPANS = 20_000
_AGE_CHECK_INTERVAL_S = 60.0
_MAX_SHRINK_PAGES = 2_000


class SqliteStore(Indexed):
    """Traces in the order of their first span; any method may be called from any thread, but only in one process.

    `max_bytes` limits the file (in addition its log has up to 16 MiB), and half of it limits the index in memory.  `max_age_s`
    limits the time since the first span of a trace came.  For a key that is new in `listed_tags`, only values that come later
    are listed.  Raises StoreUnavailable where the file cannot be opened, or is not one of ours.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age_s: float = DEFAULT_MAX_AGE_S,
        listed_tags: Sequence[str] = (),
    ) -> None:
        self._max_bytes = check_whole("max_bytes", max_bytes, MIN_STORE_BYTES, sys.maxsize)  # the empty file takes 64 KiB
        self._max_age_s = check_number("max_age_s", max_age_s, 1, 10**10)
        self._listed_tags = frozenset(listed_tags)
        self._writing = Lock()
        self._indexing = Lock()
        self._hash = stable_hash()
        self._known_calls = KnownCalls()
        self._dirty: dict[int, Segment] = {}
        self._since_written = 0
        self._stale = 0
        self._evicted = self._lost = 0
        self._last_failure = ""
        self._closed = False
        self._age_checked_s = float("-inf")
        self._database = Database(path)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def _open(self) -> None:
        self._tables = Tables(self._database)
        self._load_index(*self._tables.bounds())
        with self._writing:
            self._make_room()

    def _new_index(self, first: int) -> Index:
        return Index(self._hash, self._listed_tags, min(MAX_SEGMENT_BYTES, self._max_bytes // 16), first)

    def _load_index(self, first: int, end: int) -> None:
        """Read the index from its written parts.

        The rest is made from the spans; if a part is damaged, the whole index is.
        """
        damaged = False
        index = self._index = self._new_index(first)
        try:
            for body in self._tables.segments():
                index.append_segment(from_bytes(body, self._hash))
            if first < index.end and index.segment_start(first) > first:
                raise ValueError("its beginning is missing")
        except ValueError as error:
            log.warning("zipkin: the index of the spans in %s is rebuilt: %s", self._database.path, error)
            damaged = True
            index = self._index = self._new_index(first)
        index.drop_before(first)
        while index.end < end:
            index.open_trace()
        for number, encoded in self._tables.not_indexed(damaged):
            for span in read_back(encoded):
                self._index_span(number, span)

    def _index_span(self, number: int, span: FinishedSpan) -> None:
        segment = self._index.add(number, span)
        self._known_calls.forget(number)
        self._dirty[segment.first] = segment
        self._since_written += 1

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans; over the limit the oldest traces are dropped, and of a single trace over the limit its oldest spans."""
        encoded = [(json_v2.encode(span), span) for span in spans]
        if not encoded:
            return
        with self._writing:
            try:
                self._add(encoded)
            except StoreUnavailable as error:
                self._lost += len(encoded)
                self._log_failure(str(error))
                raise
            try:
                if self._since_written >= MAX_UNWRITTEN_SPANS:
                    self._write_index()
                self._make_room()
                self._log_failure("")
            except StoreUnavailable as error:  # the spans are kept nevertheless
                self._log_failure(str(error))

    def _log_failure(self, failure: str) -> None:
        """Log a failure once, and its end once; "" means no failure."""
        if failure and failure != self._last_failure:
            log.warning("zipkin: %s", failure)
        elif self._last_failure and not failure:
            log.info("zipkin: spans are kept in %s again", self._database.path)
        self._last_failure = failure

    def _add(self, encoded: Sequence[tuple[bytes, FinishedSpan]]) -> None:
        added = self._tables.add(encoded)
        with self._indexing:
            while self._index.end < added.end:
                self._index.open_trace()
        for number, span in added.fresh:
            with self._indexing:  # for each span, so that a query does not wait for a whole message
                self._index_span(number, span)

    def _write_index(self) -> None:
        """Write the index into the file, so that the next start need not read every span."""
        first = self._index.first
        self._tables.write_segments([(at, to_bytes(segment)) for at, segment in self._dirty.items() if segment.end > first])
        self._dirty.clear()
        self._since_written = 0

    def _make_room(self) -> None:
        """Drop spans over the limits, and return free pages to the disk if the file is too large."""
        fresh = self._first_fresh()
        if fresh > self._index.first:
            self._drop_before(fresh)
        used, size = self._database.page_bytes()
        while self._is_over(used) and self._index.first < self._index.end:
            if self._index.end - self._index.first > 1:  # 0.5 % at a time, so that no caller waits long
                self._drop_before(self._index.first + max(1, (self._index.end - self._index.first) // 200))
            elif not self._trim(self._index.first):
                break
            used, size = self._database.page_bytes()
        if size > self._max_bytes and size > used:
            self._database.shrink(_MAX_SHRINK_PAGES)
        self._used_bytes = used

    def _is_over(self, used: int) -> bool:
        return used > self._max_bytes or self._index.size > max(self._max_bytes // INDEX_DIVISOR, MIN_INDEX_BYTES)

    def _first_fresh(self) -> int:
        """The first trace that is not too old."""
        now = time.time()
        if now - self._age_checked_s < _AGE_CHECK_INTERVAL_S:
            return self._index.first
        self._age_checked_s = now
        return self._tables.first_since(now - self._max_age_s)

    def _drop_before(self, trace: int) -> None:
        self._evicted += self._tables.drop_before(trace, self._index.segment_start(trace))
        with self._indexing:
            self._index.drop_before(trace)

    def _trim(self, trace: int) -> int:
        gone = self._tables.trim(trace)
        self._known_calls.forget(trace)
        self._evicted += gone
        self._stale += gone
        if self._stale > self._tables.spans:
            self._index_again(trace)
        return gone

    def _index_again(self, trace: int) -> None:
        """Make the index of the only trace anew, when it has more dropped spans than kept ones."""
        self._stale = 0
        spans = read_back(self._tables.spans_of([trace])[0])
        with self._indexing:
            self._index = self._new_index(trace)
            self._index.open_trace()
            self._dirty.clear()
            for span in spans:
                self._index_span(trace, span)

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        return self._tables.trace(trace_id)

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the oldest trace first."""
        return [read_back(encoded) for encoded in self._tables.all()]

    def find(self, query: TraceQuery) -> list[Encoded]:
        """The traces that match, the latest first."""
        with self._indexing:
            numbers = self._index.find(query)
        return [spans for spans in self._tables.spans_of(numbers) if spans]

    def _spans_of(self, traces: Sequence[int]) -> list[Encoded]:
        return list(self._tables.spans_of(traces))

    def counts(self) -> Counts:
        """The current counts."""
        with self._indexing:
            traces = self._index.end - self._index.first
        return Counts(self._tables.spans, traces, self._used_bytes, self._max_bytes, self._evicted, self._lost)

    def clear(self) -> None:
        """Forget every span."""
        with self._writing:
            self._tables.clear()
            with self._indexing:
                self._index = self._new_index(self._index.end)
                self._dirty.clear()
            self._make_room()

    def close(self) -> None:
        """Write the index, and close the file."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            try:
                if self._dirty:
                    self._write_index()
            except StoreUnavailable as error:
                log.warning("zipkin: %s", error)
            finally:
                self._database.close()
