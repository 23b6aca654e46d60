"""ZipkinTracer, with spans made by hand: one of a server and one of a client, each active while it lasts."""

from __future__ import annotations

from typing import Any

from opentracing import Format
from opentracing_zipkin import ZipkinTracer

__all__ = ["Ours"]


class Ours:
    def __init__(self, service: str, sink: str, sample_rate: float) -> None:
        self.tracer: Any = ZipkinTracer(service, endpoint=sink, sample_rate=sample_rate)

    def server(self, method: str, path: str, headers: Any) -> Any:
        tags = {"span.kind": "server", "http.method": method, "http.path": path}
        return self.tracer.start_active_span(method, self.tracer.extract(Format.HTTP_HEADERS, headers), tags=tags)

    def client(self, method: str, path: str, headers: dict[str, str]) -> Any:
        tags = {"span.kind": "client", "http.method": method, "http.path": path}
        scope = self.tracer.start_active_span(method, tags=tags)
        self.tracer.inject(scope.span.context, Format.HTTP_HEADERS, headers)
        return scope

    def flush(self) -> bool:
        return bool(self.tracer.flush(10.0))
