"""OpenTelemetry's SDK with its Zipkin JSON exporter and a queue as large as ours, by hand as ours is."""

# mypy: disable-error-code="import-not-found"
# It is installed in an environment of its own only.

from __future__ import annotations

import os
from typing import Any

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, set_span_in_context, use_span

__all__ = ["client", "server"]

provider = TracerProvider(
    resource=Resource.create({"service.name": os.environ["BENCH_SERVICE"]}),
    sampler=ParentBasedTraceIdRatio(float(os.environ["BENCH_SAMPLE_RATE"])),
)
provider.add_span_processor(
    BatchSpanProcessor(
        ZipkinExporter(endpoint=os.environ["BENCH_SINK"] + "/api/v2/spans"),
        max_queue_size=50_000,
        schedule_delay_millis=1_000,
        max_export_batch_size=1_000,
    )
)
tracer, b3 = provider.get_tracer("bench"), B3MultiFormat()


def server(method: str, path: str, headers: Any) -> Any:
    return tracer.start_as_current_span(
        method, b3.extract(headers), SpanKind.SERVER, {"http.method": method, "http.path": path}
    )


def client(method: str, path: str, headers: dict[str, str]) -> Any:
    """`headers` are to be sent with the request."""
    span = tracer.start_span(method, kind=SpanKind.CLIENT, attributes={"http.method": method, "http.path": path})
    b3.inject(headers, set_span_in_context(span))
    return use_span(span, end_on_exit=True)
