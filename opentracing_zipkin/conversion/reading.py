"""A file of spans, with or without gzip, read within a limit.

Rules: bytes over the limit are refused before they are kept, whether they are in the file or compressed by gzip.  An error
names the byte where the fault begins.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ..codec.detected import iterate
from ..codec.malformed import Malformed
from ..model import FinishedSpan

__all__ = ["MAX_FILE_BYTES", "Unreadable", "spans_in"]

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_MEMBERS = 100_000  # gzip members; each costs the same time, however small it is

MAX_SHOWN_BYTES = 60  # of a line that is not a span

_GZIP = b"\x1f\x8b"
_PIECE_BYTES = 16 * 1024
_REMEDY = "give --max-bytes a greater number, if you trust the file"
_SPAN_LINE = re.compile(rb'^\{"traceId"', re.MULTILINE)  # as our console sender writes it


class Unreadable(Exception):
    """The text tells the fault of a file, the byte where it is, and the remedy if there is one.

    `is_rest_read`: only some lines are faulty, and all others were read.
    """

    is_rest_read = False


def spans_in(stream: BinaryIO, limit: int = MAX_FILE_BYTES) -> Iterator[FinishedSpan]:
    """Yield the spans one by one; raises Unreadable at a wrong place, after the spans before it."""
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
            where = " of the decompressed data"
        yield from iterate(message)
    except Malformed as error:
        offset, text = _log_line(message, error.offset) or (error.offset, str(error))
        unreadable = Unreadable(f"byte {offset}{where}: {text}")
        unreadable.is_rest_read = error.is_rest_read
        raise unreadable from error
    except ImportError as error:
        raise Unreadable(str(error)) from error


def _log_line(message: bytes, offset: int) -> tuple[int, str] | None:
    """The place of the wrong line, and the remedy, if the file is a log with spans on lines of their own; otherwise None."""
    begin = message.rfind(b"\n", 0, offset) + 1
    spans = len(_SPAN_LINE.findall(message))
    line = message[begin : begin + MAX_SHOWN_BYTES].partition(b"\n")[0].decode(errors="replace")
    if not spans or not line.strip() or _SPAN_LINE.match(message, begin):
        return None
    lines = message.count(b"\n") + (not message.endswith(b"\n"))
    number = message.count(b"\n", 0, begin) + 1
    return begin, (
        f'line {number} is not a span: {line!r}; {spans} of {lines} lines begin with {{"traceId": '
        "keep only these lines, with grep '^{\"traceId\"'"
    )


def _inflated(message: bytes, limit: int) -> bytes:
    """The content of all gzip members; raises Unreadable.

    The collector decompresses by code of its own (collector/body.py): it needs pieces and not the byte of a fault.
    """
    inflated = bytearray()
    member, members, at = zlib.decompressobj(wbits=31), 1, 0
    while at < len(message):
        piece = message[at : at + _PIECE_BYTES]
        try:
            inflated += member.decompress(piece, limit + 1 - len(inflated))
        except zlib.error as error:
            raise Unreadable(f"byte {at}: damaged gzip data: {_reason(error)}") from error
        if len(inflated) > limit:
            raise Unreadable(f"byte {at}: more than {limit:,} bytes after decompression; {_REMEDY}")
        at += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
        if member.eof and not message[at : at + _PIECE_BYTES].strip(b"\0"):
            return bytes(inflated)  # the end of the file, or zeros that fill the last block of a tape
        if member.eof:
            members += 1
            if members > MAX_MEMBERS:
                raise Unreadable(f"byte {at}: more than {MAX_MEMBERS:,} gzip members")
            member = zlib.decompressobj(wbits=31)
    raise Unreadable(f"byte {at}: truncated: the file ends within gzip data")


def _reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2]
