"""The body of a request: read and decompressed, but never beyond the limits.

Rules: the limits here bound memory and time, whatever the body contains.  A body over a limit raises TooLarge with the reason;
one that contradicts its headers raises ValueError.
Source: RFC 1952, "GZIP file format"; limits of zipkin-server 3.5.1, which has no limit for decompressed bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MAX_BODY_BYTES", "MAX_GZIP_MEMBERS", "MAX_INFLATED_BYTES", "TooLarge", "coding_of", "read_body"]

MAX_BODY_BYTES = 10 * 1024 * 1024
# Reporters send 0.5 to 5 MB; a larger message is a gzip bomb.
MAX_INFLATED_BYTES = 16 * 1024 * 1024
MAX_GZIP_MEMBERS = 1000

_INFLATED_PIECE_BYTES = 64 * 1024


class TooLarge(ValueError):
    """A message over a limit; the text tells which limit."""


def read_body(environ: Mapping[str, Any]) -> bytes:
    """The body of a WSGI request, decompressed where its headers say so."""
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"Content-Length is {text[:40]!r}; a whole number is expected")
    if len(text) > 18 or int(text) > MAX_BODY_BYTES:
        raise TooLarge(f"Request Entity Too Large: more than {MAX_BODY_BYTES} bytes")
    length = int(text)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    if len(body) < length:
        raise ValueError(f"the body ends {length - len(body)} bytes early")
    return _inflate(body) if "gzip" in coding_of(environ) else body


def coding_of(environ: Mapping[str, Any]) -> str:
    """The compression of the body in lower case; "" where there is none.  The header's case does not matter."""
    coding: str = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    return "" if coding == "identity" else coding


def _inflate(data: bytes) -> bytes:
    """The content of all gzip members; of a truncated member, the part that is present."""
    pieces, length = [], 0
    try:
        for piece in _members(data):
            length += len(piece)
            if length > MAX_INFLATED_BYTES:
                raise TooLarge(f"Request Entity Too Large: more than {MAX_INFLATED_BYTES} bytes when decompressed")
            pieces.append(piece)
    except zlib.error as error:
        raise ValueError(f"Input is not in the GZIP format: {error}") from error
    return b"".join(pieces)


def _members(data: bytes) -> Iterator[bytes]:
    """Yield decompressed pieces.

    The input is passed to zlib in small pieces, because zlib copies the rest of each piece that it does not use.
    """
    view, at, count = memoryview(data), 0, 0
    while at < len(view):
        count += 1
        if count > MAX_GZIP_MEMBERS:
            raise TooLarge(f"Request Entity Too Large: more than {MAX_GZIP_MEMBERS} gzip members")
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            piece = view[at : at + _INFLATED_PIECE_BYTES]
            inflated = member.decompress(piece, _INFLATED_PIECE_BYTES)
            if not (piece or inflated):  # the member is truncated
                return
            yield inflated
            at += len(piece) - len(member.unused_data if member.eof else member.unconsumed_tail)
