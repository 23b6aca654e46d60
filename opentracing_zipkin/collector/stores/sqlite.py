"""A store in a file: spans in SQLite, their index in memory and, so that the next start is quick, in the file too.

Rules: bounded in bytes and in age, the oldest traces go first.  A batch of spans is kept whole or not at all, and once `add`
returns it outlives this process.  One lock for those who write, one for the index; both in this order.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from threading import Lock

from ...codec import json_v2
from ...log import log
from ...model import FinishedSpan
from ..query import TraceQuery, Window
from . import Counts, Encoded, StoreUnavailable
from .database import Database
from .index import SEGMENT_BYTES, Index
from .indexed import Indexed
from .reading import read_back
from .segment import Segment
from .segment_bytes import from_bytes, stable_hash, to_bytes

__all__ = ["MAX_AGE_S", "MAX_BYTES", "SqliteStore"]

MAX_BYTES = 1024 * 1024 * 1024
MAX_AGE_S = 7 * 86_400.0

INDEX_SPANS = 20_000  # after so many the index is written; as many, at most, are read again after a crash, in about 0.4 s
_AGE_CHECK_S = 60.0
_SHRINK_PAGES = 2_000


def _low_number(trace_id: str) -> int:
    """The low 64 bits of a trace's id, as SQLite's integers are."""
    return int(trace_id[-16:], 16) - (1 << 63)


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


class SqliteStore(Indexed):
    """Traces in the order of their first span; any method from any thread, of one process.

    `max_bytes` bounds the file (its log, up to 16 MiB, comes on top), `max_age_s` the time since a trace's first span came.
    Of a key that is new in `listed_tags` the values are listed that come from now on.
    Raises StoreUnavailable where the file cannot be opened, or is none of ours.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        max_bytes: int = MAX_BYTES,
        max_age_s: float = MAX_AGE_S,
        listed_tags: Sequence[str] = (),
    ) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._listed_tags = frozenset(listed_tags)
        self._writing = Lock()
        self._indexing = Lock()
        self._hash = stable_hash()
        self._dirty: dict[int, Segment] = {}
        self._since_written = 0
        self._stale = 0
        self._evicted = self._lost = 0
        self._failing = self._closed = False
        self._age_checked_s = float("-inf")
        self._database = Database(path)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise

    def _open(self) -> None:
        with self._database.writing() as writer:
            self._spans, self._came, end = writer.execute("select spans, came, next_trace from totals").fetchone()
            [first] = writer.execute("select min(number) from traces").fetchone()
            self._index = self._new_index(end if first is None else first)
            self._load_index(writer, end)
        with self._writing:
            self._make_room()

    def _new_index(self, first: int) -> Index:
        return Index(self._hash, self._listed_tags, min(SEGMENT_BYTES, self._max_bytes // 16), first)

    def _load_index(self, writer: sqlite3.Connection, end: int) -> None:
        """What was written of it; what came since, and all where what was written is damaged, is read from the spans."""
        index = self._index
        pending = "trace in (select trace from pending)"
        try:
            for [body] in writer.execute("select body from segments order by first"):
                index.put(from_bytes(body, self._hash))
            if index.first < index.end and index.segment_start(index.first) > index.first:
                raise ValueError("its beginning is missing")
        except ValueError as error:
            log.warning("zipkin: the index of the spans in %s is made anew: %s", self._database.path, error)
            index = self._index = self._new_index(index.first)
            pending = "true"
        index.drop_before(index.first)
        while index.end < end:
            index.open_trace()
        rows = writer.execute(f"select trace, json from spans where {pending} order by trace, came")
        for number, group in groupby(rows, lambda row: int(row[0])):
            for span in read_back(data for _, data in group):
                self._index_span(number, span)

    def _index_span(self, number: int, span: FinishedSpan) -> None:
        segment = self._index.add(number, span)
        self._dirty[segment.first] = segment
        self._since_written += 1

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans; where they are too many, whole traces go, and of a single too long one its oldest spans."""
        encoded = [(json_v2.encode(span), span) for span in spans]
        if not encoded:
            return
        with self._writing:
            try:
                self._add(encoded)
                self._make_room()
            except StoreUnavailable as error:
                self._lost += len(encoded)
                if not self._failing:
                    log.warning("zipkin: %s", error)
                self._failing = True
                raise
            if self._failing:
                log.info("zipkin: spans are kept in %s again", self._database.path)
            self._failing = False

    def _add(self, encoded: Sequence[tuple[bytes, FinishedSpan]]) -> None:
        end, came = self._index.end, self._came
        numbers: dict[int, int] = {}
        fresh: list[tuple[int, FinishedSpan]] = []
        with self._database.writing() as writer:
            execute = writer.execute
            for data, span in encoded:
                low = _low_number(span.trace_id)
                number = numbers.get(low)
                if number is None:
                    [number] = execute("select number from traces where low_id = ?", (low,)).fetchone() or [None]
                    if number is None:
                        number, end = end, end + 1
                        execute("insert into traces values (?, ?, ?)", (number, low, int(time.time())))
                    numbers[low] = number
                came += 1
                row = (number, _digest(data), came, data)
                if execute("insert or ignore into spans values (?, ?, ?, ?)", row).rowcount:
                    fresh.append((number, span))
            writer.executemany("insert or ignore into pending values (?)", [(number,) for number in {n for n, _ in fresh}])
            spans = self._spans + len(fresh)
            execute("update totals set spans = ?, came = ?, next_trace = ?", (spans, came, end))
        self._spans, self._came = spans, came
        with self._indexing:
            while self._index.end < end:
                self._index.open_trace()
            for number, span in fresh:
                self._index_span(number, span)
        if self._since_written >= INDEX_SPANS:
            self._write_index()

    def _write_index(self) -> None:
        """So that the next start need not read every span."""
        with self._database.writing() as writer:
            bodies = [(first, to_bytes(segment)) for first, segment in self._dirty.items() if segment.end > self._index.first]
            writer.executemany("insert or replace into segments values (?, ?)", bodies)
            writer.execute("delete from pending")
        self._dirty.clear()
        self._since_written = 0

    def _make_room(self) -> None:
        """Drop what is too old or too much, and give back to the disk what the file has too much."""
        fresh = self._first_fresh()
        if fresh > self._index.first:
            self._drop_before(fresh)
        used, size = self._database.page_bytes()
        while used > self._max_bytes and self._index.first < self._index.end:
            if self._index.end - self._index.first > 1:  # a 200th at a time, so that nobody waits long
                self._drop_before(self._index.first + max(1, (self._index.end - self._index.first) // 200))
            elif not self._trim(self._index.first):
                break
            used, size = self._database.page_bytes()
        if size > self._max_bytes and size > used:
            self._database.shrink(_SHRINK_PAGES)
        self._used_bytes = used

    def _first_fresh(self) -> int:
        """The first trace that is not too old."""
        now = time.time()
        if now - self._age_checked_s < _AGE_CHECK_S:
            return self._index.first
        self._age_checked_s = now
        with self._database.explained():
            query = "select number from traces where arrived_s >= ? order by number limit 1"
            [number] = self._database.writer.execute(query, (now - self._max_age_s,)).fetchone() or [self._index.end]
        return int(number)

    def _drop_before(self, trace: int) -> None:
        with self._database.writing() as writer:
            gone = writer.execute("delete from spans where trace < ?", (trace,)).rowcount
            writer.execute("delete from traces where number < ?", (trace,))
            writer.execute("delete from pending where trace < ?", (trace,))
            writer.execute("delete from segments where first < ?", (self._index.segment_start(trace),))
            writer.execute("update totals set spans = spans - ?", (gone,))
        self._forget(gone)
        with self._indexing:
            self._index.drop_before(trace)

    def _forget(self, gone: int) -> None:
        self._spans -= gone
        self._evicted += gone

    def _trim(self, trace: int) -> int:
        """Drop the oldest spans of the only trace, a tenth of them; returns how many."""
        with self._database.writing() as writer:
            [middle] = writer.execute(
                "select came from spans where trace = ? order by came limit 1 offset ?", (trace, max(1, self._spans // 10))
            ).fetchone() or [self._came]
            gone = writer.execute("delete from spans where trace = ? and came < ?", (trace, middle)).rowcount
            writer.execute("update totals set spans = spans - ?", (gone,))
        self._forget(gone)
        self._stale += gone
        if self._stale > self._spans:
            self._index_again(trace)
        return gone

    def _index_again(self, trace: int) -> None:
        """The only trace, when its index knows more spans that went than spans that are here."""
        self._stale = 0
        spans = read_back(self._encoded([trace])[0])
        with self._indexing:
            self._index = self._new_index(trace)
            self._index.open_trace()
            self._dirty.clear()
            for span in spans:
                self._index_span(trace, span)

    def _encoded(self, numbers: Iterable[int]) -> list[list[bytes]]:
        with self._database.reading() as reader:
            query = "select json from spans where trace = ? order by came"
            return [[data for [data] in reader.execute(query, (number,))] for number in numbers]

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the oldest trace first."""
        with self._database.reading() as reader:
            rows = reader.execute("select trace, json from spans order by trace, came").fetchall()
        return [read_back(data for _, data in group) for _, group in groupby(rows, lambda row: int(row[0]))]

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        query = "select json from spans where trace = (select number from traces where low_id = ?) order by came"
        with self._database.reading() as reader:
            return [data for [data] in reader.execute(query, (_low_number(trace_id),))]

    def find(self, query: TraceQuery) -> list[Encoded]:
        """The traces that match, the latest first."""
        with self._indexing:
            numbers = self._index.find(query)
        return [spans for spans in self._encoded(numbers) if spans]

    def within(self, window: Window) -> Iterator[list[FinishedSpan]]:
        """The traces that began in a window; those that go meanwhile are left out."""
        with self._indexing:
            numbers = self._index.within(window)
        for at in range(0, len(numbers), 100):
            for encoded in self._encoded(numbers[at : at + 100]):
                if encoded:
                    yield read_back(encoded)

    def counts(self) -> Counts:
        """What is here."""
        with self._indexing:
            traces = self._index.end - self._index.first
        return Counts(self._spans, traces, self._used_bytes, self._max_bytes, self._evicted, self._lost)

    def clear(self) -> None:
        """Forget every span."""
        with self._writing:
            with self._database.writing() as writer:
                for table in ("spans", "traces", "segments", "pending"):
                    writer.execute(f"delete from {table}")
                writer.execute("update totals set spans = 0")
            with self._indexing:
                self._index = self._new_index(self._index.end)
                self._dirty.clear()
            self._spans = 0
            self._make_room()

    def close(self) -> None:
        """Write the index, and let go of the file."""
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
