"""Zipkin's version 2 in Protocol Buffers, read: bytes of any origin become spans or a ValueError.

Rules: each length is checked against the bytes that are really there before anything is taken.  So no announced length costs
more memory or time than the message itself.  Fields that are unknown, or that differ from zipkin.proto, are skipped.
Source: Protocol Buffers, "Encoding"; zipkin-server 3.5.1, whose behaviour was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop

from ..model import Endpoint, FinishedSpan, canonical_trace_id, parse_ip
from .budget import Budget
from .malformed import Malformed
from .normal_form import normalise

__all__ = ["decode", "iterate"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}

_KINDS = {1: "CLIENT", 2: "SERVER", 3: "PRODUCER", 4: "CONSUMER"}


def _key(number: int, wire_type: int) -> int:
    return number << 3 | wire_type


_SPAN = _key(1, _BYTES)
_TRACE_ID, _PARENT_ID, _ID, _NAME = (_key(number, _BYTES) for number in (1, 2, 3, 5))
_KIND, _DURATION, _DEBUG, _SHARED = (_key(number, _VARINT) for number in (4, 7, 12, 13))
_TIMESTAMP = _key(6, _FIXED64)
_LOCAL, _REMOTE, _ANNOTATION, _TAG = (_key(number, _BYTES) for number in (8, 9, 10, 11))
_MESSAGES = frozenset((_LOCAL, _REMOTE, _ANNOTATION, _TAG))
_SERVICE_NAME, _IPV4, _IPV6, _PORT = _key(1, _BYTES), _key(2, _BYTES), _key(3, _BYTES), _key(4, _VARINT)
_AT, _VALUE = _key(1, _FIXED64), _key(2, _BYTES)
_TAG_KEY, _TAG_VALUE = _key(1, _BYTES), _key(2, _BYTES)


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a ListOfSpans; an empty body holds none.

    Raises Malformed, a ValueError that tells which span of the message is wrong, why, and at which byte.
    """
    return list(iterate(body, Budget()))


def iterate(body: bytes, budget: Budget | None = None) -> Iterator[FinishedSpan]:
    """Yield the spans one by one; without a common budget each span has a budget for itself."""
    index = at = 0
    try:
        for key, _, data, at in _fields(body, 0):
            if key == _SPAN:
                yield _span(data, at, budget or Budget())
                index += 1
    except ValueError as error:
        raise Malformed(f"span {index}: {error}", getattr(error, "offset", at)) from error


def _fields(message: bytes, base: int) -> Iterator[tuple[int, int, bytes, int]]:
    """The fields of a message that begins at byte `base`: key, value as number, value as bytes, position of the value."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at, base)
        wire_type = key & 7
        if wire_type == _VARINT:
            number, end = _varint(message, at, base)
            yield key, number, b"", base + at
            at = end
            continue
        if wire_type == _BYTES:
            width, at = _varint(message, at, base)
        elif wire_type in _WIDTHS:
            width = _WIDTHS[wire_type]
        else:
            raise Malformed(f"no field begins with {message[begin : begin + 5]!r}: wire type {wire_type}", base + begin)
        if width > len(message) - at:
            raise Malformed(f"truncated: {width} bytes announced, but only {len(message) - at} follow", base + at)
        data = message[at : at + width]
        yield (
            (key, 0, data, base + at)
            if wire_type == _BYTES
            else (key, int.from_bytes(data, "little", signed=True), b"", base + at)
        )
        at += width


def _varint(message: bytes, at: int, base: int) -> tuple[int, int]:
    """A number of at most 64 bits, and the position behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            raise Malformed("truncated: a number has no end", base + at)
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
    raise Malformed("a number is longer than ten bytes", base + at - 10)


def _span(message: bytes, base: int, budget: Budget) -> FinishedSpan:
    span = FinishedSpan("", "")
    for key, number, data, at in _fields(message, base):
        if key in _MESSAGES:
            budget.take()
        if key == _TRACE_ID:
            span.trace_id = _trace_id(data, at)
        elif key == _PARENT_ID:
            span.parent_id = _id("parent_id", data, at) if any(data) else None
        elif key == _ID:
            span.span_id = _id("id", data, at)
        elif key == _KIND:
            span.kind = _KINDS.get(number, span.kind)
        elif key == _NAME:
            span.name = _text(data).lower()
        elif key == _TIMESTAMP:
            span.timestamp_us = max(0, number)
        elif key == _DURATION:
            span.duration_us = 0 if number >> 63 else number  # a negative duration counts as unknown
        elif key == _LOCAL:
            span.local = _endpoint(data, at)
        elif key == _REMOTE:
            span.remote = _endpoint(data, at)
        elif key == _ANNOTATION:
            span.annotations += _annotation(data, at)
        elif key == _TAG:
            span.tags.update(_tag(data, at))
        elif key == _DEBUG:
            span.debug = bool(number)
        elif key == _SHARED:
            span.shared = bool(number)
    for name, value in (("trace_id", span.trace_id), ("id", span.span_id)):
        if not value:
            raise Malformed(f"{name} is missing", base)
    normalise(span)
    return span


def _trace_id(data: bytes, at: int) -> str:
    """16 or 32 characters, as `canonical_trace_id` has them; zeros before an id do not count, however many they are."""
    return canonical_trace_id(_hex("trace_id", data.lstrip(b"\0"), 16, at))


def _id(name: str, data: bytes, at: int) -> str:
    return _hex(name, data, 8, at)


def _hex(name: str, data: bytes, width: int, at: int) -> str:
    if len(data) > width:
        raise Malformed(f"{name} has {len(data)} bytes; it should have {width}", at)
    if not any(data):
        raise Malformed(f"{name} is zero", at)
    return data.rjust(width, b"\0").hex()


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _endpoint(message: bytes, base: int) -> Endpoint | None:
    """The endpoint in a message; None where no field of it is known."""
    name, ipv4, ipv6, port = "", "", "", 0
    for key, number, data, at in _fields(message, base):
        if key == _SERVICE_NAME:
            name = _text(data).lower()
        elif key in (_IPV4, _IPV6):  # an address of either family may stand in either field
            found4, found6 = _address(data)
            ipv4, ipv6 = found4 or ipv4, found6 or ipv6
        elif key == _PORT:
            port = _port(number, at)
    endpoint = Endpoint(name, ipv4, ipv6, port)
    return endpoint if any(endpoint) else None


def _address(data: bytes) -> tuple[str, str]:
    """An IPv4 and an IPv6 literal; empty where the address has another family, or neither 4 nor 16 bytes."""
    family = {4: AF_INET, 16: AF_INET6}.get(len(data))
    return ("", "") if family is None else parse_ip(inet_ntop(family, data))


def _port(number: int, at: int) -> int:
    if number >> 63:  # a negative int32, which is written with 64 bits
        return 0
    if number > 65535:
        raise Malformed(f"port is {number}; a port is at most 65535", at)
    return number


def _annotation(message: bytes, base: int) -> list[tuple[int, str]]:
    """The annotation in a message; an empty list where its time or its value is missing."""
    time_us, value = 0, ""
    for key, number, data, _ in _fields(message, base):
        if key == _AT:
            time_us = number
        elif key == _VALUE:
            value = _text(data)
    return [(time_us, value)] if time_us and value else []


def _tag(message: bytes, base: int) -> list[tuple[str, str]]:
    """The tag in an entry of the map; an empty list where its key is missing."""
    name, value = "", ""
    for key, _, data, _ in _fields(message, base):
        if key == _TAG_KEY:
            name = _text(data)
        elif key == _TAG_VALUE:
            value = _text(data)
    return [(name, value)] if name else []
