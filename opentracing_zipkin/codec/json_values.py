"""The parts that both versions of Zipkin's JSON read the same way: a list of spans, ids, times, texts and endpoints.

Rules: these functions accept the same input as a real server and make the same values of it: ids are padded, service names are
lower-cased, a number is read as text where text belongs.  For input that the server refuses they raise a ValueError that shows
the value and its place.
Source: openzipkin/zipkin, V2SpanReader, V1JsonSpanReader and Span; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from ..model import Endpoint, FinishedSpan, canonical_trace_id, parse_ip
from .malformed import Malformed

__all__ = [
    "BLANK",
    "PARSER",
    "annotation",
    "byte_of",
    "endpoint",
    "flag",
    "is_string",
    "items",
    "members",
    "non_negative",
    "optional_text",
    "parent_id",
    "read",
    "shown",
    "span_id",
    "text",
    "trace_id",
]

_MAX_INT = (1 << 63) - 1
_LOWER_HEX = re.compile("[0-9a-f]+", re.ASCII)
_INTEGER = re.compile("-?[0-9]{1,40}", re.ASCII)

BLANK = re.compile(r"[ \t\r\n]*")
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)

# The server tells the versions apart by these texts: it refuses a list of one version in which a mark of the other stands.
_MARKS = {1: ('Endpoint"', '"tags"'), 2: ('yAnnotations"',)}


class _Number(str):
    """A number as it was written; it is used as text where text is expected."""

    __slots__ = ()


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"malformed JSON: {constant} is no JSON value")


# Not strict: control characters inside strings are accepted, as the server does.
PARSER = json.JSONDecoder(strict=False, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant)


def read(body: bytes, version: int, read_span: Callable[[Any, str], Iterable[FinishedSpan]]) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none, and bytes behind the list are ignored.

    `read_span` gets each item and its place as text.  Raises Malformed, a ValueError that tells the fault and its byte.
    """
    written = body.decode(errors="replace").lstrip("\r\n")
    if not written:
        return []
    skipped = len(body) - len(body.lstrip(b"\r\n"))
    if not written.startswith("["):
        raise Malformed(f"expected a JSON list of version {version} spans, got {written[:20]!r}", skipped)
    for mark in _MARKS[version]:
        if mark in written:
            text = f"expected a JSON list of version {version} spans, got version {3 - version} ({mark} is in it)"
            raise Malformed(text, body.find(mark.encode()))
    found: list[FinishedSpan] = []
    for index, item in enumerate(_parse(written, body, skipped)):
        try:
            found += read_span(item, f"$[{index}]")
        except ValueError as error:
            raise Malformed(str(error), skipped + byte_of(written, _begin_of_item(written, index), body[skipped:])) from error
    return found


def _parse(written: str, body: bytes, skipped: int) -> list[Any]:
    try:
        items: list[Any] = PARSER.raw_decode(written)[0]
    except json.JSONDecodeError as error:
        raise Malformed(f"malformed JSON: {error}", skipped + byte_of(written, error.pos, body[skipped:])) from error
    except ValueError as error:  # from `_no_constant`, which does not know its position
        at = next((found.start(1) for found in _CONSTANT.finditer(written) if found[1]), 0)
        raise Malformed(str(error), skipped + byte_of(written, at, body[skipped:])) from error
    except RecursionError as error:
        at = _deepest(written)
        raise Malformed("malformed JSON: nested too deeply", skipped + byte_of(written, at, body[skipped:])) from error
    return items


def byte_of(written: str, position: int, body: bytes) -> int:
    """The byte of `body` at this position of its decoded text; invalid UTF-8 is replaced in that text."""
    prefix = written[:position]
    if "\ufffd" not in prefix:
        return len(prefix.encode())
    low, high = 0, len(body)
    while low < high:
        middle = (low + high) // 2
        if len(body[:middle].decode(errors="replace")) < position:
            low = middle + 1
        else:
            high = middle
    return low


def _deepest(written: str) -> int:
    """The position of the most deeply nested bracket."""
    depth = greatest = at = 0
    for found in _BRACKETS.finditer(written):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > greatest:
            greatest, at = depth, found.start()
    return at


def _begin_of_item(written: str, index: int) -> int:
    """The position where an item of a list begins; the list has been parsed before."""
    at = BLANK.match(written, 1).end()  # type: ignore[union-attr]  # the pattern also matches no blank
    for _ in range(index):
        at = _COMMA.match(written, PARSER.raw_decode(written, at)[1]).end()  # type: ignore[union-attr]
    return at


