"""The SQL statements of the SQLite store, except those that create the tables.

Rules: a method that changes data is one transaction, and one thread at a time may call it; a method that reads may be called
from any thread.  Traces are numbers in the order of arrival; ids of 64 bits are stored as SQLite's signed integers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from sqlite3 import Connection
from typing import NamedTuple

from ...model import FinishedSpan
from .database import Database

__all__ = ["Added", "Tables"]


class Added(NamedTuple):
    """The changes by `add`: the number of the next trace, and the spans that are new, with their traces."""

    end: int
    fresh: list[tuple[int, FinishedSpan]]


def _low_number(trace_id: str) -> int:
    """The low 64 bits of a trace's id, as a signed integer."""
    return int(trace_id[-16:], 16) - (1 << 63)


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


class Tables:
    """The tables of one database; `spans` is the number of spans in them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as reader:
            self.spans, self._came, self._end = reader.execute("select spans, came, next_trace from totals").fetchone()

    def bounds(self) -> tuple[int, int]:
        """The number of the first trace, and the number that the next new trace gets."""
        with self._database.reading() as reader:
            [first] = reader.execute("select min(number) from traces").fetchone()
        return (self._end if first is None else first), self._end

    def add(self, encoded: Sequence[tuple[bytes, FinishedSpan]]) -> Added:
        """Keep spans, each with its JSON; a span that is already kept stays as it is."""
        end, came = self._end, self._came
        numbers: dict[int, int] = {}
        fresh: list[tuple[int, FinishedSpan]] = []
        with self._database.writing() as writer:
            execute = writer.execute
            for data, span in encoded:
                low = _low_number(span.trace_id)
                number = numbers.get(low)
                if number is None:
                    number = numbers[low] = self._number(writer, low, end)
                    end = max(end, number + 1)
                came += 1
                row = (number, _digest(data), came, data)
                if execute("insert or ignore into spans values (?, ?, ?, ?)", row).rowcount:
                    fresh.append((number, span))
            writer.executemany("insert or ignore into pending values (?)", [(number,) for number in {n for n, _ in fresh}])
            spans = self.spans + len(fresh)
            execute("update totals set spans = ?, came = ?, next_trace = ?", (spans, came, end))
        self.spans, self._came, self._end = spans, came, end
        return Added(end, fresh)

    def _number(self, writer: Connection, low: int, end: int) -> int:
        """The number of the trace with these low bits; a new trace gets the number `end`."""
        found = writer.execute("select number from traces where low_id = ?", (low,)).fetchone()
        if found is not None:
            return int(found[0])
        writer.execute("insert into traces values (?, ?, ?)", (end, low, int(time.time())))
        return end

    def trace(self, trace_id: str) -> list[bytes]:
        """The spans of a trace, in the order of arrival."""
        query = "select json from spans where trace = (select number from traces where low_id = ?) order by came"
        with self._database.reading() as reader:
            return [data for [data] in reader.execute(query, (_low_number(trace_id),))]

    def spans_of(self, traces: Iterable[int]) -> list[list[bytes]]:
        """The spans of each of these traces; empty for a trace that was dropped."""
        query = "select json from spans where trace = ? order by came"
        with self._database.reading() as reader:
            return [[data for [data] in reader.execute(query, (trace,))] for trace in traces]

    def all(self) -> list[list[bytes]]:
        """The spans of all traces."""
        with self._database.reading() as reader:
            rows = reader.execute("select trace, json from spans order by trace, came").fetchall()
        return [[data for _, data in group] for _, group in groupby(rows, lambda row: int(row[0]))]

    def not_indexed(self, everything: bool) -> Iterator[tuple[int, list[bytes]]]:
        """The traces whose spans are not all in the written index, each with all its spans; with `everything`, all traces."""
        which = "" if everything else "where trace in (select trace from pending)"
        with self._database.reading() as reader:
            rows = reader.execute(f"select trace, json from spans {which} order by trace, came")
            for number, group in groupby(rows, lambda row: int(row[0])):
                yield number, [data for _, data in group]

    def segments(self) -> list[bytes]:
        """The parts of the written index."""
        with self._database.reading() as reader:
            return [body for [body] in reader.execute("select body from segments order by first")]

    def write_segments(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        """Write parts of the index, each by its first trace; the written index then contains all kept spans."""
        with self._database.writing() as writer:
            writer.executemany("insert or replace into segments values (?, ?)", bodies)
            writer.execute("delete from pending")

    def first_since(self, time_s: float) -> int:
        """The first trace that came since that time; the number of the next trace if there is none."""
        query = "select number from traces where arrived_s >= ? order by number limit 1"
        with self._database.reading() as reader:
            found = reader.execute(query, (time_s,)).fetchone()
        return self._end if found is None else int(found[0])

    def drop_before(self, trace: int, segment: int) -> int:
        """Drop the traces before `trace` and the parts of the index before `segment`; returns the number of dropped spans."""
        with self._database.writing() as writer:
            gone = writer.execute("delete from spans where trace < ?", (trace,)).rowcount
            writer.execute("delete from traces where number < ?", (trace,))
            writer.execute("delete from pending where trace < ?", (trace,))
            writer.execute("delete from segments where first < ?", (segment,))
            writer.execute("update totals set spans = spans - ?", (gone,))
        self.spans -= gone
        return gone

    def trim(self, trace: int) -> int:
        """Drop the oldest tenth of the only trace's spans; returns their number."""
        with self._database.writing() as writer:
            query = "select came from spans where trace = ? order by came limit 1 offset ?"
            found = writer.execute(query, (trace, max(1, self.spans // 10))).fetchone()
            before = self._came if found is None else found[0]
            gone = writer.execute("delete from spans where trace = ? and came < ?", (trace, before)).rowcount
            writer.execute("update totals set spans = spans - ?", (gone,))
        self.spans -= gone
        return gone

    def clear(self) -> None:
        """Drop everything."""
        with self._database.writing() as writer:
            for table in ("spans", "traces", "segments", "pending"):
                writer.execute(f"delete from {table}")
            writer.execute("update totals set spans = 0")
        self.spans = 0
