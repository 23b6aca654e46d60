"""The index of a few thousand traces: which traces meet a condition, when they began, and which names they contain.

Rules: a trace is a number, counted in the order of arrival; a set of traces has one bit for each.  A name, a tag or an
annotation is a term, kept as a hash of 62 bits: 8 bytes for each trace that has it.  A term of many traces is kept as a set of
traces instead.  Two terms with the same hash would be confused; with a million different terms the chance is below 1 in 10^12
for a search.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import TypeAlias

from ...codec.mending import MAX_TIME_US
from ...model import FinishedSpan
from ..query import TraceQuery

__all__ = ["MAX_SEGMENT_TRACES", "REMOTE_NAMES", "SPAN_NAMES", "TAG_VALUES", "Segment", "Term", "numbers_in"]

MAX_SEGMENT_TRACES = 4096
SPAN_NAMES, REMOTE_NAMES, TAG_VALUES = "span names", "remote names", "tag values"

_NUMBER_MASK = MAX_SEGMENT_TRACES - 1  # the bits of an entry for the trace's number
_HASH_MASK = (1 << 64) - MAX_SEGMENT_TRACES  # the bits of an entry for the term's hash; the bucket adds ten bits of the hash
_BUCKET_MASK = 1023
_KEY_MASK = _HASH_MASK | _BUCKET_MASK
_MIN_TIDY_ENTRIES = 512  # a bucket with fewer entries is not tidied; a power of two
_MIN_FREQUENT_TRACES = 32  # a term that so many traces have is moved out of its bucket

# Measured with sys.getsizeof on 64-bit CPython 3.11: an entry of a dict with its tuple and its value.
_ENTRY_BYTES = 250
_POSTING_BYTES = 9  # 8 bytes, and the spare room of an array
_BUCKET_BYTES = 180
_EMPTY_BYTES = 2000

# (service, key of a tag or one of the kinds below, text)
Term: TypeAlias = tuple[str, "str | int", str]
_NAME, _REMOTE, _ANNOTATION = 1, 2, 3


class Segment:
    """Up to MAX_SEGMENT_TRACES traces, from number `first`; not thread-safe.  `size` estimates its bytes of memory."""

    __slots__ = (
        "_hash",
        "begins",
        "buckets",
        "durations",
        "earliest_us",
        "first",
        "latest_us",
        "many",
        "names",
        "rooted",
        "shapes",
        "size",
    )

    def __init__(self, hash_of: Callable[[Term], int], first: int) -> None:
        self.first = first
        self.size = _EMPTY_BYTES
        self.begins = array("q")
        self.rooted = bytearray()  # 1 where the trace's entry in `begins` is that of a root
        self.earliest_us, self.latest_us = 0, 0  # no trace began outside this range
        # By (service, keys of a span's tags): the traces that have such a span.
        self.shapes: dict[tuple[str, ...], bytearray] = {}
        # By (owner, name): the last trace that has the name; earlier traces are dropped earlier.
        self.names: dict[str, dict[tuple[str, str], int]] = {kind: {} for kind in (SPAN_NAMES, REMOTE_NAMES, TAG_VALUES)}
        # By (service, binary digits of the duration): the traces, and each span's trace and duration.
        self.durations: dict[tuple[str, int], tuple[bytearray, array[int], array[int]]] = {}
        # `buckets`, by the last bits of a hash: entries, each with the other bits of the hash and a trace's number.
        # `many`, by the whole hash: the traces of a term that many traces have.
        self.buckets: dict[int, array[int]] = {}
        self.many: dict[int, bytearray] = {}
        self._hash = hash_of

    @property
    def end(self) -> int:
        """The number after the last trace here."""
        return self.first + len(self.begins)

    def open_trace(self) -> int:
        """Add a trace; returns its place in this segment."""
        self.begins.append(0)
        self.rooted.append(0)
        self.size += _POSTING_BYTES
        return len(self.begins) - 1

    def add(self, number: int, span: FinishedSpan, listed_tags: frozenset[str] = frozenset()) -> None:
        """Index a span of one of the traces; adding it again changes nothing."""
        service = "" if span.local is None else span.local.service_name
        tags = span.tags
        shape = (service, *tags)
        traces = self.shapes.get(shape)
        if traces is None:
            traces = self.shapes[shape] = self._row(_texts_bytes(shape))
        traces[number >> 3] |= 1 << (number & 7)
        terms: list[Term] = [(service, key, text) for key, text in tags.items()]
        if span.name:
            self._name(SPAN_NAMES, service, span.name, number)
            terms.append((service, _NAME, span.name))
        if span.remote is not None and span.remote.service_name:
            self._name(REMOTE_NAMES, service, span.remote.service_name, number)
            terms.append((service, _REMOTE, span.remote.service_name))
        if span.annotations:
            terms += [(service, _ANNOTATION, text) for _, text in span.annotations]
        if span.timestamp_us > 0:
            self._begin(number, span.timestamp_us, span.parent_id is None)
        if span.duration_us > 0:
            self._duration(service, number, span.duration_us)
        for key in listed_tags:
            if key in tags:
                self._name(TAG_VALUES, key, tags[key], number)
        self._post(terms, number)

    def _row(self, key_bytes: int = 0) -> bytearray:
        """An empty set of traces; `key_bytes` is the size of the texts that are its key."""
        self.size += _ENTRY_BYTES + key_bytes + MAX_SEGMENT_TRACES // 8
        return bytearray(MAX_SEGMENT_TRACES // 8)

    def _begin(self, number: int, timestamp_us: int, is_root: bool) -> None:
        """Set the begin of a trace: that of the first root, else of the earliest span."""
        if self.rooted[number]:
            return
        known = self.begins[number]
        if is_root:
            self.rooted[number] = 1
        elif known and known <= timestamp_us:
            return
        self.begins[number] = timestamp_us = min(timestamp_us, MAX_TIME_US)
        self.latest_us = max(self.latest_us, timestamp_us)
        self.earliest_us = min(self.earliest_us or timestamp_us, timestamp_us)

    def _duration(self, service: str, number: int, duration_us: int) -> None:
        key = (service, duration_us.bit_length())
        found = self.durations.get(key)
        if found is None:
            found = self.durations[key] = (self._row(getsizeof(service)), array("H"), array("Q"))
        traces, numbers, durations = found
        traces[number >> 3] |= 1 << (number & 7)
        numbers.append(number)
        durations.append(min(duration_us, MAX_TIME_US))
        self.size += 11

    def _name(self, kind: str, owner: str, name: str, number: int) -> None:
        names = self.names[kind]
        key = (owner, name)
        last = names.get(key)
        if last is None:
            self.size += _ENTRY_BYTES + _texts_bytes(key)
        elif last >= number:
            return
        names[key] = number

    def _post(self, terms: list[Term], number: int) -> None:
        hash_of, many, buckets = self._hash, self.many, self.buckets
        at, flag = number >> 3, 1 << (number & 7)
        for term in terms:
            hashed = hash_of(term) & _KEY_MASK
            traces = many.get(hashed)
            if traces is not None:
                traces[at] |= flag
                continue
            entry = hashed & _HASH_MASK | number
            bucket = buckets.get(hashed & _BUCKET_MASK)
            if bucket is None:
                bucket = buckets[hashed & _BUCKET_MASK] = array("Q")
                self.size += _BUCKET_BYTES
            elif bucket[-1] == entry:
                continue
            bucket.append(entry)
            self.size += _POSTING_BYTES
            length = len(bucket)
            if (
                length >= _MIN_TIDY_ENTRIES and not length & length - 1
            ):  # at each power of two, so that all tidying takes linear time
                self._tidy(hashed & _BUCKET_MASK)

    def _tidy(self, key: int) -> None:
        """Move the terms of many traces out of a bucket, and remove duplicates."""
        before = self.buckets.pop(key)
        entries = set(before)
        counts = Counter(entry & _HASH_MASK for entry in entries)
        rows = {high: self._row() for high, count in counts.items() if count >= _MIN_FREQUENT_TRACES}
        for entry in entries:
            row = rows.get(entry & _HASH_MASK)
            if row is not None:
                number = entry & _NUMBER_MASK
                row[number >> 3] |= 1 << (number & 7)
        self.many.update({high | key: row for high, row in rows.items()})
        kept = array("Q", [entry for entry in entries if entry & _HASH_MASK not in rows])
        self.size -= (len(before) - len(kept)) * _POSTING_BYTES
        if kept:
            self.buckets[key] = kept

    def matching(self, query: TraceQuery, alive: int) -> int:
        """The traces of `alive` that meet every condition but the window."""
        # A span of the named service must meet a condition; without a named service, any span.
        service = query.service_name
        shapes = [shape for shape in self.shapes if not service or shape[0] == service]
        services = {shape[0] for shape in shapes}
        if service:
            alive &= self._of_shapes(shapes)
        if alive and query.span_name:
            alive &= self._named(services, SPAN_NAMES, _NAME, query.span_name)
        if alive and query.remote_service_name:
            alive &= self._named(services, REMOTE_NAMES, _REMOTE, query.remote_service_name)
        for key, value in query.terms:
            if not alive:  # otherwise a hundred terms and many shapes take seconds
                break
            if value:
                services_with = {shape[0] for shape in shapes if key in shape[1:]}
                alive &= self._having(services_with, key, value)
            else:
                with_tag = self._of_shapes(shape for shape in shapes if key in shape[1:])
                alive &= with_tag | self._having(services, _ANNOTATION, key)
        if alive and query.min_duration_us:
            alive &= self._traces_of_duration(services, query.min_duration_us, query.max_duration_us)
        return alive

    def _of_shapes(self, shapes: Iterable[tuple[str, ...]]) -> int:
        found = 0
        for shape in shapes:
            found |= _traces_of(self.shapes[shape])
        return found

    def _named(self, services: set[str], kind: str, key: int, name: str) -> int:
        return self._having((owner for owner, known in self.names[kind] if known == name and owner in services), key, name)

    def _having(self, services: Iterable[str], key: str | int, text: str) -> int:
        found = 0
        wanted: dict[int, set[int]] = {}  # by bucket, so that each bucket is read once, however many services there are
        for service in services:
            hashed = self._hash((service, key, text)) & _KEY_MASK
            row = self.many.get(hashed)
            if row is not None:
                found |= _traces_of(row)
            wanted.setdefault(hashed & _BUCKET_MASK, set()).add(hashed & _HASH_MASK)
        for bucket, highs in wanted.items():
            for entry in self.buckets.get(bucket, ()):
                if entry & _HASH_MASK in highs:
                    found |= 1 << (entry & _NUMBER_MASK)
        return found

    def _traces_of_duration(self, services: set[str], least_us: int, most_us: int) -> int:
        found = 0
        most_us = most_us or 1 << 64
        for (service, digits), (row, numbers, durations) in self.durations.items():
            if service not in services or not least_us.bit_length() <= digits <= most_us.bit_length():
                continue
            if least_us.bit_length() < digits < most_us.bit_length():
                found |= _traces_of(row)
                continue
            pairs = zip(numbers, durations, strict=True)
            for number in {number for number, duration in pairs if least_us <= duration <= most_us}:
                found |= 1 << number
        return found


def _texts_bytes(texts: tuple[str, ...]) -> int:
    """The bytes of texts and of their places in a tuple: names and keys may be long, many, or both."""
    return sum(map(getsizeof, texts)) + 8 * len(texts)


def _traces_of(row: bytearray) -> int:
    return int.from_bytes(row, "little")


def numbers_in(bits: int) -> list[int]:
    """The traces of a set, in the order of arrival."""
    return [number for number, bit in enumerate(bin(bits)[:1:-1]) if bit == "1"]
