"""JSON v2 and Thrift v1 with the least work for each span: all constant parts are kept as text or bytes.

Rules: each shape of spans (the kind, the keys of the tags, the fields present) has a template.  Encoding a span fills in the
template's places.
Source: openzipkin/zipkin, V2SpanWriter and V1ThriftSpanWriter; zipkin-api, zipkinCore.thrift.
"""

from __future__ import annotations

import socket
from json.encoder import encode_basestring_ascii as quote
from struct import Struct
from typing import Any

__all__ = ["Address", "encode_json", "encode_thrift", "hex_id"]

_LOW_64_BITS = (1 << 64) - 1


class Address:
    """An endpoint in both formats, each encoded once."""

    __slots__ = ("json", "thrift")

    def __init__(self, service_name: str, ipv4: str, port: int) -> None:
        self.json = f'{{"serviceName":{quote(service_name)},"ipv4":"{ipv4}"' + (f',"port":{port}}}' if port else "}")
        name = service_name.encode()
        self.thrift = b"\x08\0\x01%b\x06\0\x02%b\x0b\0\x03%b%b\0" % (
            socket.inet_aton(ipv4),
            port.to_bytes(2, "big"),
            _i32(len(name)),
            name,
        )


def hex_id(value: int | str) -> str:
    if isinstance(value, str):
        return value
    return value.to_bytes(8 if value <= _LOW_64_BITS else 16, "big").hex()


_json_templates: dict[Any, str] = {}


def encode_json(span: Any, local: Address) -> str:
    """One span, as an object in the list that is sent to a collector."""
    tags = span.tags
    annotations, trace_id, span_id, parent_id = span.annotations, span.trace_id, span.span_id, span.parent_id
    # Ids from a caller are text.  The type of each id decides how its place is formatted.
    ids = (type(trace_id), type(span_id), type(parent_id))
    shape = (ids, local, span.remote, tags.get("span.kind"), span.shared, annotations is None, *tags)
    template = _json_templates.get(shape)
    if template is None:
        template = _json_templates[shape] = _json_template(span, local)
    try:
        values = [*map(quote, tags.values())]
    except TypeError:
        values = [quote(str(value)) for value in tags.values()]
    start_us = (span.start + span.offset) // 1000
    return template % (
        trace_id,
        parent_id,
        span_id,
        quote(span.name),
        start_us,
        (span.end + span.offset) // 1000 - start_us or 1,
        "" if annotations is None else ",".join([f'{{"timestamp":{at},"value":{quote(text)}}}' for at, text in annotations]),
        *values,
    )


def _json_template(span: Any, local: Address) -> str:
    # On the wire the kind is not a tag, so its place is empty.  The first comma is removed with the first tag.
    places = ["%.0s" if key == "span.kind" else f",{quote(key)}:".replace("%", "%%") + "%s" for key in span.tags]
    tags = "".join(places).replace(",", "", 1)
    kind = span.tags.get("span.kind")
    parent = "%.0s" if span.parent_id is None else f',"parentId":"{_place(span.parent_id, 16)}"'
    return "".join(
        (
            f'{{"traceId":"{_place(span.trace_id, 32)}"{parent},"id":"{_place(span.span_id, 16)}"',
            f',"kind":"{kind.upper()}"' if kind else "",
            ',"name":%s,"timestamp":%d,"duration":%d,"localEndpoint":',
            local.json.replace("%", "%%"),
            ',"remoteEndpoint":' + span.remote.json.replace("%", "%%") if span.remote else "",
            "%.0s" if span.annotations is None else ',"annotations":[%s]',
            ',"tags":{' + tags + "}",
            ',"shared":true' if span.shared else "",
            "}",
        )
    )


def _place(identity: int | str, digits: int) -> str:
    return f"%0{digits}x" if isinstance(identity, int) else "%s"


_i32 = Struct(">i").pack
_i64 = Struct(">q").pack
_u64 = Struct(">Q").pack

