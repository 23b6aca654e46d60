"""Zipkin's version 2 in Protocol Buffers: `application/x-protobuf` on `/api/v2/spans`, the smallest format on the wire.

Rules: writing needs no library.  The bytes of each name, endpoint, annotation and tag key are made once; a span is these bytes
with its own values between them.  The bytes are those of the official codec, with the fields in the order of their numbers.
Source: openzipkin/zipkin-api, zipkin.proto; Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Sequence
from socket import AF_INET6, inet_aton, inet_pton
from struct import Struct, error as OutOfRange  # noqa: N812  # the error of `pack`

from ..model import Endpoint, FinishedSpan, parse_ip
from .memo import MAX_MEMO_TEXT_LENGTH, Memo, endpoint_length
from .mending import MAX_TIME_US, may_break_queries, mended
from .proto3_reader import decode

__all__ = ["decode", "encode", "join", "media_type", "path", "size"]

media_type = "application/x-protobuf"
path = "/api/v2/spans"

MAX_KEPT_KEYS = 2000  # of tags
MAX_KEPT_HEADS = 10_000  # the bytes before a tag's value
MAX_KEPT_VALUES = 1000  # of annotations

_timestamp = Struct("<cq").pack
_i64 = Struct("<q").pack

# The key of a field holds its number and its wire type (0: varint, 1: eight bytes, 2: a length and then bytes).
_SPAN, _LOCAL, _REMOTE, _ANNOTATION, _TAG = b"\n", b"B", b"J", b"R", b"Z"
_TIMESTAMP, _DURATION = b"1", b"8"
_DEBUG, _SHARED = b"`\1", b"h\1"
_KINDS = {None: b"", "CLIENT": b" \1", "SERVER": b" \2", "PRODUCER": b" \3", "CONSUMER": b" \4"}


def encode(span: FinishedSpan, /) -> bytes:
    """One span as an item of a ListOfSpans: the field's key, the length, the span's bytes."""
    # `has_odd_times` is repeated here: the call costs 2 % of a span.
    if not 0 <= span.timestamp_us <= span.timestamp_us + span.duration_us <= MAX_TIME_US:
        span = mended(span)
    try:
        encoded = _encode(span)
    except (UnicodeEncodeError, OutOfRange):
        return _encode(mended(span))
    return _encode(mended(span)) if may_break_queries(encoded) else encoded


def _encode(span: FinishedSpan) -> bytes:
    # Always 16 bytes, zeros first: receivers other than Zipkin refuse a message if a trace id has 8 bytes.
    parent = "" if span.parent_id is None else f"1208{span.parent_id}"
    parts = [
        unhexlify(f"0a10{span.trace_id:0>32}{parent}1a08{span.span_id}"),
        _KINDS[span.kind],
        _names[span.name],
    ]
    if span.timestamp_us > 0:
        parts.append(_timestamp(_TIMESTAMP, span.timestamp_us))
    if span.duration_us > 0:
        parts += (_DURATION, _varint(span.duration_us))
    if span.local is not None:
        parts += (_LOCAL, _endpoints[span.local])
    if span.remote is not None:
        parts += (_REMOTE, _endpoints[span.remote])
    for at, value in span.annotations:
        if at < 1:
            raise OutOfRange("a time before 1970")
        head, tail = _annotations[value]
        parts += (head, _i64(at), tail)
    for key, value in span.tags.items():
        data = value.encode()
        parts += (_tags[key][len(data)], data)
    if span.debug:
        parts.append(_DEBUG)
    if span.shared:
        parts.append(_SHARED)
    encoded = b"".join(parts)
    length = len(encoded)
    return (_SPAN_HEADS[length] if length < _SPAN_HEAD_COUNT else _SPAN + _varint(length)) + encoded


def _varint(number: int) -> bytes:
    """A whole number from 0 on, seven bits in each byte, the lowest bits first."""
    if number < 1 << 7:
        return _BYTES[number]
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    if number < 1 << 21:
        return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14))
    return bytes((number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128)) + _varint(number >> 21)


_BYTES = [bytes((byte,)) for byte in range(128)]

# Nearly all spans are shorter than this number of bytes.
_SPAN_HEAD_COUNT = 2048
_SPAN_HEADS = [_SPAN + _varint(length) for length in range(_SPAN_HEAD_COUNT)]


def _prefixed(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _name(name: str) -> bytes:
    """The span's name with the field's key; empty where the span has no name."""
    return b"*" + _prefixed(name.encode()) if name else b""


def _endpoint(endpoint: Endpoint) -> bytes:
    """An Endpoint behind its length.  An address that is no IP literal counts as unknown, as in the server's JSON reader."""
    ipv4, ipv6 = parse_ip(endpoint.ipv4)[0], parse_ip(endpoint.ipv6)[1]
    fields = (
        b"\n" + _prefixed(endpoint.service_name.encode()) if endpoint.service_name else b"",
        b"\x12\4" + inet_aton(ipv4) if ipv4 else b"",
        b"\x1a\x10" + inet_pton(AF_INET6, ipv6) if ipv6 else b"",
        b" " + _varint(endpoint.port) if endpoint.port else b"",
    )
    return _prefixed(b"".join(fields))


_names = Memo(_name, len)
_endpoints = Memo(_endpoint, endpoint_length)


class _Annotations(dict[str, tuple[bytes, bytes]]):
    """The bytes before and behind an annotation's timestamp, by the annotation's value; the first short values are kept."""

    def __missing__(self, value: str) -> tuple[bytes, bytes]:
        tail = b"\x12" + _prefixed(value.encode())
        pair = _ANNOTATION + _varint(9 + len(tail)) + b"\t", tail
        if len(value) <= MAX_MEMO_TEXT_LENGTH and len(self) < MAX_KEPT_VALUES:
            self[value] = pair
        return pair


class _Heads(dict[int, bytes]):
    """The bytes before a tag's value, by the length of the value: the entry's length, the tag's key, the value's length."""

    kept = 0

    def __init__(self, key: str, is_kept: bool) -> None:
        super().__init__()
        self._is_kept = is_kept
        self._key = b"\n" + _prefixed(key.encode()) + b"\x12"

    def __missing__(self, length: int) -> bytes:
        entry = self._key + _varint(length)
        head = _TAG + _varint(len(entry) + length) + entry
        if self._is_kept and _Heads.kept < MAX_KEPT_HEADS:
            _Heads.kept += 1
            self[length] = head
        return head


class _Tags(dict[str, _Heads]):
    """The heads of tags, by tag key.  Long keys, and ever new keys, cost time but never memory."""

    def __missing__(self, key: str) -> _Heads:
        is_kept = len(key) <= MAX_MEMO_TEXT_LENGTH and len(self) < MAX_KEPT_KEYS
        heads = _Heads(key, is_kept)
        if is_kept:
            self[key] = heads
        return heads


_annotations = _Annotations()
_tags = _Tags()


def join(encoded: Sequence[bytes], /) -> bytes:
    """Frame spans as a ListOfSpans: its items, one after the other."""
    return b"".join(encoded)


def size(count: int, total_bytes: int, /) -> int:
    """The length of the spans; the message adds nothing to them."""
    return total_bytes
