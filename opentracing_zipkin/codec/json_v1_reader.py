"""Zipkin's JSON, version 1, read: bytes of any origin become spans, or a ValueError with the reason.

Rules: this reader accepts the same input as a real server and makes the same spans of it.  Like the server, it refuses the
whole list for one bad span, and leaves out tags that are neither text nor an address, without a warning.
Source: openzipkin/zipkin, V1JsonSpanReader; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from typing import Any

from ..model import Endpoint, FinishedSpan
from . import json_values as values
from .v1 import ADDRESSES, V1Span, to_v2

__all__ = ["decode", "read_span"]


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none, and bytes behind the list are ignored."""
    return values.read(body, 1, read_span)


def read_span(item: Any, where: str) -> list[FinishedSpan]:
    """The spans in a JSON object: one span, or two where the object holds both sides of a call."""
    return to_v2(_span(values.members(item, where), where))


def _span(fields: dict[str, Any], where: str) -> V1Span:
    tags: list[tuple[str, str, Endpoint | None]] = []
    addresses: list[tuple[str, Endpoint]] = []
    for item, place in values.items(fields.get("binaryAnnotations"), f"{where}.binaryAnnotations"):
        _read_binary_annotation(values.members(item, place), place, tags, addresses)
    return V1Span(
        values.trace_id(fields, where),
        values.span_id(fields, where),
        values.parent_id(fields, where),
        values.optional_text(fields, "name", where).lower(),
        values.non_negative(fields, "timestamp", where),
        values.non_negative(fields, "duration", where),
        [_annotation(*found) for found in values.items(fields.get("annotations"), f"{where}.annotations")],
        tags,
        addresses,
        values.flag(fields, "debug", where),
    )


def _annotation(item: Any, where: str) -> tuple[int, str, Endpoint | None]:
    return *values.annotation(item, where), values.endpoint(item.get("endpoint"), f"{where}.endpoint")


def _read_binary_annotation(
    fields: dict[str, Any],
    where: str,
    tags: list[tuple[str, str, Endpoint | None]],
    addresses: list[tuple[str, Endpoint]],
) -> None:
    if fields.get("key") is None:
        raise ValueError(f"{where}.key is missing")
    key, value = values.text(fields["key"], f"{where}.key"), fields.get("value")
    host = values.endpoint(fields.get("endpoint"), f"{where}.endpoint")
    if key in ADDRESSES:  # an address is never a tag; some libraries write addresses as strings
        if host is not None and (value is True or values.is_string(value)):
            addresses.append((key, host))
    elif values.is_string(value):
        tags.append((key, values.text(value, f"{where}.value"), host))
