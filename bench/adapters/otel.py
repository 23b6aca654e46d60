"""OpenTelemetry's SDK with its Zipkin JSON exporter, used by the cheapest calls of its API.

Rules: its queue and its batches are as large as ours, because with its own defaults it loses spans.  Its encoder cannot write a
remote endpoint, so it writes less than the others.
"""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

from __future__ import annotations

from typing import Any

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.exporter.zipkin.json.v2 import JsonV2Encoder
from opentelemetry.exporter.zipkin.node_endpoint import NodeEndpoint
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NoOpTracer, SpanContext, SpanKind, TraceFlags

from ..samples import MESSAGE_SPANS, RICH_SPANS, RichSpan
from .opentracing_work import Work
from .otel_work import WORK, root

__all__ = ["Adapter", "encoding"]


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        if task == "encode_json":
            return encoding(JsonV2Encoder)
        if task == "noop":
            return root(NoOpTracer())
        resource = Resource.create({"service.name": "bench"})
        self._provider = TracerProvider(resource=resource, sampler=ALWAYS_OFF if task == "unsampled" else ALWAYS_ON)
        exporter = ZipkinExporter(endpoint=f"{endpoint}/api/v2/spans")
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=250_000 if task == "burst" else 50_000,
                schedule_delay_millis=3_600_000 if task == "memory" else 1_000,
                max_export_batch_size=MESSAGE_SPANS,
            )
        )
        return WORK[task](self._provider.get_tracer("bench"), B3MultiFormat())

    def flush(self) -> None:
        if not self._provider.force_flush(30_000):
            raise RuntimeError("spans were not accepted in time")


def encoding(encoder_class: Any) -> Work:
    # No limit of a tag's length, which is the exporter's own default, costs nothing.
    encoder = encoder_class(None)
    spans = [_readable(span) for span in RICH_SPANS]
    _, ipv4, port = RICH_SPANS[0].local
    local = NodeEndpoint(ipv4, None, port)
    local.service_name = RICH_SPANS[0].local[0]
    return lambda: encoder.serialize(spans, local)


def _readable(span: RichSpan) -> ReadableSpan:
    trace_id, flags = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    return ReadableSpan(
        span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), False, flags),
        parent=SpanContext(trace_id, int(span.parent_id, 16), False, flags),
        resource=Resource({}),
        attributes=span.tags,
        events=[Event(text, {}, at_us * 1_000) for at_us, text in span.annotations],
        kind=SpanKind.CLIENT,
        start_time=span.start_us * 1_000,
        end_time=(span.start_us + span.duration_us) * 1_000,
    )
