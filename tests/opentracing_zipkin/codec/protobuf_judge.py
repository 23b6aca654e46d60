"""Zipkin's messages in Google's protobuf package, made from the field numbers: they judge the bytes that we write and read.

Source: openzipkin/zipkin-api, zipkin.proto.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["MESSAGES", "list_of_spans", "spans_in"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = ("SPAN_KIND_UNSPECIFIED", "CLIENT", "SERVER", "PRODUCER", "CONSUMER")

# Name, number and type of each field; a type that begins with a capital is one of these messages, `*` means repeated.
MESSAGES = {
    "Span": "trace_id 1 bytes, parent_id 2 bytes, id 3 bytes, kind 4 Kind, name 5 string, timestamp 6 fixed64, duration 7 uint64,"
    " local_endpoint 8 Endpoint, remote_endpoint 9 Endpoint, annotations 10 *Annotation, tags 11 *Span.TagsEntry,"
    " debug 12 bool, shared 13 bool",
    "Span.TagsEntry": "key 1 string, value 2 string",
    "Endpoint": "service_name 1 string, ipv4 2 bytes, ipv6 3 bytes, port 4 int32",
    "Annotation": "timestamp 1 fixed64, value 2 string",
    "ListOfSpans": "spans 1 *Span",
}


def _list_of_spans() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="judge.proto", package="judge", syntax="proto3")
    kind = file.enum_type.add(name="Kind")
    for number, name in enumerate(_KINDS):
        kind.value.add(name=name, number=number)
    messages: dict[str, Any] = {}
    for name, fields in MESSAGES.items():
        outer, _, inner = name.rpartition(".")
        message = messages[outer].nested_type.add(name=inner) if outer else file.message_type.add(name=name)
        messages[name] = message
        message.options.map_entry = bool(outer)
        for field in fields.split(","):
            _add_field(message, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("judge.ListOfSpans"))


def _add_field(message: Any, name: str, number: str, written: str) -> None:
    label = _FIELD.LABEL_REPEATED if written.startswith("*") else _FIELD.LABEL_OPTIONAL
    of = written.lstrip("*")
    field = message.field.add(name=name, number=int(number), label=label)
    if of[0].isupper():
        field.type = _FIELD.TYPE_ENUM if of == "Kind" else _FIELD.TYPE_MESSAGE
        field.type_name = f".judge.{of}"
    else:
        field.type = getattr(_FIELD, f"TYPE_{of.upper()}")


_ListOfSpans: Any = _list_of_spans()


def list_of_spans(spans: list[FinishedSpan]) -> Any:
    """Our spans as a message of Google's package."""
    message = _ListOfSpans()
    for span in spans:
        written = message.spans.add(
            trace_id=bytes.fromhex(span.trace_id.zfill(32)),
            parent_id=bytes.fromhex(span.parent_id or ""),
            id=bytes.fromhex(span.span_id),
            kind=_KINDS.index(span.kind) if span.kind else 0,
            name=span.name,
            timestamp=span.timestamp_us,
            duration=span.duration_us,
            tags=span.tags,
            debug=span.debug,
            shared=span.shared,
        )
        for at, value in span.annotations:
            written.annotations.add(timestamp=at, value=value)
        for endpoint, target in ((span.local, written.local_endpoint), (span.remote, written.remote_endpoint)):
            if endpoint is not None:
                target.SetInParent()
                target.service_name, target.port = endpoint.service_name, endpoint.port
                target.ipv4, target.ipv6 = _packed(endpoint.ipv4), _packed(endpoint.ipv6)
    return message


def _packed(literal: str) -> bytes:
    return ip_address(literal).packed if literal else b""


def spans_in(body: bytes) -> list[FinishedSpan]:
    """Our spans in bytes that Google's package reads."""
    return [
        FinishedSpan(
            _trace_id(span.trace_id),
            span.id.hex(),
            span.parent_id.hex() or None,
            _KINDS[span.kind] if span.kind else None,
            span.name,
            span.timestamp,
            span.duration,
            _endpoint_of(span, "local_endpoint"),
            _endpoint_of(span, "remote_endpoint"),
            [(each.timestamp, each.value) for each in span.annotations],
            dict(span.tags),
            span.debug,
            span.shared,
        )
        for span in _ListOfSpans.FromString(body).spans
    ]


def _trace_id(data: bytes) -> str:
    """The id as Zipkin keeps it: only the low 64 bits where the high half is zero."""
    return data.hex() if any(data[:-8]) else data[-8:].hex()


def _endpoint_of(span: Any, field: str) -> Endpoint | None:
    if not span.HasField(field):
        return None
    written = getattr(span, field)
    ipv4, ipv6 = (str(ip_address(packed)) if packed else "" for packed in (written.ipv4, written.ipv6))
    return Endpoint(written.service_name, ipv4, ipv6, written.port)
