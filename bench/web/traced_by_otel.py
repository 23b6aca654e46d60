"""OpenTelemetry's SDK with its Zipkin JSON exporter and a queue as large as ours; spans are made by hand, as with ours."""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, set_span_in_context, use_span

from ..samples import MESSAGE_SPANS

__all__ = ["OpenTelemetry"]


class OpenTelemetry:
    def __init__(self, service: str, sink: str, sample_rate: float) -> None:
        resource, sampler = Resource.create({"service.name": service}), ParentBasedTraceIdRatio(sample_rate)
        self.provider = TracerProvider(resource=resource, sampler=sampler)
        self.provider.add_span_processor(
            BatchSpanProcessor(
                ZipkinExporter(endpoint=sink + "/api/v2/spans"),
                max_queue_size=50_000,
                schedule_delay_millis=1_000,
                max_export_batch_size=MESSAGE_SPANS,
            )
        )
        self.tracer, self.b3 = self.provider.get_tracer("bench"), B3MultiFormat()

    def server(self, method: str, path: str, headers: Any) -> Any:
        attributes = {"http.method": method, "http.path": path}
        return self.tracer.start_as_current_span(method, self.b3.extract(headers), SpanKind.SERVER, attributes)

    def client(self, method: str, path: str, headers: dict[str, str]) -> Any:
        span = self.tracer.start_span(method, kind=SpanKind.CLIENT, attributes={"http.method": method, "http.path": path})
        self.b3.inject(headers, set_span_in_context(span))
        return use_span(span, end_on_exit=True)

    def flush(self) -> bool:
        return bool(self.provider.force_flush(10_000))
