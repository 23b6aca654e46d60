"""Zipkin's JSON, version 1: the default format of `/api/v1/spans`, for collectors that know nothing newer.

Rules: the bytes are those of the official codec: annotations by time, tags by key, each with its host.  Only texts that make a
real server fail are written differently.
Source: openzipkin/zipkin, V1SpanWriter; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quote  # the function that json.dumps uses, in C
from operator import itemgetter

from ..model import Endpoint, FinishedSpan
from .json_v1_reader import decode
from .json_v2 import endpoint_text, join, media_type, size
from .memo import Memo, endpoint_length
from .mending import has_odd_times, mended, nearest, to_utf8
from .v1 import LOCAL_COMPONENT, core_of, events

__all__ = ["decode", "encode", "join", "media_type", "path", "size"]

path = "/api/v1/spans"

_NO_HOST = Endpoint()
_KEY = itemgetter(0)


def encode(span: FinishedSpan, /) -> bytes:
    """One span as a JSON object."""
    if has_odd_times(span):
        span = mended(span)
    host = "}" if span.local is None or span.local == _NO_HOST else f',"endpoint":{_endpoints[span.local]}}}'
    annotations = [f'{{"timestamp":{nearest(at)},"value":{quote(value)}{host}' for at, value in events(span)]
    binary_annotations = _binary_annotations(span, host, not annotations)
    parent = "" if span.parent_id is None else f'"parentId":"{span.parent_id}",'
    text = "".join(
        (
            f'{{"traceId":"{span.trace_id}",{parent}"id":"{span.span_id}","name":{quote(span.name)}',
            f',"timestamp":{span.timestamp_us}' if span.timestamp_us > 0 and not span.shared else "",
            f',"duration":{span.duration_us}' if span.duration_us > 0 and not span.shared else "",
            f',"annotations":[{",".join(annotations)}]' if annotations else "",
            f',"binaryAnnotations":[{",".join(binary_annotations)}]' if binary_annotations else "",
            ',"debug":true}' if span.debug else "}",
        )
    )
    # The server mistakes a list for version 2 if one of these texts is in it.
    if 'Endpoint"' in text or '"tags"' in text:
        text = text.replace('Endpoint"', '\\u0045ndpoint"').replace('"tags"', '"\\u0074ags"')
    return to_utf8(text)


def _binary_annotations(span: FinishedSpan, host: str, alone: bool) -> list[str]:
    """Tags and the remote endpoint, sorted by key; `alone`: no annotation carries the host."""
    written = [(key, f'{{"key":{quote(key)},"value":{quote(value)}{host}') for key, value in span.tags.items()]
    if alone and not written and host != "}":
        written.append((LOCAL_COMPONENT, f'{{"key":"{LOCAL_COMPONENT}","value":""{host}'))
    if span.remote is not None:
        address = core_of(span.kind, True).address
        written.append((address, f'{{"key":"{address}","value":true,"endpoint":{_endpoints[span.remote]}}}'))
    return [text for _, text in sorted(written, key=_KEY)]


def _endpoint(endpoint: Endpoint) -> str:
    """The JSON of an endpoint; version 1 has a service name in every endpoint, even an empty one."""
    text = endpoint_text(endpoint)
    return text if endpoint.service_name else f'{{"serviceName":""{"," if any(endpoint) else ""}{text[1:]}'


_endpoints = Memo(_endpoint, endpoint_length)
