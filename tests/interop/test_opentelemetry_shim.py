"""opentelemetry-opentracing-shim, an OpenTracing tracer based on OpenTelemetry's, together with ZipkinTracer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.b3 import B3MultiFormat
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.shim.opentracing_shim import create_tracer

import opentracing
from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.model import FinishedSpan

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def shim(exporter: InMemorySpanExporter) -> Iterator[opentracing.Tracer]:
    """The shim on OpenTelemetry's SDK, which propagates B3."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = get_global_textmap()
    set_global_textmap(B3MultiFormat())
    yield create_tracer(provider)
    set_global_textmap(before)
    provider.shutdown()


def test_the_shim_is_a_tracer_of_ours(shim: opentracing.Tracer, exporter: InMemorySpanExporter) -> None:
    """Both vocabularies work on the shim, and its spans reach OpenTelemetry with the right parents."""
    assert isinstance(shim, opentracing.Tracer)
    with shim.start_active_span("buy") as scope:
        scope.span.start_child("call").add_tag("article", "tea").finish()
    call, buy = exporter.get_finished_spans()

    assert [("call", buy.context.span_id), ("buy", None)] == [
        (span.name, span.parent.span_id if span.parent else None) for span in (call, buy)
    ]
    assert {"article": "tea"} == dict(call.attributes)


def test_a_service_on_the_shim_calls_one_on_zipkin(
    shim: opentracing.Tracer, exporter: InMemorySpanExporter, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """ZipkinTracer continues a trace whose context the shim injected."""
    carrier: dict[str, str] = {}
    with shim.start_span("call") as call:
        shim.inject(call.context, Format.HTTP_HEADERS, carrier)
    tracer.start_span("serve", child_of=tracer.extract(Format.HTTP_HEADERS, carrier), tags={"span.kind": "server"}).finish()
    (sent,) = exporter.get_finished_spans()
    served = one_trace(1)["caller", "serve"]

    assert (f"{sent.context.trace_id:032x}", f"{sent.context.span_id:016x}") == (served.trace_id, served.span_id)
    assert ("SERVER", True) == (served.kind, served.shared)


def test_a_service_on_zipkin_calls_one_on_the_shim(
    shim: opentracing.Tracer, exporter: InMemorySpanExporter, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """The shim continues a trace whose context ZipkinTracer injected."""
    carrier: dict[str, str] = {}
    with tracer.start_span("call", tags={"span.kind": "client"}) as call:
        tracer.inject(call.context, Format.HTTP_HEADERS, carrier)
    shim.start_span("serve", child_of=shim.extract(Format.HTTP_HEADERS, carrier)).finish()
    (served,) = exporter.get_finished_spans()
    sent = one_trace(1)["caller", "call"]

    assert (sent.trace_id, sent.span_id) == (f"{served.context.trace_id:032x}", f"{served.parent.span_id:016x}")
    assert "CLIENT" == sent.kind
