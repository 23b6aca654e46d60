"""Zipkin's JSON, version 2: the default format of `/api/v2/spans`.

Rules: field order and escapes are those of the official codec.  Only two kinds of text that make a real server fail are written
differently.
Source: openzipkin/zipkin, V2SpanWriter and JsonEscaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring as quote  # json.dumps' own, in C

from ..model import Endpoint, FinishedSpan, parse_ip
from .memo import endpoint_length, remember
from .mending import MAX_TIME_US, mended, nearest, to_utf8

__all__ = ["decode", "encode", "join", "media_type", "path", "size"]

media_type = "application/json"
path = "/api/v2/spans"

_KINDS = {
    None: "",
    "CLIENT": ',"kind":"CLIENT"',
    "SERVER": ',"kind":"SERVER"',
    "PRODUCER": ',"kind":"PRODUCER"',
    "CONSUMER": ',"kind":"CONSUMER"',
}
# Tag keys and endpoints that were written before, as JSON text.  Plain dicts, because CPython specialises look-ups in them.
_keys: dict[str, str] = {}
_endpoints: dict[Endpoint, str] = {}


def encode(span: FinishedSpan, /) -> bytes:
    """One span as a JSON object."""
    timestamp_us = span.timestamp_us
    duration_us = span.duration_us
    name = span.name
    local = span.local
    if timestamp_us + duration_us > MAX_TIME_US:
        return encode(mended(span))
    if not name or timestamp_us <= 0 or duration_us <= 0 or local is None:
        if timestamp_us < 0:
            return encode(mended(span))
        text = _span_text(span)
    else:
        parent_id = span.parent_id
        remote = span.remote
        annotations = span.annotations
        # One f-string, with look-ups that raise KeyError for a new key or endpoint.  It takes 25 % less time than `_span_text`.
        try:
            tags = ",".join([_keys[key] + quote(value) for key, value in span.tags.items()])
            text = (
                f'{{"traceId":"{span.trace_id}"'
                f"""{"" if parent_id is None else f',"parentId":"{parent_id}"'},"id":"{span.span_id}\""""
                f'{_KINDS[span.kind]},"name":{quote(name)}'
                f',"timestamp":{timestamp_us},"duration":{duration_us},"localEndpoint":{_endpoints[local]}'
                f"""{"" if remote is None else f',"remoteEndpoint":{_endpoints[remote]}'}"""
                f"""{f',"annotations":[{annotations_text(annotations)}]' if annotations else ""}"""
                f"""{',"tags":{' if tags else ""}{tags}{"}" if tags else ""}"""
                f"""{',"debug":true' if span.debug else ""}{',"shared":true}' if span.shared else "}"}"""
            )
        except KeyError:
            text = _span_text(span)
    # `encode_text` is repeated here: the call costs 2 % of a span.  Few texts have an "A", so looking for it first saves 3 %
    # more.
    if "A" in text and 'yAnnotations"' in text:
        text = text.replace('yAnnotations"', '\\u0079Annotations"')
    return text.encode() if text.isascii() else to_utf8(text)


def encode_text(text: str) -> bytes:
    """The bytes of a span's JSON text."""
    # The server mistakes a list for version 1 if `yAnnotations"` is in it.
    if 'yAnnotations"' in text:
        text = text.replace('yAnnotations"', '\\u0079Annotations"')
    return text.encode() if text.isascii() else to_utf8(text)


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none.  Raises ValueError where a real server refuses it."""
    from .json_v2_reader import decode as read  # 0.7 ms at start-up, which an application that only writes should not pay

    return read(body)


def _span_text(span: FinishedSpan) -> str:
    """The JSON text of any span: each field that is known."""
    return "".join(
        (
            f'{{"traceId":"{span.trace_id}"',
            f',"parentId":"{span.parent_id}"' if span.parent_id is not None else "",
            f',"id":"{span.span_id}"',
            f',"kind":{quote(span.kind)}' if span.kind else "",
            f',"name":{quote(span.name)}' if span.name else "",
            f',"timestamp":{span.timestamp_us}' if span.timestamp_us > 0 else "",
            f',"duration":{span.duration_us}' if span.duration_us > 0 else "",
            f',"localEndpoint":{endpoint_text(span.local)}' if span.local is not None else "",
            f',"remoteEndpoint":{endpoint_text(span.remote)}' if span.remote is not None else "",
            f',"annotations":[{annotations_text(span.annotations)}]' if span.annotations else "",
            f',"tags":{{{",".join([_key(key) + quote(value) for key, value in span.tags.items()])}}}' if span.tags else "",
            ',"debug":true' if span.debug else "",
            ',"shared":true' if span.shared else "",
            "}",
        )
    )


def _key(key: str) -> str:
    """The key of a tag and its colon."""
    return _keys.get(key) or remember(_keys, key, quote(key) + ":", len(key))


def endpoint_text(endpoint: Endpoint) -> str:
    """An endpoint as a JSON object; fields that are unknown, and addresses that are no IP literals, are left out."""
    known = _endpoints.get(endpoint)
    if known is not None:
        return known
    fields = []
    if endpoint.service_name:
        fields.append(f'"serviceName":{quote(endpoint.service_name)}')
    ipv4, ipv6 = parse_ip(endpoint.ipv4)[0], parse_ip(endpoint.ipv6)[1]
    if ipv4:
        fields.append(f'"ipv4":"{ipv4}"')
    if ipv6:
        fields.append(f'"ipv6":"{ipv6}"')
    if endpoint.port:
        fields.append(f'"port":{endpoint.port}')
    return remember(_endpoints, endpoint, "{" + ",".join(fields) + "}", endpoint_length(endpoint))


def annotations_text(annotations: Sequence[tuple[int, str]]) -> str:
    """The annotations as JSON, without the brackets of the list."""
    return ",".join(
        [f'{{"timestamp":{at if 1 <= at <= MAX_TIME_US else nearest(at)},"value":{quote(value)}}}' for at, value in annotations]
    )


def join(encoded: Sequence[bytes], /) -> bytes:
    """Frame spans as a JSON list."""
    if not encoded:
        return b"[]"
    # The brackets are added first, so that the long text is copied once, not three times.
    spans = list(encoded)
    spans[0] = b"[" + spans[0]
    spans[-1] += b"]"
    return b",".join(spans)


def size(count: int, total_bytes: int, /) -> int:
    """The spans, two brackets, and a comma between each two spans."""
    return 2 + total_bytes + max(0, count - 1)
