"""A segment of the index as bytes, for a file.

Rules: bytes that are damaged, or were not written here, raise ValueError; the store then indexes the spans again.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from ...codec.memo import Memo
from .segment import MAX_SEGMENT_TRACES, Segment, Term

__all__ = ["from_bytes", "stable_hash", "to_bytes"]

_FORMAT = f"2 {sys.byteorder}"
_ROW = MAX_SEGMENT_TRACES // 8
_MAX_SEGMENT_BYTES = 1 << 30


def stable_hash() -> Callable[[Term], int]:
    """A function that hashes a term, the same in every process and on every Python; it remembers recent hashes."""
    return Memo(_hash, lambda term: len(term[0]) + len(term[2])).__getitem__


def _hash(term: Term) -> int:
    return int.from_bytes(blake2b(ascii(term).encode(), digest_size=8).digest(), "big")


def to_bytes(segment: Segment) -> bytes:
    """A segment as compressed bytes with a checksum."""
    header = {
        "format": _FORMAT,
        "first": segment.first,
        "range": (segment.earliest_us, segment.latest_us),
        "size": segment.size,
        "traces": len(segment.begins),
        "shapes": list(segment.shapes),
        "names": {kind: [(*key, last) for key, last in names.items()] for kind, names in segment.names.items()},
        "durations": [(*key, len(numbers)) for key, (_, numbers, _) in segment.durations.items()],
        "buckets": [(key, len(bucket)) for key, bucket in segment.buckets.items()],
        "many": list(segment.many),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    parts: list[bytes | bytearray] = [len(text).to_bytes(8, "big"), text, segment.begins.tobytes(), segment.rooted]
    parts += segment.shapes.values()
    for row, numbers, durations in segment.durations.values():
        parts += [row, numbers.tobytes(), durations.tobytes()]
    parts += [bucket.tobytes() for bucket in segment.buckets.values()]
    parts += segment.many.values()
    return zlib.compress(b"".join(parts), 1)


def from_bytes(data: bytes, hash_of: Callable[[Term], int]) -> Segment:
    """The segment in the bytes of `to_bytes`; raises ValueError for any other bytes."""
    try:
        return _Reader(data).segment(hash_of)
    except (zlib.error, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"no segment of an index: {error}") from error


class _Reader:
    """Reads bytes from front to end; used once."""

    def __init__(self, data: bytes) -> None:
        inflater = zlib.decompressobj()
        self._data = inflater.decompress(data, _MAX_SEGMENT_BYTES)
        if not inflater.eof:
            raise ValueError("no segment of an index: its end is missing")
        self._at = 0

    def _take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise ValueError("no segment of an index: it is too short")
        self._at += length
        return taken

    def _array(self, code: str, length: int) -> array[int]:
        read: array[int] = array(code)
        read.frombytes(self._take(length * read.itemsize))
        return read

    def _row(self) -> bytearray:
        return bytearray(self._take(_ROW))

    def segment(self, hash_of: Callable[[Term], int]) -> Segment:
        header: dict[str, Any] = json.loads(self._take(int.from_bytes(self._take(8), "big")))
        if header["format"] != _FORMAT:
            raise ValueError(f"no segment of an index: its format is {header['format']}")
        segment = Segment(hash_of, header["first"])
        segment.earliest_us, segment.latest_us = header["range"]
        segment.begins = self._array("q", header["traces"])
        segment.rooted = bytearray(self._take(header["traces"]))
        segment.shapes = {tuple(shape): self._row() for shape in header["shapes"]}
        for kind, names in header["names"].items():
            segment.names[kind] = {(owner, name): last for owner, name, last in names}
        for service, digits, count in header["durations"]:
            segment.durations[service, digits] = (self._row(), self._array("H", count), self._array("Q", count))
        segment.buckets = {key: self._array("Q", count) for key, count in header["buckets"]}
        segment.many = {key: self._row() for key in header["many"]}
        segment.size = header["size"]
        return segment
