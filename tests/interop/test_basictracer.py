"""basictracer, a 2.4 tracer that was written without our packages: both vocabularies work on it."""

from __future__ import annotations

import pytest
from basictracer import BasicTracer
from basictracer.recorder import InMemoryRecorder
from basictracer.text_propagator import TextPropagator

import opentracing
from opentracing import Format


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def basic(recorder: InMemoryRecorder) -> BasicTracer:
    tracer = BasicTracer(recorder)
    for name in (Format.TEXT_MAP, Format.HTTP_HEADERS):
        tracer.register_propagator(name, TextPropagator())
    return tracer


def test_the_newer_vocabulary_runs_on_it(basic: BasicTracer, recorder: InMemoryRecorder) -> None:
    """On basictracer active spans nest, and a context with its baggage is propagated in headers."""
    carrier: dict[str, str] = {}
    with basic.start_active_span("buy") as outer, basic.start_active_span("call") as inner:
        inner.span.set_baggage_item("user", "ann")
        basic.inject(inner.span.context, Format.HTTP_HEADERS, carrier)
    basic.start_span("serve", child_of=basic.extract(Format.HTTP_HEADERS, carrier)).finish()
    call, buy, serve = recorder.get_spans()

    assert ["call", "buy", "serve"] == [call.operation_name, buy.operation_name, serve.operation_name]
    assert [outer.span.context.span_id, None, call.context.span_id] == [call.parent_id, buy.parent_id, serve.parent_id]
    assert 1 == len({span.context.trace_id for span in (call, buy, serve)})
    assert "ann" == serve.get_baggage_item("user")


def test_the_older_vocabulary_runs_on_it(basic: BasicTracer, recorder: InMemoryRecorder) -> None:
    """basictracer gets the verbs of 0.5 from our base classes, without any new code."""
    root = basic.start_trace("buy")
    with root.start_child("call") as call:
        call.add_tags({"article": "tea"}).info("asking for %s", "tea")
        ids, attributes = basic.trace_context_to_text(call.trace_context)
    joined = basic.join_trace("serve", basic.trace_context_from_text(ids, attributes))
    joined.error("no %s", "tea")
    joined.finish()
    root.finish()
    spans = {span.operation_name: span for span in recorder.get_spans()}

    assert [None, root.context.span_id, call.context.span_id] == [spans[name].parent_id for name in ("buy", "call", "serve")]
    assert {"article": "tea"} == spans["call"].tags
    assert "server" == spans["serve"].tags["span.kind"]
    assert True is spans["serve"].tags["error"]
    assert isinstance(basic, opentracing.Tracer)
    assert None is basic.trace_context_from_text({"ot-tracer-traceid": "no hex"}, None)
    assert True is basic.close().result(1)
