"""Zipkin's JSON, version 2, read: bytes of any origin become spans, or a ValueError with the reason.

Rules: this reader accepts the same input as a real server and makes the same spans of it.  Like the server, it refuses the
whole list for one bad span.
Source: openzipkin/zipkin, V2SpanReader and Span; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import re
from typing import Any

from ..model import Endpoint, FinishedSpan
from . import json_values as values
from .memo import remember

__all__ = ["decode", "read_span"]

_TRACE_ID = re.compile("(?!0{16})[0-9a-f]{16}(?:[0-9a-f]{16})?", re.ASCII)
_SPAN_ID = re.compile("(?!0{16})[0-9a-f]{16}", re.ASCII)
_TEXT = frozenset((str,))
_FLAGS = {None: False, False: False, True: True}
_NO_TAGS: dict[str, Any] = {}
# Endpoints that were read before, by the items of their JSON object.
_endpoints: dict[tuple[tuple[str, Any], ...], Endpoint] = {}

_KINDS = frozenset(("CLIENT", "SERVER", "PRODUCER", "CONSUMER"))


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none, and bytes behind the list are ignored."""
    return values.read(body, 2, read_span)


def read_span(item: Any, where: str) -> list[FinishedSpan]:
    """The span in a JSON object, in a list, because an object of version 1 may hold two spans."""
    fields = values.members(item, where)
    return [_plain(fields) or _span(fields, where)]


def _plain(fields: dict[str, Any]) -> FinishedSpan | None:
    """A span in the form that reporters usually write; None for any other form, which `_span` reads or refuses.

    For usual spans the result is the same as that of `_span`, in half the time.
    """
    get = fields.get
    trace_id, span_id, parent_id, kind = get("traceId", ""), get("id", ""), get("parentId"), get("kind")
    name, timestamp, duration, tags = get("name", ""), get("timestamp", "0"), get("duration", "0"), get("tags", _NO_TAGS)
    try:
        if (
            not _TRACE_ID.fullmatch(trace_id)
            or not _SPAN_ID.fullmatch(span_id)
            or not (parent_id is None or (_SPAN_ID.fullmatch(parent_id) and parent_id != span_id))
            or not (kind is None or kind in _KINDS)
            or not (timestamp.isdecimal() and duration.isdecimal() and len(timestamp) < 19 > len(duration))
            # A number is a `_Number`, which is a subclass of str.
            or not {type(trace_id), type(span_id), type(parent_id or ""), type(name), *map(type, tags.values())} <= _TEXT
            or not "".join((name, timestamp, duration, *tags, *tags.values())).isascii()
        ):
            return None
        local, remote = get("localEndpoint"), get("remoteEndpoint")
        return FinishedSpan(
            trace_id,
            span_id,
            parent_id,
            kind,
            name.lower(),
            int(timestamp),
            int(duration),
            None if local is None else _endpoint(local),
            None if remote is None else _endpoint(remote),
            _annotations(fields["annotations"], "") if "annotations" in fields else [],
            dict(sorted(tags.items())),
            _FLAGS[get("debug")],
            _FLAGS[get("shared")] and kind != "CLIENT",
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _endpoint(fields: dict[str, Any]) -> Endpoint | None:
    key = tuple(fields.items())
    found = _endpoints.get(key)
    if found is None:
        found = values.endpoint(fields, "")
        if found is not None:
            remember(_endpoints, key, found, sum(len(text) for item in key for text in item))
    return found


def _span(fields: dict[str, Any], where: str) -> FinishedSpan:
    span_id = values.span_id(fields, where)
    kind = _kind(fields.get("kind"), where)
    return FinishedSpan(
        values.trace_id(fields, where),
        span_id,
        values.parent_id(fields, where),
        kind,
        values.optional_text(fields, "name", where).lower(),
        values.non_negative(fields, "timestamp", where),
        values.non_negative(fields, "duration", where),
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
    """The annotations sorted by time, without duplicates."""
    return sorted({values.annotation(item, place) for item, place in values.items(value, where)})


def _tags(value: Any, where: str) -> dict[str, str]:
    """The tags sorted by key."""
    tags = sorted(values.members(value, where).items())
    return {values.text(key, where): values.text(text, f"{where}.{key}") for key, text in tags}
