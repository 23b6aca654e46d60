"""Zipkin's JSON, version 2, read: bytes of any origin become spans, or a ValueError with the reason.

Rules: what a real server takes is taken and made the same, what it refuses is refused, the whole list for one bad span.
Source: openzipkin/zipkin, V2SpanReader and Span; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from typing import Any

from ..model import FinishedSpan
from . import json_values as values

__all__ = ["decode", "read_span"]

_KINDS = frozenset(("CLIENT", "SERVER", "PRODUCER", "CONSUMER"))


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none, and what follows the list is ignored."""
    return values.read(body, 2, read_span)


def read_span(item: Any, where: str) -> list[FinishedSpan]:
    """The span in a JSON object; in a list, as that in one of version 1 may be two."""
    return [_span(values.members(item, where), where)]


def _span(fields: dict[str, Any], where: str) -> FinishedSpan:
    span_id = values.span_id(fields, where)
    kind = _kind(fields.get("kind"), where)
    return FinishedSpan(
        values.trace_id(fields, where),
        span_id,
        values.parent_id(fields, where),
        kind,
        values.optional_text(fields, "name", where).lower(),
        values.positive(fields, "timestamp", where),
        values.positive(fields, "duration", where),
        values.endpoint(fields.get("localEndpoint"), f"{where}.localEndpoint"),
        values.endpoint(fields.get("remoteEndpoint"), f"{where}.remoteEndpoint"),
        _annotations(fields.get("annotations"), f"{where}.annotations"),
        _tags(fields.get("tags"), f"{where}.tags"),
        values.flag(fields, "debug", where),
        values.flag(fields, "shared", where) and kind != "CLIENT",
    )


def _kind(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _KINDS:
        raise ValueError(f"{where}.kind is {values.shown(value)}; use {', '.join(sorted(_KINDS))}")
    return value


def _annotations(value: Any, where: str) -> list[tuple[int, str]]:
    """By time, each once."""
    return sorted({values.annotation(item, place) for item, place in values.items(value, where)})


def _tags(value: Any, where: str) -> dict[str, str]:
    """By key."""
    tags = sorted(values.members(value, where).items())
    return {values.text(key, where): values.text(text, f"{where}.{key}") for key, text in tags}
