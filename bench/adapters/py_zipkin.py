"""py_zipkin, used by the cheapest calls of its API.

Rules: it encodes on the calling thread and has no reporter.  Here its transport is a list, which another thread empties.  So
the caller only pays the costs of py_zipkin itself, as with a transport that does nothing.
"""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

from __future__ import annotations

import threading
import time
from typing import Any

import requests
from py_zipkin import Encoding, Kind
from py_zipkin.encoding._encoders import get_encoder
from py_zipkin.encoding._helpers import Endpoint, Span
from py_zipkin.request_helpers import create_http_headers, extract_zipkin_attrs_from_headers
from py_zipkin.storage import Tracer
from py_zipkin.transport import BaseTransportHandler

from ..samples import HEADERS, MESSAGE_SPANS, RICH_SPANS, RichSpan, calls
from .opentracing_work import Work

__all__ = ["Adapter", "encoding"]

INTERVAL_S = 0.1

# py_zipkin reads no other spelling.
CANONICAL = {
    {"x-b3-traceid": "X-B3-TraceId", "x-b3-spanid": "X-B3-SpanId", "x-b3-parentspanid": "X-B3-ParentSpanId"}.get(
        name, name.title()
    ): value
    for name, value in HEADERS.items()
}


class Transport(BaseTransportHandler):  # type: ignore[misc]  # without its package it is Any
    """Keeps messages, and sends them in one body if it has a URL."""

    def __init__(self, url: str | None) -> None:
        self.messages: list[str] = []
        self._url = url
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "application/json"
        self._sending = threading.Lock()
        if url is not None:
            threading.Thread(target=self._run, daemon=True).start()

    def get_max_payload_bytes(self) -> None:
        return None

    def __call__(self, payload: str) -> None:
        self.messages.append(payload)

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL_S)
            self.flush()

    def flush(self) -> None:
        with self._sending:
            while self.messages:
                count = min(len(self.messages), MESSAGE_SPANS)
                messages, self.messages[:count] = self.messages[:count], []
                body = "[" + ",".join([message[1:-1] for message in messages]) + "]"
                assert self._url is not None
                self._session.post(self._url, body.encode(), timeout=10).raise_for_status()


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        if task in _ENCODINGS:
            return encoding(_ENCODINGS[task])
        self._transport = Transport(None if task == "memory" else f"{endpoint}/api/v2/spans")
        return _WORK[task](self._transport)

    def flush(self) -> None:
        self._transport.flush()


def _root(transport: Transport, sample_rate: float = 100.0) -> Work:
    zipkin_span, tags = Tracer().zipkin_span, {"http.method": "GET", "http.path": "/orders"}

    def work() -> None:
        span = zipkin_span(
            "bench", "get", transport_handler=transport, sample_rate=sample_rate, use_128bit_trace_id=True, host="127.0.0.1"
        )
        span.start()
        span.update_binary_annotations(tags)
        span.stop()

    return work


def _active(transport: Transport) -> Work:
    zipkin_span, tags = Tracer().zipkin_span, {"http.method": "GET", "http.path": "/orders"}

    def work() -> None:
        with zipkin_span(
            "bench", "get", transport_handler=transport, sample_rate=100.0, use_128bit_trace_id=True, host="127.0.0.1"
        ) as span:
            span.update_binary_annotations(tags)

    return work


def _request(transport: Transport) -> Work:
    tracer = Tracer()
    zipkin_span = tracer.zipkin_span
    next_headers = calls(CANONICAL, "X-B3-SpanId")

    def work() -> None:
        attrs = extract_zipkin_attrs_from_headers(next_headers())
        server = zipkin_span(
            "bench", "get", zipkin_attrs=attrs, transport_handler=transport, kind=Kind.SERVER, host="127.0.0.1"
        )
        server.start()
        server.update_binary_annotations({"http.method": "GET", "http.path": "/orders"})
        client = zipkin_span("bench", "post", kind=Kind.CLIENT)
        client.start()
        client.update_binary_annotations({"http.method": "POST", "http.path": "/payments"})
        create_http_headers(tracer=tracer)
        client.stop()
        server.stop()

    return work


def _extract(transport: Transport) -> Work:
    assert extract_zipkin_attrs_from_headers(CANONICAL) is not None
    return lambda: extract_zipkin_attrs_from_headers(CANONICAL)


def _inject(transport: Transport) -> Work:
    tracer = Tracer()
    tracer.push_zipkin_attrs(extract_zipkin_attrs_from_headers(CANONICAL))
    return lambda: create_http_headers(tracer=tracer)


_WORK: dict[str, Any] = {
    "root": _root,
    "burst": _root,
    "memory": _root,
    "import": _root,
    "active": _active,
    "request": _request,
    "unsampled": lambda transport: _root(transport, 0.0),
    "extract": _extract,
    "inject": _inject,
}

_ENCODINGS = {"encode_json": Encoding.V2_JSON, "encode_proto3": Encoding.V2_PROTO3}


def encoding(name: Any) -> Work:
    encoder, spans = get_encoder(name), [_span(span) for span in RICH_SPANS]
    return lambda: encoder.encode_queue([encoder.encode_span(span) for span in spans])


def _span(span: RichSpan) -> Span:
    return Span(
        span.trace_id,
        span.name,
        span.parent_id,
        span.span_id,
        Kind.CLIENT,
        span.start_us / 1e6,
        span.duration_us / 1e6,
        Endpoint(span.local[0], span.local[1], None, span.local[2]),
        Endpoint(span.remote[0], span.remote[1], None, span.remote[2]),
        annotations={text: at_us / 1e6 for at_us, text in span.annotations},
        tags=span.tags,
    )
