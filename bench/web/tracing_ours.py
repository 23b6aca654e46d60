"""ZipkinTracer, by hand: a server's span and a client's, each active while it lasts."""

from __future__ import annotations

import os
from typing import Any

from opentracing import Format
from opentracing_zipkin import configure

__all__ = ["client", "server"]

tracer: Any = configure(
    os.environ["BENCH_SERVICE"], endpoint=os.environ["BENCH_SINK"], sample_rate=float(os.environ["BENCH_SAMPLE_RATE"])
)


def server(method: str, path: str, headers: Any) -> Any:
    tags = {"span.kind": "server", "http.method": method, "http.path": path}
    return tracer.start_active_span(method, tracer.extract(Format.HTTP_HEADERS, headers), tags=tags)


def client(method: str, path: str, headers: dict[str, str]) -> Any:
    """`headers` are to be sent with the request."""
    scope = tracer.start_active_span(method, tags={"span.kind": "client", "http.method": method, "http.path": path})
    tracer.inject(scope.span.context, Format.HTTP_HEADERS, headers)
    return scope
