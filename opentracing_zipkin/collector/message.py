"""A message of spans, decoded: finds the format and checks the limits of a message.

Rules: a message is measured before it is decoded, because its objects may take thirty times as many bytes as the message.
"""

from __future__ import annotations

from collections.abc import Callable

from ..codec import json_v1, json_v2, proto3, thrift_v1
from ..model import FinishedSpan
from .body import TooLarge

__all__ = ["MAX_JSON_COMMAS", "MAX_JSON_CONTAINERS", "MAX_SPANS", "READERS", "Reader", "UnsupportedFormat", "decode"]

MAX_SPANS = 50_000
# Objects and lists, and the commas between values: 6 and 20 for each span of a message with MAX_SPANS spans.
MAX_JSON_CONTAINERS = 300_000
MAX_JSON_COMMAS = 1_000_000

Reader = Callable[[bytes], list[FinishedSpan]]

# The lengths of proto3 fields of a fixed width, by wire type.
_FIXED_WIDTHS = {1: 8, 5: 4}


class UnsupportedFormat(ValueError):
    """No reader knows this type on this path; the text tells what to send."""


# By path and media type.  Any other type, or none, is read as JSON, as in a real server.  But the binary type of the other path
# is refused with the reason; a real server would report malformed JSON.
READERS: dict[str, dict[str, Reader]] = {
    json_v2.path: {json_v2.media_type: json_v2.decode, proto3.media_type: proto3.decode},
    json_v1.path: {json_v1.media_type: json_v1.decode, thrift_v1.media_type: thrift_v1.decode},
}

_BINARY_TYPES = (proto3.media_type, thrift_v1.media_type)


def decode(path: str, media_type: str, body: bytes) -> list[FinishedSpan]:
    """The spans of a message that was posted to a path of READERS; raises ValueError (also TooLarge, UnsupportedFormat)."""
    readers = READERS[path]
    if media_type not in readers and media_type in _BINARY_TYPES:
        raise UnsupportedFormat(f"{media_type} is not supported on {path}; send {' or '.join(readers)}")
    known = media_type if media_type in readers else json_v2.media_type
    _CHECKS[known](body)
    try:
        return readers[known](body)
    except ImportError as error:  # the library that reads this format is missing
        raise UnsupportedFormat(str(error)) from error
    except RecursionError as error:
        raise ValueError("malformed: nested too deeply") from error
    except MemoryError as error:
        raise TooLarge("Request Entity Too Large: there is no memory to decode it") from error


def _check_json(body: bytes) -> None:
    """Check a JSON message by its punctuation, at 1 GB/s; punctuation inside texts counts, too."""
    containers = body.count(b"{") + body.count(b"[")
    if containers > MAX_JSON_CONTAINERS:
        raise TooLarge(f"Request Entity Too Large: more than {MAX_JSON_CONTAINERS} objects and lists in a message")
    if body.count(b",") > MAX_JSON_COMMAS:
        raise TooLarge(f"Request Entity Too Large: more than {MAX_JSON_COMMAS} values in a message")
    # Every span, even a malformed one, has the id of its trace.
    _check_span_count(min(body.count(b'"traceId"'), containers))


def _check_thrift(body: bytes) -> None:
    """Check a Thrift message by the count at its beginning."""
    _check_span_count(int.from_bytes(body[1:5], "big", signed=True))


def _check_proto3(body: bytes) -> None:
    """Check a proto3 message by the keys and lengths of its fields; the decoder reports a truncated or malformed message."""
    count = at = 0
    while at < len(body) and count <= MAX_SPANS:
        key, at = _varint(body, at)
        number, at = _varint(body, at) if key & 7 in (0, 2) else (_FIXED_WIDTHS.get(key & 7, len(body)), at)
        at += number if key & 7 else 0
        count += 1
    _check_span_count(count)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number, and the position behind it; of a number that is too long or truncated, the part that is present."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            break
        byte = body[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
    return number, at


def _check_span_count(count: int) -> None:
    if count > MAX_SPANS:
        raise TooLarge(f"Request Entity Too Large: more than {MAX_SPANS} spans in a message")


_CHECKS: dict[str, Callable[[bytes], None]] = {
    json_v2.media_type: _check_json,
    proto3.media_type: _check_proto3,
    thrift_v1.media_type: _check_thrift,
}
