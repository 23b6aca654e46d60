"""The body of a request: chunked or not, gzip'd or not, and never more than its limit.

Rules: what is over the limit is not kept, but read to its end (up to a second limit), so that the client gets to the answer.
Source: RFC 9112, "Chunked Transfer Coding"; limits of zipkin-server 3.5.1, which has none for what gzip hides.
"""

from __future__ import annotations

import zlib
from email.message import Message
from io import BufferedIOBase

__all__ = ["MAX_BODY_BYTES", "MAX_INFLATED_BYTES", "BadBody", "BodyTooLarge", "read_body"]

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_INFLATED_BYTES = 64 * 1024 * 1024
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
_PIECE = 64 * 1024


class BadBody(ValueError):
    """No body can be read from this; the connection is of no further use."""


class BodyTooLarge(ValueError):
    """A body over the limit."""


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """The body that these headers announce, decompressed; raises BadBody or BodyTooLarge with the reason."""
    body = _Bounded()
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        _read_chunks(stream, body)
    else:
        text = headers.get("Content-Length", "0").strip()
        if not (text.isascii() and text.isdigit()):
            raise BadBody(f"Content-Length is {text[:40]!r}; a whole number is expected")
        _read_exactly(stream, int(text), body)
    data = body.finished()
    return _inflate(data) if "gzip" in headers.get("Content-Encoding", "") else data


class _Bounded:
    """A body that grows up to its limit, and is only counted from there."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > _MAX_DISCARDED_BYTES:
            raise self._error()
        if self._length <= MAX_BODY_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def finished(self) -> bytes:
        if self._length > MAX_BODY_BYTES:
            raise self._error()
        return b"".join(self._pieces)

    def _error(self) -> BodyTooLarge:
        return BodyTooLarge(f"Request Entity Too Large: more than {MAX_BODY_BYTES} bytes")


def _read_exactly(stream: BufferedIOBase, length: int, body: _Bounded) -> None:
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise BadBody(f"the body ends {length} bytes early")
        length -= len(piece)
        body.add(piece)


def _read_chunks(stream: BufferedIOBase, body: _Bounded) -> None:
    while length := _chunk_length(stream.readline(1024)):
        _read_exactly(stream, length, body)
        if stream.readline(16).strip():
            raise BadBody("a chunk is longer than it says")
    while (trailer := stream.readline(8192)) not in (b"\r\n", b"\n"):
        if not trailer.endswith(b"\n"):
            raise BadBody("the trailers of a chunked body have no end")


def _chunk_length(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        length = int(digits, 16)
    except ValueError:
        length = -1
    if length < 0 or len(digits) > 8:
        raise BadBody(f"the length of a chunk is {digits[:40]!r}; hexadecimal digits are expected")
    return length


def _inflate(data: bytes) -> bytes:
    """What all gzip members hold; of one that was cut, what is there."""
    inflated = b""
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            inflated += member.decompress(data, MAX_INFLATED_BYTES + 1 - len(inflated))
        except zlib.error as error:
            raise BadBody(f"Input is not in the GZIP format: {error}") from error
        if len(inflated) > MAX_INFLATED_BYTES:
            raise BodyTooLarge(f"Request Entity Too Large: more than {MAX_INFLATED_BYTES} bytes when decompressed")
        data = member.unused_data
    return inflated
