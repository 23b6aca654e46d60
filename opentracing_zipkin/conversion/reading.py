"""A file of spans, with or without gzip, read within a limit.

Rules: what is over the limit is refused before it is kept, whether it is in the file or gzip hides it.  An error names the byte
where it begins.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ..codec.detected import iterate
from ..codec.malformed import Malformed
from ..model import FinishedSpan

__all__ = ["MAX_BYTES", "Unreadable", "spans_in"]

MAX_BYTES = 256 * 1024 * 1024
MAX_MEMBERS = 100_000  # of gzip; each costs the same, however little it holds

_GZIP = b"\x1f\x8b"
_PIECE = 16 * 1024
_REMEDY = "give --max-bytes a greater number, if you trust the file"


class Unreadable(Exception):
    """Its text says what is wrong with a file, at which byte, and the remedy where there is one.

    `is_passed`: all but single lines was read.
    """

    is_passed = False


def spans_in(stream: BinaryIO, limit: int = MAX_BYTES) -> Iterator[FinishedSpan]:
    """The spans one by one; raises Unreadable, after those before the place that is wrong."""
    try:
        message = stream.read(limit + 1)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    if len(message) > limit:
        raise Unreadable(f"it is longer than {limit:,} bytes; {_REMEDY}")
    where = ""
    try:
        if message.startswith(_GZIP):
            message = _inflated(message, limit)
            where = " of what gzip holds"
        yield from iterate(message)
    except Malformed as error:
        unreadable = Unreadable(f"byte {error.offset}{where}: {error}")
        unreadable.is_passed = error.is_passed
        raise unreadable from error
    except ImportError as error:
        raise Unreadable(str(error)) from error


def _inflated(message: bytes, limit: int) -> bytes:
    """The content of all gzip members; raises Unreadable."""
    inflated = bytearray()
    member, members, at = zlib.decompressobj(wbits=31), 1, 0
    while at < len(message):
        piece = message[at : at + _PIECE]
        try:
            inflated += member.decompress(piece, limit + 1 - len(inflated))
        except zlib.error as error:
            raise Unreadable(f"byte {at}: what begins as gzip is none: {_reason(error)}") from error
        if len(inflated) > limit:
            raise Unreadable(f"byte {at}: gzip holds more than {limit:,} bytes; {_REMEDY}")
        at += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
        if member.eof and not message[at : at + _PIECE].strip(b"\0"):
            return bytes(inflated)  # to its end, or filled up with zeros as on a tape
        if member.eof:
            members += 1
            if members > MAX_MEMBERS:
                raise Unreadable(f"byte {at}: more than {MAX_MEMBERS:,} gzip members, one behind the other")
            member = zlib.decompressobj(wbits=31)
    raise Unreadable(f"byte {at}: truncated: gzip goes on, the file does not")


def _reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2]
