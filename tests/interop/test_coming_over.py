"""Services that change to our tracer one by one: their former tracers, as in the how-to pages, and ours share traces."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import aiozipkin
import pytest
from aiozipkin.helpers import TraceContext
from aiozipkin.sampler import Sampler
from aiozipkin.tracer import Tracer as AioZipkinTracer
from aiozipkin.transport import StubTransport
from opentelemetry import context as otel_context, trace as otel_trace
from opentelemetry.propagators.b3 import B3MultiFormat
from py_zipkin.request_helpers import create_http_headers, extract_zipkin_attrs_from_headers
from py_zipkin.testing import MockTransportHandler
from py_zipkin.zipkin import zipkin_client_span

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jaeger_client import ConstSampler, Tracer as JaegerTracer
    from jaeger_client.codecs import B3Codec
    from jaeger_client.reporter import InMemoryReporter

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
Headers = dict[str, str]


class Ids(NamedTuple):
    trace_id: str
    span_id: str
    sampled: bool


def _jaeger(sampled: bool) -> JaegerTracer:
    return JaegerTracer(
        "shop", InMemoryReporter(), ConstSampler(sampled), extra_codecs={"http_headers": B3Codec()},
        tags={"ip": "127.0.0.1"},  # otherwise it searches for one and leaves sockets open
    )  # fmt: skip


def _jaeger_sends(sampled: bool) -> Headers:
    tracer, headers = _jaeger(sampled), Headers()
    tracer.inject(tracer.start_span("ask").context, "http_headers", headers)
    return headers


def _jaeger_reads(headers: Headers) -> Ids:
    context = _jaeger(True).extract("http_headers", headers)
    return Ids(f"{context.trace_id:032x}", f"{context.span_id:016x}", bool(context.flags & 1))


def _py_zipkin_sends(sampled: bool) -> Headers:
    rate = 100.0 if sampled else 0.0
    with zipkin_client_span("shop", "ask", transport_handler=MockTransportHandler(), sample_rate=rate):
        return {name: value for name, value in create_http_headers().items() if value is not None}


def _py_zipkin_reads(headers: Headers) -> Ids:
    names = {"x-b3-traceid": "X-B3-TraceId", "x-b3-spanid": "X-B3-SpanId", "x-b3-sampled": "X-B3-Sampled"}
    attrs = extract_zipkin_attrs_from_headers({names[name]: value for name, value in headers.items()})
    assert attrs is not None
    return Ids(str(attrs.trace_id), str(attrs.span_id), attrs.is_sampled)


def _aiozipkin_sends(sampled: bool) -> Headers:
    endpoint = aiozipkin.create_endpoint("shop")
    return AioZipkinTracer(StubTransport(), Sampler(), endpoint).new_trace(sampled=sampled).context.make_headers()


def _aiozipkin_reads(headers: Headers) -> Ids:
    context = aiozipkin.make_context(headers)
    assert isinstance(context, TraceContext)
    return Ids(context.trace_id, context.span_id, bool(context.sampled))


def _sdk_sends(sampled: bool) -> Headers:
    flags = otel_trace.TraceFlags(int(sampled))
    span = otel_trace.NonRecordingSpan(otel_trace.SpanContext(0xA1 << 64, 0xB2, is_remote=False, trace_flags=flags))
    headers = Headers()
    B3MultiFormat().inject(headers, otel_trace.set_span_in_context(span))
    return headers


def _sdk_reads(headers: Headers) -> Ids:
    span = otel_trace.get_current_span(B3MultiFormat().extract(headers, otel_context.Context())).get_span_context()
    return Ids(f"{span.trace_id:032x}", f"{span.span_id:016x}", span.trace_flags.sampled)


SENDS = {
    "aiozipkin": _aiozipkin_sends,
    "jaeger-client": _jaeger_sends,
    "OpenTelemetry": _sdk_sends,
    "py_zipkin": _py_zipkin_sends,
}
READS = {
    "aiozipkin": _aiozipkin_reads,
    "jaeger-client": _jaeger_reads,
    "OpenTelemetry": _sdk_reads,
    "py_zipkin": _py_zipkin_reads,
}


def _low(headers: Headers) -> Headers:
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize("sends", SENDS.values(), ids=SENDS)
def test_a_trace_that_another_tracer_records_goes_on_here(sends: Callable[[bool], Headers]) -> None:
    """A trace that another tracer records goes on here with the same ids, and the server shares the client's span id."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("stock", recorder=recorder, sample_rate=0.0)
    headers = sends(True)
    tracer.join_trace("price", tracer.extract("http_headers", headers)).finish()
    [span] = recorder.spans

    assert (_low(headers)["x-b3-traceid"], _low(headers)["x-b3-spanid"]) == (span.trace_id, span.span_id)
    assert True is span.shared


@pytest.mark.parametrize("sends", SENDS.values(), ids=SENDS)
def test_a_trace_that_another_tracer_does_not_record_is_not_recorded_here(sends: Callable[[bool], Headers]) -> None:
    """With `sample_rate=0.0`, as on jaeger-client's page, a trace that the other tracer does not record is not recorded."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("stock", recorder=recorder, sample_rate=0.0)
    tracer.join_trace("price", tracer.extract("http_headers", sends(False))).finish()

    assert [] == recorder.spans


def test_jaeger_client_alone_says_nothing_of_a_trace_that_it_does_not_record() -> None:
    """Only jaeger-client sends no decision for a trace that it does not record, so the next service would decide anew."""
    assert ["jaeger-client"] == [name for name, sends in SENDS.items() if "x-b3-sampled" not in _low(sends(False))]


@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("reads", READS.values(), ids=READS)
def test_another_tracer_reads_our_headers(reads: Callable[[Headers], Ids], rate: float) -> None:
    """Other tracers read our 128-bit ids and our decision."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sample_rate=rate)
    context = tracer.start_span("ask").context
    headers = Headers()
    tracer.inject(context, "http_headers", headers)

    assert (headers["x-b3-traceid"], headers["x-b3-spanid"], rate == 1.0) == reads(headers)


def test_jaeger_client_writes_b3_for_http_alone() -> None:
    """jaeger-client writes B3 for HTTP headers only; its text map has its own header, which our tracer does not read."""
    headers: Headers = {}
    tracer = _jaeger(True)
    tracer.inject(tracer.start_span("ask").context, "text_map", headers)

    assert ["uber-trace-id"] == list(headers)
    assert None is ZipkinTracer("stock", recorder=InMemoryRecorder()).extract("text_map", headers)


@pytest.mark.parametrize("package", ["aiozipkin", "jaeger-client", "opentelemetry-sdk", "py_zipkin"])
def test_a_page_names_the_release_that_was_tried(package: str) -> None:
    """Each page names the release of the other package that is installed for these tests."""
    page = HOW_TO / f"from-{package.replace('_', '-')}.md"

    assert f"({version(package)} here)" in page.read_text("utf-8")
