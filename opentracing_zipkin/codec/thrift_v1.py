"""Zipkin's version 1 in Thrift's binary protocol: `application/x-thrift` on `/api/v1/spans`.

Rules: writing needs no library.  Spans with the same kind, local endpoint and tag keys have one shape, and the bytes of a shape
are made once.  A span then costs its own values and one join.  The bytes are those of the official codec: annotations by time,
tags by key.
Source: Thrift binary protocol encoding; openzipkin/zipkin-api, zipkinCore.thrift.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from socket import AF_INET6, inet_aton, inet_pton
from struct import Struct, error as OutOfRange  # noqa: N812  # the error of `pack`

from ..model import Endpoint, FinishedSpan, parse_ip
from .memo import MAX_MEMO_TEXT_LENGTH, Memo, endpoint_length
from .mending import MAX_TIME_US, may_break_queries, mended
from .thrift_v1_reader import decode
from .v1 import CORE_VALUES, LOCAL_COMPONENT, core_of, events

__all__ = ["decode", "encode", "join", "media_type", "path", "size"]

media_type = "application/x-thrift"
path = "/api/v1/spans"

MAX_SHAPES_BYTES = 4 << 20
MAX_KEPT_STRUCTS = 4000  # of annotations, for all hosts together

_i32 = Struct(">i").pack
_i64 = Struct(">q").pack
_times = Struct(">3sq3sq").pack

# The header of a field: its type, then its id.
_DEBUG = b"\x02\0\x09\x01"
_I32_1, _I32_3 = b"\x08\0\x01", b"\x08\0\x03"
_I16_2 = b"\x06\0\x02"
_I64_1, _I64_10, _I64_11 = b"\n\0\x01", b"\n\0\x0a", b"\n\0\x0b"
_STRING_1, _STRING_2, _STRING_3, _STRING_4 = (b"\x0b\0" + bytes([field]) for field in (1, 2, 3, 4))
_STRUCT_3, _STRUCT_4 = b"\x0c\0\x03", b"\x0c\0\x04"
_STRUCTS_8 = b"\x0f\0\x08\x0c"
_STOP = b"\0"

# The bytes of a binary annotation between its value and its host: the type of the value.
_IS_ADDRESS = _I32_3 + _i32(0) + _STRUCT_4
_IS_TAG = _I32_3 + _i32(6)

# Most texts are short, and a look-up takes a quarter of the time of `pack`.  `_encode` has the same 512 as a literal, because
# looking up a global name costs instructions for each tag.
_LENGTHS = [_i32(length) for length in range(512)]

_NO_HOST = Endpoint()
_NO_STRUCTS = _i32(0)
_TAGS_AT = 5  # the number of a span's parts before its first tag


def encode(span: FinishedSpan, /) -> bytes:
    """One span as a Thrift struct."""
    try:
        encoded = _encode(span)
    except (UnicodeEncodeError, OutOfRange):
        return _encode(mended(span))
    return _encode(mended(span)) if may_break_queries(encoded) else encoded


def _encode(span: FinishedSpan) -> bytes:
    tags = span.tags
    remote = span.remote
    trace_id = span.trace_id
    key = (span.kind, span.local, remote is None, *tags)
    shape = _shapes.get(key) or _shapes.add(key, span)
    annotations = _annotations(span, shape) if span.kind is not None or span.annotations else _NO_STRUCTS
    parent = "" if span.parent_id is None else f"0a0005{span.parent_id}"
    ids = unhexlify(f"0a0001{trace_id[-16:]}0b00030a0004{span.span_id}{parent}0f00060c")
    parts = [
        ids[:14],
        _texts[span.name],
        ids[14:],
        annotations,
        shape.only_host if annotations is _NO_STRUCTS else shape.binary_annotations,
    ]
    for prefix, value in zip(shape.prefixes, shape.values(tags)):  # noqa: B905  # always the same length; strict costs 80 ns
        data = value.encode()
        length = len(data)
        parts += (prefix, _LENGTHS[length] if length < 512 else _i32(length), data)
    if remote is not None:
        parts[shape.remote_at : shape.remote_at] = (shape.remote_prefix, _endpoints[remote])
    parts.append(shape.suffix)
    if span.debug:
        parts.append(_DEBUG)
    if not span.shared:
        parts.append(_own_times(span.timestamp_us, span.duration_us))
    parts.append(_STOP if len(trace_id) <= 16 else unhexlify(f"0a000c{trace_id[:-16]}00"))
    return b"".join(parts)


def _own_times(timestamp_us: int, duration_us: int) -> bytes:
    """The timestamp and the duration as fields, each where it is known."""
    if timestamp_us > 0 and duration_us > 0:
        if timestamp_us + duration_us > MAX_TIME_US:
            raise OutOfRange("an end beyond 63 bits")
        return _times(_I64_10, timestamp_us, _I64_11, duration_us)
    timestamp = _I64_10 + _i64(timestamp_us) if timestamp_us > 0 else b""
    return timestamp + (_I64_11 + _i64(duration_us) if duration_us > 0 else b"")


def _annotations(span: FinishedSpan, shape: _Shape) -> bytes:
    """The count and the structs of a span's annotations and of those that stand for its kind, in order of time."""
    begin_us, duration_us = span.timestamp_us, span.duration_us
    annotations, structs = span.annotations, shape.annotations
    end_us = begin_us + duration_us
    if not (span.kind and begin_us > 0 and duration_us > 0):
        return _any_annotations(span, structs)
    last_us = begin_us
    parts = [_NO_STRUCTS, _I64_1, _i64(begin_us), shape.begin]
    for at, value in annotations:
        if at <= last_us or value in CORE_VALUES:
            return _any_annotations(span, structs)
        last_us = at
        parts += (_I64_1, _i64(at), structs[value])
    if end_us <= last_us:
        return _any_annotations(span, structs)
    parts += (_I64_1, _i64(end_us), shape.end)
    parts[0] = _i32(len(parts) // 3)  # counted last, because a thread of the application may have added one meanwhile
    return b"".join(parts)


def _any_annotations(span: FinishedSpan, structs: _Annotations) -> bytes:
    """The result of `_annotations` for unusual spans: no kind, times or order, or an own annotation of the kind."""
    written = events(span)
    if not written:
        return _NO_STRUCTS
    if written[0][0] < 1:
        raise OutOfRange("a time before 1970")
    return _I64_1.join([_i32(len(written)), *(_i64(at) + structs[value] for at, value in written)])


class _Annotations(dict[str, bytes]):
    """The structs of annotations of one host without their timestamp, by value; the first 4,000 short values are kept."""

    kept = 0

    def __init__(self, host: bytes) -> None:
        super().__init__()
        self._end = (_STRUCT_3 + host if host else b"") + _STOP

    def __missing__(self, value: str) -> bytes:
        struct = _STRING_2 + _texts[value] + self._end
        if len(value) <= MAX_MEMO_TEXT_LENGTH and _Annotations.kept < MAX_KEPT_STRUCTS:
            _Annotations.kept += 1
            self[value] = struct
        return struct


_annotations_of = lru_cache(maxsize=64)(_Annotations)


class _Shape:
    """The bytes that spans of one shape have in common."""

    __slots__ = (
        "annotations",
        "begin",
        "binary_annotations",
        "end",
        "only_host",
        "prefixes",
        "remote_at",
        "remote_prefix",
        "suffix",
        "values",
    )

    annotations: _Annotations
    begin: bytes  # the kind's annotation without its timestamp; not used in a span without kind
    end: bytes
    binary_annotations: bytes  # the header of their list
    only_host: bytes  # the header where no annotation carries the host
    prefixes: list[bytes]  # the bytes before the value of each tag
    values: Callable[[dict[str, str]], Iterable[str]]  # the tags' values, in the order of their keys
    remote_prefix: bytes
    remote_at: int  # the position of the remote endpoint among the parts of the span
    suffix: bytes  # the bytes behind the last tag or endpoint


class _Shapes(dict[tuple[object, ...], _Shape]):
    """Shapes by kind, local endpoint, presence of a remote endpoint, and tag keys.  New shapes without end cost no memory."""

    weight = 0  # bytes, estimated

    def add(self, key: tuple[object, ...], span: FinishedSpan) -> _Shape:
        shape = _make_shape(span)
        longest = max(map(len, span.tags), default=0)
        if longest <= MAX_MEMO_TEXT_LENGTH and (span.local is None or endpoint_length(span.local) <= MAX_MEMO_TEXT_LENGTH):
            # A tag's key, its prefix and the references to them take the second part; the rest of a shape is a dozen objects.
            weight = 1000 + sum(200 + 2 * len(prefix) for prefix in shape.prefixes)
            if self.weight + weight > MAX_SHAPES_BYTES:
                self.clear()
                self.weight = 0
            self.weight += weight
            self[key] = shape
        return shape


_shapes = _Shapes()


def _make_shape(span: FinishedSpan) -> _Shape:
    shape = _Shape()
    host = b"" if span.local is None or span.local == _NO_HOST else _endpoints[span.local]
    core = core_of(span.kind, True)
    shape.annotations = _annotations_of(host) if len(host) <= 2 * MAX_MEMO_TEXT_LENGTH else _Annotations(host)
    shape.begin, shape.end = shape.annotations[core.begin], shape.annotations[core.end]
    keys = sorted(span.tags)
    shape.values = dict.values if list(span.tags) == keys else itemgetter(*keys)
    _add_binary_annotations(shape, keys, host, core.address if span.remote is not None else "")
    return shape


def _add_binary_annotations(shape: _Shape, keys: Sequence[str], host: bytes, address: str) -> None:
    """Set the bytes between the values: each part is the end of one struct and the beginning of the next."""
    tag_end = _IS_TAG + (_STRUCT_4 + host if host else b"") + _STOP
    structs = [(_STRING_1 + _texts[key] + _STRING_2, tag_end) for key in keys]
    before = sum(key < address for key in keys)
    if address:
        structs.insert(before, (_STRING_1 + _texts[address] + _STRING_2 + _texts["\x01"] + _IS_ADDRESS, _STOP))
    ends = [b"", *(end for _, end in structs)]
    shape.prefixes = [end + begin for end, (begin, _) in zip(ends, structs, strict=False)]
    shape.suffix = ends[-1]
    if address:
        shape.remote_prefix = shape.prefixes.pop(before)
        shape.remote_at = _TAGS_AT + 3 * before
    shape.binary_annotations = shape.only_host = _STRUCTS_8 + _i32(len(structs))
    if host and not keys:
        component = _STRING_1 + _texts[LOCAL_COMPONENT] + _STRING_2 + _texts[""] + tag_end
        shape.only_host = _STRUCTS_8 + _i32(len(structs) + 1) + component


def _text(text: str) -> bytes:
    data = text.encode()
    return _i32(len(data)) + data


def _endpoint(endpoint: Endpoint) -> bytes:
    """An Endpoint struct.  An address that is no IP literal counts as unknown, as in the server's JSON reader."""
    ipv4, ipv6 = parse_ip(endpoint.ipv4)[0], parse_ip(endpoint.ipv6)[1]
    return b"".join(
        (
            _I32_1 + inet_aton(ipv4 or "0.0.0.0"),
            _I16_2 + endpoint.port.to_bytes(2, "big"),
            _STRING_3 + _texts[endpoint.service_name],
            _STRING_4 + _i32(16) + inet_pton(AF_INET6, ipv6) if ipv6 else b"",
            _STOP,
        )
    )


_texts = Memo(_text, len)
_endpoints = Memo(_endpoint, endpoint_length)


def join(encoded: Sequence[bytes], /) -> bytes:
    """Frame spans as a Thrift list of structs."""
    return b"\x0c" + _i32(len(encoded)) + b"".join(encoded)


def size(count: int, total_bytes: int, /) -> int:
    """The header of the list, then the structs as they are."""
    return 5 + total_bytes
