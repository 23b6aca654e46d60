"""One exporter, which exports the same spans again and again; run as a file in an environment with OpenTelemetry's SDK.

Rules: each line of the input is a number of batches.  For each, the output is the CPU time of all threads, in ns, until the
collector has accepted them.  From this checkout only `bench` can be imported, unless a source is given.
Arguments: "ours" or "old", the format, the sink's URL, and the directory to import our exporter from, or "".
"""

# mypy: disable-error-code="import-not-found"
# OpenTelemetry is only installed in separate environments.

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

BATCH_SPANS = 512  # the SDK's default
WARM_UP_BATCHES = 12


def _make_importable(source: str) -> None:
    if source:
        sys.path.insert(0, source)
    package = type(sys)("bench")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["bench"] = package


def main() -> None:
    way, encoding, endpoint, source = sys.argv[1:]
    _make_importable(source)
    exporter = _exporter(way, encoding, f"{endpoint}/api/v2/spans")
    spans = _spans()
    exported = 0

    def export(batches: int) -> int:
        nonlocal exported
        exported += batches * BATCH_SPANS
        start = time.process_time_ns()
        for _ in range(batches):
            if exporter.export(spans).name != "SUCCESS":
                raise RuntimeError("spans were not taken")
        if not exporter.force_flush(30_000):
            raise RuntimeError("spans were not accepted")
        return time.process_time_ns() - start

    export(WARM_UP_BATCHES)
    print("ready", flush=True)
    while line := sys.stdin.readline():
        print(export(int(line)), flush=True)
    print(exported)


def _exporter(way: str, encoding: str, url: str) -> Any:
    if way == "ours":
        from opentracing_zipkin.otel_exporter import ZipkinExporter, ZipkinProtoExporter

        return ZipkinExporter(endpoint=url) if encoding == "json" else ZipkinProtoExporter(endpoint=url)
    if encoding == "json":
        from opentelemetry.exporter.zipkin.json import ZipkinExporter as Deprecated
    else:
        from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter as Deprecated
    return Deprecated(endpoint=url)


def _spans() -> list[Any]:
    """A batch as the SDK's processors get it: every second span is a server's, every fourth a client's or one with an event."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
    from opentelemetry.trace import SpanKind

    kept: list[Any] = []

    class Keeper(SpanExporter):  # type: ignore[misc]
        def export(self, spans: Any) -> None:
            kept.extend(spans)

    provider = TracerProvider(resource=Resource.create({"service.name": "shop", "deployment.environment": "bench"}))
    provider.add_span_processor(SimpleSpanProcessor(Keeper()))
    tracer = provider.get_tracer("bench", "1.0")
    while len(kept) < BATCH_SPANS:
        number = len(kept)
        served = {
            "http.request.method": "GET", "url.scheme": "http", "url.path": f"/orders/{number}", "http.route": "/orders/{id}",
            "network.peer.address": "10.0.0.1", "network.peer.port": 50_000 + number, "http.response.status_code": 200,
        }  # fmt: skip
        asked = {
            "http.request.method": "GET", "url.full": f"http://stock.example:8080/items/{number}",
            "server.address": "stock.example", "server.port": 8080, "http.response.status_code": 200,
        }  # fmt: skip
        with tracer.start_as_current_span("GET /orders/{id}", kind=SpanKind.SERVER, attributes=served):
            tracer.start_span("GET", kind=SpanKind.CLIENT, attributes=asked).end()
        with tracer.start_as_current_span("GET /orders/{id}", kind=SpanKind.SERVER, attributes=served):
            span = tracer.start_span("price", attributes={"price": 1.5})
            span.add_event("looked up", {"rows": number})
            span.end()
    provider.shutdown()
    return kept[:BATCH_SPANS]


if __name__ == "__main__":
    main()
