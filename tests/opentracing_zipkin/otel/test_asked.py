"""Who waits for the collector behind OpenTelemetry's processors: a flush does, the batch processor's thread for a moment, no span."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from opentracing_zipkin.otel.asked import BY_A_FLUSH, BY_A_SPANS_END, BY_A_THREAD_OF_THE_SDK, BY_OTHERS, asked
from opentracing_zipkin.otel.exporter import Exporter
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.testing import FakeSender

from ...waiting import wait_until


class Asking(SpanExporter):
    """Remembers by whom it was called."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.callers.append(asked())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


class Wrapping(SpanExporter):
    """An exporter of an application that passes spans on, as one that filters does."""

    def __init__(self, wrapped: SpanExporter) -> None:
        self.wrapped = wrapped

    def export(self, spans: Any) -> SpanExportResult:
        return self.wrapped.export([span for span in spans if span.name != "ping"])

    def shutdown(self) -> None:
        self.wrapped.shutdown()


def batch(exporter: SpanExporter, delay_ms: float = 60_000.0) -> SpanProcessor:
    return BatchSpanProcessor(exporter, schedule_delay_millis=delay_ms)


def concurrent(processor: SpanProcessor) -> SpanProcessor:
    several = ConcurrentMultiSpanProcessor()
    several.add_span_processor(processor)
    return several


class Flushing(SpanProcessor):
    """A processor of an application that flushes another one when a root span ends."""

    def __init__(self, other: SpanProcessor) -> None:
        self.other = other

    def on_end(self, span: Any) -> None:
        self.other.on_end(span)
        self.other.force_flush()

    def shutdown(self) -> None:
        self.other.shutdown()


def nothing(provider: TracerProvider) -> None: ...


def flush(provider: TracerProvider) -> None:
    assert provider.force_flush()


PROCESSORS: dict[str, tuple[Callable[[SpanExporter], SpanProcessor], Callable[[TracerProvider], None], str]] = {
    "simple": (SimpleSpanProcessor, nothing, BY_A_SPANS_END),
    "simple, concurrent": (lambda exporter: concurrent(SimpleSpanProcessor(exporter)), nothing, BY_A_SPANS_END),
    "simple, wrapped": (lambda exporter: SimpleSpanProcessor(Wrapping(exporter)), nothing, BY_A_SPANS_END),
    "batch, its thread": (lambda exporter: batch(exporter, 1.0), nothing, BY_A_THREAD_OF_THE_SDK),
    "batch, its thread, wrapped": (lambda exporter: batch(Wrapping(exporter), 1.0), nothing, BY_A_THREAD_OF_THE_SDK),
    "batch, flushed": (batch, flush, BY_A_FLUSH),
    "batch, flushed, wrapped": (lambda exporter: batch(Wrapping(exporter)), flush, BY_A_FLUSH),
    "batch, flushed, concurrent": (lambda exporter: concurrent(batch(exporter)), flush, BY_A_FLUSH),
    "batch, flushed at a span's end": (lambda exporter: Flushing(batch(exporter)), nothing, BY_A_FLUSH),
    "batch, shut down": (batch, TracerProvider.shutdown, BY_A_THREAD_OF_THE_SDK),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_stack_says_by_whom_export_was_called(name: str) -> None:
    """A span's end, a flush and the batch processor's thread are told apart, also through wrappers."""
    processor, then, expected = PROCESSORS[name]
    exporter = Asking()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor(exporter))
    provider.get_tracer("scope").start_span("a").end()
    then(provider)
    wait_until(lambda: exporter.callers != [])
    provider.shutdown()

    assert [expected] == exporter.callers


def test_the_applications_own_call_is_told_apart() -> None:
    """An application that calls `export` itself is none of the SDK's callers."""
    exporter = Asking()
    exporter.export([])

    assert [BY_OTHERS] == exporter.callers


# The exporter behind the processors


class Gate(FakeSender):
    """A collector that gives no answer until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.is_asked = threading.Event()

    def send(self, body: bytes, /) -> None:
        self.is_asked.set()
        assert self.is_open.wait(30)
        super().send(body)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


def provider_of(processor: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


@pytest.mark.parametrize("delay_ms", [1.0, 60_000.0], ids=["handed over before", "handed over by the flush"])
def test_a_provider_that_has_flushed_has_sent_the_spans(delay_ms: float) -> None:
    """`force_flush` of a provider with a batch processor returns when the collector has accepted the spans."""
    for _ in range(20):
        sender = FakeSender()
        exporter = Exporter(sender=sender, flush_interval=60)
        provider = provider_of(batch(exporter, delay_ms))
        for name in "abc":
            provider.get_tracer("scope").start_span(name).end()
        assert provider.force_flush()
        sent = exporter.stats.sent
        provider.shutdown()

        assert 3 == sent


def test_the_end_of_a_span_never_waits(gate: Gate) -> None:
    """Behind SimpleSpanProcessor the application's thread goes on while the collector gives no answer."""
    exporter = Exporter(sender=gate, exit_stall_timeout=0)
    provider = provider_of(SimpleSpanProcessor(exporter))
    for number in range(3):
        provider.get_tracer("scope").start_span(str(number)).end()

    assert (0, 3) == (exporter.stats.sent, exporter.stats.finished)
    gate.is_open.set()
    assert exporter.force_flush()


def test_a_collector_without_an_answer_costs_the_batch_processor_one_wait(gate: Gate) -> None:
    """While the collector gives no answer, the batch processor's thread hands all spans over, so that it drops none."""
    exporter = Exporter(sender=gate, flush_interval=0.01)
    processor = batch(exporter, 1.0)
    tracer = provider_of(processor).get_tracer("scope")
    tracer.start_span("first").end()
    assert gate.is_asked.wait(30)
    for burst in range(1, 6):
        for number in range(1000):
            tracer.start_span(str(number)).end()
        wait_until(lambda finished=burst * 1000 + 1: finished == exporter.stats.finished)  # type: ignore[misc]

    assert 0 == exporter.stats.sent
    gate.is_open.set()
    processor.shutdown()
    assert 5001 == exporter.stats.sent


@pytest.mark.parametrize("retry_after", [0.0, 30.0])
def test_a_flush_makes_one_try_at_a_collector_that_fails(retry_after: float) -> None:
    """A failing collector costs each `force_flush` one try, and the spans are kept and arrive once later."""
    sender = FakeSender(SendError("away", retryable=True, retry_after=retry_after))
    exporter = Exporter(sender=sender, flush_interval=60)
    provider = provider_of(batch(exporter))
    tries = []
    for number in range(3):
        provider.get_tracer("scope").start_span(str(number)).end()
        assert provider.force_flush()
        tries.append(sender.tries)
    assert (3, 0) == (exporter.stats.queued + exporter.stats.in_flight, exporter.stats.sent)
    sender.error = None
    provider.get_tracer("scope").start_span("last").end()
    assert provider.force_flush()
    provider.shutdown()

    assert [1, 2, 3] == tries
    assert (4, 0) == (exporter.stats.sent, sum(exporter.stats.dropped.values()))


def test_a_flush_of_the_provider_does_not_change_the_exporters_answer() -> None:
    """A dropped span is told by the exporter's next `force_flush`, also if the provider flushed before."""
    sender = FakeSender(SendError("no", retryable=False))
    exporter = Exporter(sender=sender)
    provider = provider_of(batch(exporter))
    provider.get_tracer("scope").start_span("a").end()
    assert provider.force_flush()
    sender.error = None

    assert [False, True] == [exporter.force_flush(), exporter.force_flush()]
    provider.shutdown()
