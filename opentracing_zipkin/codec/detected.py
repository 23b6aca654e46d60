"""Reads spans in any of the four encodings and finds out which one it is.

Rules: the first bytes tell the encoding, and a span's fields tell the version of JSON.  Spans are yielded one by one; none is
kept here.  In JSON the spans may stand in a list, in a list of traces, or one after the other, for instance one on each line.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from json import JSONDecodeError
from typing import Any

from ..model import FinishedSpan
from ..text import are
from . import json_v1_reader, json_v2_reader
from .json_values import BLANK, PARSER, byte_of, shown
from .malformed import Malformed

__all__ = ["encoding_of", "iterate"]

_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # the first bytes of UTF-16 and UTF-32
_V2_FIELDS = frozenset(("kind", "localEndpoint", "remoteEndpoint", "tags", "shared"))
_NEXT_LINE = re.compile(r"\n[ \t\r]*\{")
# A proto3 span of 91 or 123 bytes: its length is the character [ or {.  JSON has no control character there.
_LIKE_JSON = re.compile(rb"\n[\[{][ \t\r\n]*[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MAX_LISTS = 2  # a list of traces is a list of lists


def encoding_of(message: bytes) -> str:
    """`json` (either version), `thrift` or `proto3`; raises Malformed where the message can be none of them."""
    begin = message.removeprefix(_BOM).lstrip(b" \t\r\n")[:1]
    if begin in (b"[", b"{") and message[1:2] != b"\0" and _LIKE_JSON.match(message) is None:
        return "json"
    # Thrift begins with a list of structs.  Protocol Buffers begin with a field of bytes, but so does a single Thrift struct.
    if message[:1] == b"\x0c":
        return "thrift"
    if message[:1] == b"\n" and message[:3] != b"\n\0\1":
        return "proto3"
    if not message.removeprefix(_BOM).strip(b" \t\r\n"):
        raise Malformed("the input is empty" if not message else "the input has only white space", 0)
    reason = (
        f"the input begins with {message[:20]!r}, but no encoding of Zipkin does; "
        "JSON, Thrift and proto3 are read, also with gzip"
    )
    if message[:3] == b"\n\0\1":
        reason = "this looks like a single Thrift struct; a list of structs is expected"
    elif message.startswith(b"\x1f\x8b"):
        reason = "the input is compressed with gzip twice; decompress it once, for instance with gunzip"
    elif message.startswith(_WIDE) or b"\0" in message[:2]:
        reason = "this looks like UTF-16 or UTF-32, as a shell of Windows writes it; save it as UTF-8"
    raise Malformed(reason, 0)


def iterate(message: bytes) -> Iterator[FinishedSpan]:
    """Yield the spans; raises Malformed at the place that is wrong, after the spans before it."""
    encoding = encoding_of(message)
    if encoding == "json":
        return _of_json(message)
    if encoding == "thrift":
        from . import thrift_v1_reader  # here, because it needs thriftpy2

        return thrift_v1_reader.iterate(message)
    from . import proto3_reader

    return proto3_reader.iterate(message)


def _of_json(message: bytes) -> Iterator[FinishedSpan]:
    """Yield the spans of a JSON text.

    Where each line holds a span, a wrong line does not hide those behind it: a full disk leaves half a line, and the next
    message is written behind it.
    """
    body = message.removeprefix(_BOM)
    written = body.decode(errors="replace")
    first, count = None, 0
    are_lines = written[_past_blanks(written, 0) :][:1] == "{"
    at = _past_blanks(written, 0)
    while at < len(written):
        try:
            at = _past_blanks(written, (yield from _value(written, at, "$", _MAX_LISTS)))
        except _Wrong as wrong:
            line = _NEXT_LINE.search(written, at)
            if line is not None and are_lines:  # half a line may begin a string that ends in the next line
                wrong.position = min(wrong.position, line.start())
            first, count = first or wrong, count + 1
            at = len(written) if line is None or not are_lines else line.end() - 1
    if first is not None:
        offset = len(message) - len(body) + byte_of(written, first.position, body)
        more = count - 1
        text = f"{first.text}; {more} more of the lines {are(more)} wrong" if more else first.text
        raise Malformed(text, offset, are_lines)


class _Wrong(Exception):
    """The error text, and its position in the decoded text."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position


def _past_blanks(written: str, at: int) -> int:
    return BLANK.match(written, at).end()  # type: ignore[union-attr]  # the pattern also matches no blank


def _value(written: str, at: int, where: str, lists: int) -> Generator[FinishedSpan, None, int]:
    """Yield the spans of one span or of a list of spans; returns the position behind it."""
    if written[at : at + 1] != "[" or not lists:
        return (yield from _span(written, at, where))
    at, index = _past_blanks(written, at + 1), 0
    while written[at : at + 1] != "]":
        at = _past_blanks(written, (yield from _value(written, at, f"{where}[{index}]", lists - 1)))
        index += 1
        if written[at : at + 1] == ",":
            at = _past_blanks(written, at + 1)
            if written[at : at + 1] == "]":
                raise _Wrong("malformed JSON: an item is expected after a comma", at)
        elif written[at : at + 1] != "]":
            raise _Wrong("malformed JSON: a comma or the end of the list is expected", at)
    return at + 1


def _span(written: str, at: int, where: str) -> Generator[FinishedSpan, None, int]:
    try:
        fields, end = PARSER.raw_decode(written, at)
    except JSONDecodeError as error:
        raise _Wrong(f"malformed JSON: {error.msg}", error.pos) from None
    except ValueError as error:  # a constant that JSON does not have, such as NaN
        raise _Wrong(str(error), at) from None
    except RecursionError:
        raise _Wrong("malformed JSON: nested too deeply", at) from None
    if not isinstance(fields, dict):
        raise _Wrong(f"{where} is {shown(fields)}; a span, which is an object, is expected", at)
    reader = json_v1_reader if _is_v1(fields) else json_v2_reader
    try:
        spans = reader.read_span(fields, where)
    except ValueError as error:
        raise _Wrong(str(error), at) from None
    yield from spans
    return end


def _is_v1(fields: dict[str, Any]) -> bool:
    """Whether a span has a field of version 1 and none of version 2."""
    if not _V2_FIELDS.isdisjoint(fields):
        return False
    annotations = fields.get("annotations")
    if not isinstance(annotations, list):
        annotations = []
    return "binaryAnnotations" in fields or any(isinstance(one, dict) and "endpoint" in one for one in annotations)
