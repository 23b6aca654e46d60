"""The work of the tasks by the cheapest calls of OpenTelemetry's API, for any provider's tracer and any B3 propagator."""

# mypy: disable-error-code="import-not-found"
# It is only installed in separate environments.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, set_span_in_context

from ..samples import HEADERS, calls
from .opentracing_work import Work

__all__ = ["WORK", "root"]

_NO_PARENT = Context()  # without this, each root span would look for an active span


def root(tracer: Any, b3: Any = None) -> Work:
    def work() -> None:
        span = tracer.start_span("get", _NO_PARENT)
        span.set_attribute("http.method", "GET")
        span.set_attribute("http.path", "/orders")
        span.end()

    return work


def _active(tracer: Any, b3: Any) -> Work:
    def work() -> None:
        with tracer.start_as_current_span("get") as span:
            span.set_attribute("http.method", "GET")
            span.set_attribute("http.path", "/orders")

    return work


def _request(tracer: Any, b3: Any) -> Work:
    next_headers = calls(HEADERS)

    def work() -> None:
        server = tracer.start_span("get", b3.extract(next_headers()), SpanKind.SERVER)
        server.set_attribute("http.method", "GET")
        server.set_attribute("http.path", "/orders")
        client = tracer.start_span("post", set_span_in_context(server), SpanKind.CLIENT)
        client.set_attribute("http.method", "POST")
        client.set_attribute("http.path", "/payments")
        headers: dict[str, str] = {}
        b3.inject(headers, set_span_in_context(client))
        client.end()
        server.end()

    return work


def _extract(tracer: Any, b3: Any) -> Work:
    return lambda: b3.extract(HEADERS)


def _inject(tracer: Any, b3: Any) -> Work:
    context = set_span_in_context(tracer.start_span("post", b3.extract(HEADERS), SpanKind.CLIENT))
    return lambda: b3.inject({}, context)


WORK: dict[str, Callable[[Any, Any], Work]] = {
    "root": root,
    "active": _active,
    "request": _request,
    "unsampled": root,
    "burst": root,
    "memory": root,
    "import": root,
    "extract": _extract,
    "inject": _inject,
}