# The annotations for the start and for the end, and the key of the other side's address.
_EDGES = {
    "client": ("cs", "cr", "sa"),
    "server": ("sr", "ss", "ca"),
    "producer": ("ms", "ws", "ma"),
    "consumer": ("wr", "mr", "ma"),
}
_thrift_templates: dict[Any, bytes] = {}


def encode_thrift(span: Any, local: Address) -> bytes:
    """One span, as a struct in the list that is sent to a collector."""
    tags = span.tags
    annotations, remote, trace_id, parent_id = span.annotations, span.remote, span.trace_id, span.parent_id
    packed = trace_id.to_bytes(16, "big") if type(trace_id) is int else bytes.fromhex(trace_id)
    high = packed[:-8]
    kind = tags.get("span.kind")
    shape = (local, remote, kind, parent_id is None, span.shared, not high, *tags)
    template = _thrift_templates.get(shape)
    if template is None:
        template = _thrift_templates[shape] = _thrift_template(span, local, high)
    name = span.name.encode()
    start_us = (span.start + span.offset) // 1000
    duration_us = (span.end + span.offset) // 1000 - start_us or 1
    start = _i64(start_us)
    values = []
    for value in tags.values():
        text = value.encode() if type(value) is str else str(value).encode()
        values.append(_i32(len(text)))
        values.append(text)
    return template % (
        packed[-8:],
        _i32(len(name)),
        name,
        _u64(_number(span.span_id)),
        b"" if parent_id is None else _u64(_number(parent_id)),
        _i32((2 if kind else 0) + (0 if annotations is None else len(annotations))),
        start if kind else b"",
        b"" if annotations is None else _thrift_annotations(annotations, local.thrift),
        _i64(start_us + duration_us) if kind else b"",
        *values,
        b"" if span.shared else start,
        b"" if span.shared else _i64(duration_us),
        high,
    )


def _number(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _thrift_annotations(annotations: list[tuple[int, str]], host: bytes) -> bytes:
    encoded = [(at, text.encode()) for at, text in annotations]
    return b"".join([b"\x0a\0\1%b\x0b\0\2%b%b\x0c\0\3%b\0" % (_i64(at), _i32(len(text)), text, host) for at, text in encoded])


def _thrift_template(span: Any, local: Address, high: bytes) -> bytes:
    """Fields 1, 3, 4, 5, the lists 6 and 8, then 10, 11 and 12; an absent value has an empty place."""
    host = local.thrift.replace(b"%", b"%%")
    kind = span.tags.get("span.kind")
    begin, end, peer = _EDGES[kind] if kind else ("", "", "sa")
    edge = b"\x0a\0\1%%b\x0b\0\2\0\0\0\2%b\x0c\0\3%b\0"
    tags = [
        # Not a tag on the wire: the places of its length and of its text are empty.
        b"%.0s%.0s" if key == "span.kind" else _thrift_tag(key, b"%b%b", 6, host)
        for key in span.tags
    ]
    if span.remote is not None:
        tags.append(_thrift_tag(peer, b"\0\0\0\1\1", 0, span.remote.thrift.replace(b"%", b"%%")))
    return b"".join(
        (
            b"\x0a\0\1%b\x0b\0\3%b%b\x0a\0\4%b",
            b"%b" if span.parent_id is None else b"\x0a\0\5%b",
            b"\x0f\0\6\x0c%b",
            edge % (begin.encode(), host) + b"%b" + edge % (end.encode(), host) if kind else b"%b%b%b",
            b"\x0f\0\x08\x0c" + _i32(len(tags) - (1 if kind else 0)).replace(b"%", b"%%"),
            *tags,
            b"%b%b" if span.shared else b"\x0a\0\x0a%b\x0a\0\x0b%b",
            b"\x0a\0\x0c%b" if high else b"%b",
            b"\0",
        )
    )


def _thrift_tag(key: str, value: bytes, kind_of_value: int, host: bytes) -> bytes:
    name = key.encode()
    head = b"\x0b\0\1" + (_i32(len(name)) + name).replace(b"%", b"%%") + b"\x0b\0\2"
    return head + value + b"\x08\0\3" + _i32(kind_of_value) + b"\x0c\0\4" + host + b"\0"