def shown(value: Any) -> str:
    """A value for an error text: as JSON, and at most 60 characters."""
    whole = str(value) if isinstance(value, _Number) else json.dumps(value, default=str)
    return whole if len(whole) <= 60 else whole[:57] + "..."


def members(value: Any, where: str) -> dict[str, Any]:
    """The members of an object; an absent object has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {shown(value)}; an object is expected")
    return value


def items(value: Any, where: str) -> list[tuple[Any, str]]:
    """The items of a list, each with its place as text; an absent list has none."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{where} is {shown(value)}; a list is expected")
    return [(item, f"{where}[{index}]") for index, item in enumerate(value)]


def is_string(value: Any) -> bool:
    """Whether the value was written as a string.  A number was not, although it can be read as text."""
    return isinstance(value, str) and not isinstance(value, _Number)


def text(value: Any, where: str) -> str:
    """A string or a number, as text."""
    if not isinstance(value, str):
        raise ValueError(f"{where} is {shown(value)}; a string is expected")
    if value.isascii():
        return str(value)
    return value.encode(errors="replace").decode()  # a lone surrogate becomes "?"


def optional_text(fields: dict[str, Any], key: str, where: str) -> str:
    """The text of a field; "" where it is absent."""
    value = fields.get(key)
    return "" if value is None else text(value, f"{where}.{key}")


def _hex(fields: dict[str, Any], key: str, longest: int, where: str) -> str:
    if fields.get(key) is None:
        raise ValueError(f"{where}.{key} is missing")
    written = text(fields[key], f"{where}.{key}")
    if len(written) > longest or not _LOWER_HEX.fullmatch(written):
        raise ValueError(f"{where}.{key} is {shown(written)}; it should be lower-hex without prefix, 1 to {longest} characters")
    return written


def _id(fields: dict[str, Any], key: str, longest: int, where: str) -> str:
    written = _hex(fields, key, longest, where)
    if not written.strip("0"):
        raise ValueError(f"{where}.{key} is {shown(written)}; an id is not zero")
    return written.zfill(16)


def trace_id(fields: dict[str, Any], where: str) -> str:
    """16 or 32 characters, as `canonical_trace_id` has them."""
    return canonical_trace_id(_id(fields, "traceId", 32, where))


def span_id(fields: dict[str, Any], where: str) -> str:
    """16 characters, not zero."""
    return _id(fields, "id", 16, where)


def parent_id(fields: dict[str, Any], where: str) -> str | None:
    """16 characters; None where the parent id is absent, zero, or equal to the span's id."""
    if fields.get("parentId") is None:
        return None
    written = _hex(fields, "parentId", 16, where)
    return written.zfill(16) if written.strip("0") and written.zfill(16) != span_id(fields, where) else None


def _integer(value: Any, where: str) -> int:
    """A whole number in any notation; a number over 63 bits becomes the greatest one of 63 bits."""
    written = text(value, where)
    if _INTEGER.fullmatch(written):
        return min(int(written), _MAX_INT)
    try:
        number = float(written)
    except ValueError:
        number = 0.5
    if not number.is_integer():
        raise ValueError(f"{where} is {shown(value)}; a whole number is expected")
    return min(int(number), _MAX_INT)


def non_negative(fields: dict[str, Any], key: str, where: str) -> int:
    """A whole number, such as microseconds; 0 where the field is absent or negative."""
    value = fields.get(key)
    return 0 if value is None else max(0, _integer(value, f"{where}.{key}"))


def flag(fields: dict[str, Any], key: str, where: str) -> bool:
    """The value of a flag; False where it is absent."""
    value = fields.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{where}.{key} is {shown(value)}; true or false is expected")
    return bool(value)


def endpoint(value: Any, where: str) -> Endpoint | None:
    """The endpoint in an object; None where no field of it is known."""
    fields = members(value, where)
    ipv4, ipv6 = "", ""
    for key in ("ipv4", "ipv6"):  # an address of either family may stand in either field
        found4, found6 = parse_ip(optional_text(fields, key, where))
        ipv4, ipv6 = ipv4 or found4, ipv6 or found6
    port = non_negative(fields, "port", where)
    if port > 65535:
        raise ValueError(f"{where}.port is {port}; a port is at most 65535")
    found = Endpoint(optional_text(fields, "serviceName", where).lower(), ipv4, ipv6, port)
    return found if any(found) else None


def annotation(value: Any, where: str) -> tuple[int, str]:
    """The time and the value of an annotation."""
    fields = members(value, where)
    if fields.get("timestamp") is None or fields.get("value") is None:
        raise ValueError(f"{where} is {shown(value)}; an object with timestamp and value is expected")
    return _integer(fields["timestamp"], f"{where}.timestamp"), text(fields["value"], f"{where}.value")
