"""The switch: `tracer.enabled = False` stops recording and sending at once, and propagation continues."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

CALLER = {"x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "1", "ot-baggage-user": "amy"}


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def tracer(recorder: InMemoryRecorder) -> ZipkinTracer:
    return ZipkinTracer("service", recorder=recorder)


def headers_of(tracer: ZipkinTracer, span: Any) -> dict[str, str]:
    headers: dict[str, str] = {}
    tracer.inject(span.context, "http_headers", headers)
    return headers


def test_disabled_a_request_is_passed_on_as_it_came(tracer: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """A disabled tracer passes on the caller's span, its baggage and ours, so that no span is missing in between."""
    tracer.enabled = False
    server = tracer.start_span("get", child_of=tracer.extract("http_headers", CALLER), tags={"span.kind": "server"})
    with tracer.scope_manager.activate(server, True), tracer.start_active_span("call") as scope:
        scope.span.set_baggage_item("zone", "b").set_tag("a", 1)

        assert {**CALLER, "ot-baggage-zone": "b"} == headers_of(tracer, scope.span)
    assert CALLER == headers_of(tracer, server)
    assert [] == recorder.spans


def test_disabled_a_new_trace_is_left_to_the_next_service(tracer: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """A disabled tracer propagates only baggage for a new trace: neither ids of an unreported span nor a decision."""
    tracer.enabled = False
    with tracer.start_span("x") as span:
        span.set_baggage_item("user", "amy")

        assert {"ot-baggage-user": "amy"} == headers_of(tracer, tracer.start_span("call", child_of=span))
    assert [] == recorder.spans


@pytest.mark.parametrize("decision", ["0", None])
def test_disabled_the_callers_decision_is_kept(tracer: ZipkinTracer, decision: str | None) -> None:
    """A disabled tracer keeps a decision that is denied or left open."""
    tracer.enabled = False
    caller = {name: value for name, value in CALLER.items() if name != "x-b3-sampled"}
    if decision is not None:
        caller["x-b3-sampled"] = decision

    assert caller == headers_of(tracer, tracer.start_span("x", child_of=tracer.extract("http_headers", caller)))


def test_disabled_the_child_of_a_recording_span_stands_for_it(tracer: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """A span that was begun before the switch is not recorded when it ends, and its child propagates its ids."""
    span = tracer.start_span("x")
    tracer.enabled = False

    assert headers_of(tracer, span) == headers_of(tracer, tracer.start_span("y", child_of=span))
    span.finish()
    assert [] == recorder.spans


def test_enabled_again_spans_are_recorded(tracer: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """Spans after the switch continue a trace that went on meanwhile."""
    tracer.enabled = False
    server = tracer.start_span("get", child_of=tracer.extract("http_headers", CALLER), tags={"span.kind": "server"})
    root = tracer.start_span("x")
    assert False is tracer.enabled
    tracer.enabled = True
    assert True is tracer.enabled

    tracer.start_span("call", child_of=server).finish()
    tracer.start_span("y", child_of=root).finish()
    call, y = recorder.spans
    assert ("463ac35c9f6413ad", "a2fb4a1d1a96d312") == (call.trace_id, call.parent_id)
    assert y.parent_id is None


def test_disabled_nothing_is_sent_and_everything_is_counted() -> None:
    """Spans that waited are sent when the tracer is enabled again; spans that ended meanwhile were dropped as closed."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, flush_interval=3600)
    tracer.start_span("before").finish()
    between = tracer.start_span("between")
    tracer.enabled = False
    between.finish()

    assert False is tracer.flush(0.1)
    assert (1, 1, []) == (tracer.stats.queued, tracer.stats.dropped["closed"], sender.bodies)
    tracer.enabled = True
    tracer.flush(5)
    assert (1, 0) == (tracer.stats.sent, tracer.stats.queued)
    tracer.close()


def test_the_switch_takes_a_bool(tracer: ZipkinTracer) -> None:
    """The switch refuses a text, because the text "false" would be true."""
    with pytest.raises(ValueError, match="enabled is 'false'; use True or False"):
        tracer.enabled = "false"  # type: ignore[assignment]


@pytest.mark.parametrize("at_the_start", [True, False])
def test_a_producer_without_a_record_writes_one_header(at_the_start: bool) -> None:
    """For a broker a disabled or unsampled producer writes `b3` without parent."""
    for tracer in (ZipkinTracer("service", sample_rate=0.0), ZipkinTracer("service")):
        tracer.enabled = tracer._samples_none
        span = tracer.start_span(
            "x", child_of=tracer.extract("text_map", CALLER), tags={"span.kind": "producer"} if at_the_start else None
        )
        if not at_the_start:
            span.set_tag("span.kind", "producer")

        assert {"b3", "ot-baggage-user"} == headers_of(tracer, span).keys()
