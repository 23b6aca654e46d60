"""Proto3 with the least work for each span, like the other formats in `limit_codec`.

Rules: the bytes before a value depend on its key and on the value's length; they are made once for each such pair.
Source: openzipkin/zipkin-api, zipkin.proto; Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import Any

__all__ = ["endpoint", "message"]

_fixed = Struct("<cq").pack
_i64 = Struct("<q").pack
_KINDS = {None: b"", "client": b" \1", "server": b" \2", "producer": b" \3", "consumer": b" \4"}


def varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128,)) + varint(number >> 7)


def _prefixed(data: bytes) -> bytes:
    return varint(len(data)) + data


def endpoint(service_name: str, ipv4: str, port: int) -> bytes:
    name, address = b"\n" + _prefixed(service_name.encode()), b"\x12\4" + socket.inet_aton(ipv4)
    return _prefixed(name + address + (b" " + varint(port) if port else b""))


class _TagHeads(dict[tuple[str, int], bytes]):
    def __missing__(self, shape: tuple[str, int]) -> bytes:
        key, length = shape
        entry = b"\n" + _prefixed(key.encode()) + b"\x12" + varint(length)
        head = self[shape] = b"Z" + varint(len(entry) + length) + entry
        return head


class _Names(dict[str, bytes]):
    def __missing__(self, name: str) -> bytes:
        field = self[name] = b"*" + _prefixed(name.encode())
        return field


_tag_heads, _names = _TagHeads(), _Names()


def message(spans: list[Any], local: bytes, remote: bytes) -> bytes:
    return b"".join([_encode(span, local, remote) for span in spans])


def _encode(span: Any, local: bytes, remote: bytes) -> bytes:
    start_us = (span.start + span.offset) // 1000
    duration_us = (span.end + span.offset) // 1000 - start_us or 1
    tags = span.tags
    parts = [
        b"\n\x10",
        span.trace_id.to_bytes(16, "big"),
        b"" if span.parent_id is None else b"\x12\x08" + span.parent_id.to_bytes(8, "big"),
        b"\x1a\x08",
        span.span_id.to_bytes(8, "big"),
        _KINDS[tags.get("span.kind")],
        _names[span.name],
        _fixed(b"1", start_us),
        b"8",
        varint(duration_us),
        b"B",
        local,
        b"J",
        remote,
    ]
    for at, text in span.annotations:
        value = text.encode()
        parts += (b"R", varint(11 + len(value)), b"\t", _i64(at), b"\x12", varint(len(value)), value)
    for key, value in tags.items():
        if key != "span.kind":
            data = value.encode()
            parts += (_tag_heads[key, len(data)], data)
    encoded = b"".join(parts)
    return b"\n" + varint(len(encoded)) + encoded
