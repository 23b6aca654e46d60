"""Zipkin's version 1 in Thrift, read: bytes of any origin become spans or a ValueError.

Rules: thriftpy2 reads the structs by `zipkinCore.thrift`.  Before it sees them, each length and depth in the message is checked
against the bytes that are really there.  So no announced length costs more memory or time than the message itself, and none
reaches C code.
Source: Thrift binary protocol encoding; zipkin-server 3.5.1, whose behaviour was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from importlib import resources
from io import StringIO
from socket import AF_INET6, inet_ntoa, inet_ntop
from struct import Struct
from typing import Any

from ..model import Endpoint, FinishedSpan
from .budget import Budget
from .malformed import Malformed
from .v1 import ADDRESSES, V1Span, to_v2

__all__ = ["decode", "iterate"]

_i32_at = Struct(">i").unpack_from

_STOP, _BOOL, _BYTE, _DOUBLE, _I16, _I32, _I64 = 0, 2, 3, 4, 6, 8, 10
_STRING, _STRUCT, _MAP, _SET, _LIST = 11, 12, 13, 14, 15
_WIDTHS = {_BOOL: 1, _BYTE: 1, _DOUBLE: 8, _I16: 2, _I32: 4, _I64: 8}

# In a Span the deepest struct is the third: span, annotation, host.  Unknown fields may nest somewhat deeper.
_MAX_DEPTH = 16


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a Thrift list of structs; bytes behind the list are ignored.

    Raises Malformed, a ValueError that tells the fault and its byte, and ImportError where thriftpy2 is missing.
    """
    return list(iterate(body, Budget()))


def iterate(body: bytes, budget: Budget | None = None) -> Iterator[FinishedSpan]:
    """Yield the spans one by one; without a common budget each span has a budget for itself."""
    idl, deserialize = _thrift()
    if len(body) < 5:
        raise Malformed(f"truncated: a Thrift list begins with 5 bytes, got {len(body)}", len(body))
    if body[0] != _STRUCT:
        single = " (this looks like a single Thrift struct)" if body[0] == _I64 else ""
        raise Malformed(f"a Thrift list of structs begins with 0x0c, got 0x{body[0]:02x}{single}", 0)
    (count,) = _i32_at(body, 1)
    _check_count(count, 1, body, 5)
    at = 5
    for index in range(count):
        try:
            end = _skip(body, at, _STRUCT, _MAX_DEPTH, budget or Budget())
            struct = deserialize(idl.Span(), body[at:end])
            yield from to_v2(_v1_span(struct, idl))
        except ValueError as error:
            raise Malformed(f"span {index}: {error}", getattr(error, "offset", at)) from error
        at = end


@lru_cache(maxsize=1)
def _thrift() -> tuple[Any, Any]:
    """The module that thriftpy2 makes of the IDL, and the thriftpy2 function that reads a struct."""
    try:
        import thriftpy2
        from thriftpy2.protocol import TBinaryProtocolFactory  # its compiled class, if any, takes an eighth of the time
        from thriftpy2.utils import deserialize
    except ImportError as error:
        raise ImportError(
            "reading Thrift needs thriftpy2: install the extra 'collector' of the distribution 'opentracing', or thriftpy2"
        ) from error
    # Read as a resource, because the package may be in a zip file.
    source = resources.files(__package__).joinpath("zipkinCore.thrift").read_text("utf-8")
    idl = thriftpy2.load_fp(StringIO(source), "zipkinCore_thrift")
    protocol: Any = TBinaryProtocolFactory
    return idl, partial(deserialize, proto_factory=protocol())


def _check_count(count: int, width: int, body: bytes, at: int) -> None:
    if count < 0:
        raise Malformed(f"negative length {count} at byte {at - 4}", at - 4)
    if count * width > len(body) - at:
        raise Malformed(f"truncated: {count} announced at byte {at - 4}, but only {len(body) - at} bytes follow", at - 4)


