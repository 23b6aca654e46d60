"""The tracer's own requests to the collector have no spans of OpenTelemetry's instrumentation."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Collects OpenTelemetry's spans of everything that urllib3 sends in this process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    URLLib3Instrumentor().instrument(tracer_provider=provider)
    yield exporter
    URLLib3Instrumentor().uninstrument()
    provider.shutdown()


def test_opentelemetry_sees_the_applications_requests_and_none_of_ours(exporter: InMemorySpanExporter) -> None:
    """Our requests are hidden by the same key of OpenTelemetry's context as those of its own exporters."""
    with Collector() as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, flush_interval=0.05)
        for number in range(3):
            tracer.start_trace(f"x{number}").finish()
            assert tracer.flush(5)
            time.sleep(0.1)
        requests.get(f"{collector.url}/api/v2/services", timeout=5)
        tracer.close().result(5)

    [span] = exporter.get_finished_spans()
    assert "/api/v2/services" in str(dict(span.attributes))
    assert 3 == tracer.stats.sent
