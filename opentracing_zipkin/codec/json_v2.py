"""Zipkin's JSON, version 2: what `/api/v2/spans` takes by default.

Rules: a template for each shape of span (what it has, and its tags' keys), so that a span costs one `%`.  Field order and
escapes are those of the official codec, but for two kinds of text that make a real server fail.
Source: openzipkin/zipkin, V2SpanWriter and JsonEscaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring as quote  # json.dumps' own, in C

from ..model import Endpoint, FinishedSpan
from .json_v2_reader import decode
from .mending import LEAST, MOST, mended, nearest, to_utf8

__all__ = ["decode", "encode", "join", "media_type", "path", "size"]

media_type = "application/json"
path = "/api/v2/spans"

MAX_TEMPLATES = 2000

_templates: dict[tuple[object, ...], str] = {}


def encode(span: FinishedSpan, /) -> bytes:
    """One span as a JSON object."""
    if span.timestamp_us + span.duration_us > MOST:
        span = mended(span)
    tags = span.tags
    remote = span.remote
    annotations = span.annotations
    shape = (
        span.kind,
        not span.name,
        span.parent_id is None,
        span.timestamp_us > 0,
        span.duration_us > 0,
        span.local is None,
        remote is None,
        not annotations,
        span.debug,
        span.shared,
        *tags,
    )
    template = _templates.get(shape)
    if template is None:
        template = _template(span)
        if len(_templates) < MAX_TEMPLATES:  # tag keys without end cost time, never memory
            _templates[shape] = template
    text = template % (
        span.trace_id,
        span.parent_id or "",
        span.span_id,
        quote(span.name),
        span.timestamp_us,
        span.duration_us,
        "" if span.local is None else endpoint_text(span.local),
        "" if remote is None else endpoint_text(remote),
        _annotations(annotations) if annotations else "",
        *map(quote, tags.values()),
    )
    # The server takes a list with `yAnnotations"` in it for version 1.
    if 'yAnnotations"' in text:
        text = text.replace('yAnnotations"', '\\u0079Annotations"')
    return text.encode() if text.isascii() else to_utf8(text)


def _template(span: FinishedSpan) -> str:
    """The text of spans of this shape; every value has its place, those that are absent as an empty `%.0s`."""
    tags = ",".join(quote(key).replace("%", "%%") + ":%s" for key in span.tags)
    return "".join(
        (
            '{"traceId":"%s"',
            ',"parentId":"%s"' if span.parent_id is not None else "%.0s",
            ',"id":"%s"',
            f',"kind":"{span.kind}"' if span.kind else "",
            ',"name":%s' if span.name else "%.0s",
            ',"timestamp":%d' if span.timestamp_us > 0 else "%.0s",
            ',"duration":%d' if span.duration_us > 0 else "%.0s",
            ',"localEndpoint":%s' if span.local is not None else "%.0s",
            ',"remoteEndpoint":%s' if span.remote is not None else "%.0s",
            ',"annotations":[%s]' if span.annotations else "%.0s",
            f',"tags":{{{tags}}}' if tags else "",
            ',"debug":true' if span.debug else "",
            ',"shared":true' if span.shared else "",
            "}",
        )
    )


@lru_cache(maxsize=4096)
def endpoint_text(endpoint: Endpoint) -> str:
    """An endpoint as a JSON object; what it does not know is not in it."""
    fields = []
    if endpoint.service_name:
        fields.append(f'"serviceName":{quote(endpoint.service_name)}')
    if endpoint.ipv4:
        fields.append(f'"ipv4":"{endpoint.ipv4}"')
    if endpoint.ipv6:
        fields.append(f'"ipv6":"{endpoint.ipv6}"')
    if endpoint.port:
        fields.append(f'"port":{endpoint.port}')
    return "{" + ",".join(fields) + "}"


def _annotations(annotations: Sequence[tuple[int, str]]) -> str:
    return ",".join(
        [f'{{"timestamp":{at if LEAST <= at <= MOST else nearest(at)},"value":{quote(value)}}}' for at, value in annotations]
    )


def join(encoded: Sequence[bytes], /) -> bytes:
    """A JSON list."""
    return b"[" + b",".join(encoded) + b"]"


def size(count: int, total_bytes: int, /) -> int:
    """Two brackets, and a comma between each two spans."""
    return 2 + total_bytes + max(0, count - 1)