def _skip(body: bytes, at: int, kind: int, depth: int, budget: Budget) -> int:
    """The position behind the value at `at`."""
    width = _WIDTHS.get(kind)
    if width is not None:
        end = at + width
    elif kind == _STRING:
        (length,) = _i32_at(body, _check_bytes(body, at, 4))
        _check_count(length, 1, body, at + 4)
        end = at + 4 + length
    elif depth == 0:
        raise Malformed(f"nested deeper than {_MAX_DEPTH} at byte {at}", at)
    elif kind == _STRUCT:
        return _skip_struct(body, at, depth - 1, budget)
    elif kind in (_LIST, _SET):
        return _skip_items(body, at + 1, body[_check_bytes(body, at, 5) : at + 1], depth - 1, budget)
    elif kind == _MAP:
        return _skip_items(body, at + 2, body[_check_bytes(body, at, 6) : at + 2], depth - 1, budget)
    else:
        raise Malformed(f"unknown Thrift type {kind} at byte {at}", at)
    return _check_bytes(body, at, end - at) + end - at


def _check_bytes(body: bytes, at: int, needed: int) -> int:
    """`at`; raises Malformed where fewer than `needed` bytes follow."""
    if len(body) - at < needed:
        follow = max(0, len(body) - at)
        raise Malformed(f"truncated: {needed} bytes expected at byte {at}, but only {follow} follow", at)
    return at


def _skip_struct(body: bytes, at: int, depth: int, budget: Budget) -> int:
    while True:
        kind = body[_check_bytes(body, at, 1)]
        if kind == _STOP:
            return at + 1
        at = _skip(body, _check_bytes(body, at, 3) + 3, kind, depth, budget)


def _skip_items(body: bytes, at: int, kinds: bytes, depth: int, budget: Budget) -> int:
    """The position behind the count at `at` and its items; an item has one value (list, set) or two (map)."""
    count: int = _i32_at(body, at)[0]
    at += 4
    _check_count(count, len(kinds), body, at)
    if len(kinds) == 1 and kinds[0] in _WIDTHS:
        width = count * _WIDTHS[kinds[0]]
        return _check_bytes(body, at, width) + width
    budget.take(count)
    for _ in range(count):
        for kind in kinds:
            at = _skip(body, at, kind, depth, budget)
    return at


def _v1_span(struct: Any, idl: Any) -> V1Span:
    low, high = _unsigned(struct.trace_id), _unsigned(struct.trace_id_high)
    span_id, parent_id = _unsigned(struct.id), _unsigned(struct.parent_id)
    if not (low or high):
        raise ValueError("trace_id is missing or 0")
    if not span_id:
        raise ValueError("id is missing or 0")
    tags, addresses = [], []
    for each in struct.binary_annotations or ():
        key, kind, host = _as_text(each.key), each.annotation_type, _endpoint(each.host)
        if key in ADDRESSES:  # an address is never a tag; zipkin-ruby writes addresses as strings
            true = kind == idl.AnnotationType.BOOL and _as_bytes(each.value) == b"\x01"
            if host is not None and (true or kind == idl.AnnotationType.STRING):
                addresses.append((key, host))
        elif kind == idl.AnnotationType.STRING:
            tags.append((key, _as_text(each.value), host))
    return V1Span(
        f"{high:016x}{low:016x}" if high else f"{low:016x}",
        f"{span_id:016x}",
        f"{parent_id:016x}" if parent_id and parent_id != span_id else None,
        _as_text(struct.name).lower(),
        max(0, struct.timestamp or 0),
        max(0, struct.duration or 0),
        [(each.timestamp, _as_text(each.value), _endpoint(each.host)) for each in struct.annotations or () if each.timestamp],
        tags,
        addresses,
        bool(struct.debug),
    )


def _unsigned(number: int | None) -> int:
    return (number or 0) & 0xFFFF_FFFF_FFFF_FFFF


def _as_text(value: str | bytes | None) -> str:
    """The text of a string or binary field: thriftpy2 returns bytes where they are not valid UTF-8."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _as_bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _endpoint(host: Any) -> Endpoint | None:
    """The endpoint in a struct; None where no field of it is known."""
    if host is None:
        return None
    ipv4, ipv6 = (host.ipv4 or 0).to_bytes(4, "big", signed=True), _as_bytes(host.ipv6)
    if len(ipv6) == 4:
        ipv4, ipv6 = ipv6, b""
    if len(ipv6) == 16 and ipv6.startswith(b"\0" * 10 + b"\xff\xff"):
        ipv4, ipv6 = ipv6[12:], b""
    endpoint = Endpoint(
        _as_text(host.service_name).lower(),
        inet_ntoa(ipv4) if any(ipv4) else "",
        inet_ntop(AF_INET6, ipv6) if len(ipv6) == 16 else "",
        (host.port or 0) & 0xFFFF,
    )
    return endpoint if any(endpoint) else None
