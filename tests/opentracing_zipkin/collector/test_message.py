"""Messages over a limit: refused before they become objects, in time and memory that do not depend on announced numbers."""

from __future__ import annotations

import struct

import pytest

from opentracing_zipkin.codec import json_v1, json_v2, proto3, thrift_v1
from opentracing_zipkin.collector import message
from opentracing_zipkin.collector.body import TooLarge
from opentracing_zipkin.collector.message import MAX_JSON_COMMAS, MAX_JSON_CONTAINERS, MAX_SPANS, decode
from opentracing_zipkin.model import Endpoint, FinishedSpan

JSON, PROTO3, THRIFT = json_v2.media_type, proto3.media_type, thrift_v1.media_type
SMALLEST = {JSON: b'{"traceId":"1","id":"1"}', PROTO3: b"\x0a\x06\x0a\x01\x01\x1a\x01\x01"}
LARGE = FinishedSpan(
    "1".zfill(16), "2".zfill(16), None, "SERVER", "get", 1, 2, Endpoint("a", "192.0.2.1"), tags={str(n): "," for n in range(20)}
)


def many(count: int, media_type: str) -> bytes:
    if media_type == JSON:
        return b"[" + b",".join([SMALLEST[JSON]] * count) + b"]"
    if media_type == PROTO3:
        return SMALLEST[PROTO3] * count
    return thrift_v1.join([thrift_v1.encode(FinishedSpan("1".zfill(16), "1".zfill(16)))] * count)


@pytest.mark.parametrize(
    ("path", "media_type"), [(json_v2.path, JSON), (json_v2.path, PROTO3), (json_v1.path, THRIFT), (json_v1.path, JSON)]
)
def test_a_message_has_a_number_of_spans(monkeypatch: pytest.MonkeyPatch, path: str, media_type: str) -> None:
    """A message with the most allowed spans is read; one more span is refused."""
    monkeypatch.setattr(message, "MAX_SPANS", 100)

    assert 100 == len(decode(path, media_type, many(100, media_type)))
    with pytest.raises(TooLarge, match="more than 100 spans"):
        decode(path, media_type, many(101, media_type))


ANNOTATED = b"\x0a\x01\x01\x1a\x01\x01" + b"\x52\x00" * 1_000_001

HOSTILE = {
    "objects": (JSON, b"[" + b"{}," * MAX_JSON_CONTAINERS + b"{}]", "objects and lists"),
    "lists": (JSON, b"[" + b"[]," * MAX_JSON_CONTAINERS + b"[]]", "objects and lists"),
    "texts": (JSON, b"[" + b'"ab",' * (MAX_JSON_COMMAS + 1) + b'"ab"]', "values in a message"),
    "spans behind a field that is unknown": (
        PROTO3,
        b"\x08\xff\xff\xff\xff\x0f" + SMALLEST[PROTO3] * (MAX_SPANS + 1),
        "spans in a message",
    ),
    "spans behind a number of 8 bytes": (
        PROTO3,
        b"\x09" + b"\xff" * 8 + SMALLEST[PROTO3] * (MAX_SPANS + 1),
        "spans in a message",
    ),
    "a count": (THRIFT, b"\x0c" + struct.pack(">i", 2_600_000) + b"\0" * 2_600_000, "spans in a message"),
    "empty annotations": (PROTO3, b"\x0a\x88\x89\x7a" + ANNOTATED, "annotations and tags"),
    "empty structs": (
        THRIFT,
        b"\x0c\0\0\0\1\x0f\0\x06\x0c" + struct.pack(">i", 1_000_001) + b"\0" * 1_000_002,
        "annotations and tags",
    ),
}


@pytest.mark.parametrize(("media_type", "body", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_message_of_many_small_things_is_refused(media_type: str, body: bytes, reason: str) -> None:
    """A message of many small items is refused: each is a few bytes on the wire and a hundred times that as an object."""
    with pytest.raises(ValueError, match=reason):
        decode(json_v1.path if media_type == THRIFT else json_v2.path, media_type, body)


@pytest.mark.parametrize("depth", [900, 980, 1000, 5000, 100_000])
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("key", [b"unknown", b"tags", b"traceId"])
def test_a_message_that_is_nested_deeply_is_answered(depth: int, begin: bytes, end: bytes, key: bytes) -> None:
    """Deep nesting is refused, and raises only ValueError, except in an unknown field at a depth below 980."""
    body = b'[{"traceId":"1","id":"1","' + key + b'":' + begin * depth + b"1" + end * depth + b"}]"
    try:
        answer = "taken" if decode(json_v2.path, JSON, body) else ""
    except ValueError as error:
        answer = str(error)

    assert answer
    assert answer != "taken" or (key == b"unknown" and depth < 980)


def test_an_ordinary_message_is_read() -> None:
    """A message of ten thousand spans with twenty tags each is below all limits."""
    assert 10_000 == len(decode(json_v2.path, JSON, json_v2.join([json_v2.encode(LARGE)] * 10_000)))


def test_no_memory_is_a_message_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message for which there is no memory is refused as too large, and the collector goes on."""

    def decoder(body: bytes) -> list[FinishedSpan]:
        raise MemoryError

    monkeypatch.setitem(message.READERS[json_v2.path], JSON, decoder)

    with pytest.raises(TooLarge, match="no memory"):
        decode(json_v2.path, JSON, b"[]")
