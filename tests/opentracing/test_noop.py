"""The base classes of the API are the no-op: every method may be called, records nothing, and does not raise."""

from __future__ import annotations

import pytest

import opentracing
from opentracing import (
    Format,
    Span,
    TraceContext,
    TraceContextDecoder,
    TraceContextEncoder,
    TraceContextSource,
    Tracer,
    UnsupportedFormatException,
    child_of,
)


def test_the_global_tracer_is_a_no_op_until_it_is_replaced() -> None:
    """Before it is replaced, `opentracing.tracer` is a plain Tracer."""

    assert Tracer is type(opentracing.tracer)


def test_every_verb_of_both_vocabularies_works_on_the_no_op() -> None:
    """Instrumented code runs unchanged with the no-op tracer."""
    tracer = Tracer()
    span = tracer.start_trace("root", tags={"a": 1})
    joined = tracer.join_trace("joined", span.trace_context)
    with tracer.start_active_span("active") as scope:
        scope.span.set_operation_name("x").set_tag("k", object()).log_kv({"event": "e"}, 1.5)
        scope.span.add_tag("k", None).add_tags({"a": b"\xff"}).info("%d", "no number").error("failed %s", ValueError())
        scope.span.log_event("e", {"a": 1}).log(event="e", payload=1, timestamp=2.0)

    assert span is joined is span.start_child("child") is tracer.start_span("x", references=[child_of(span)])
    assert span.set_baggage_item("k", "v").get_baggage_item("k") is None
    assert {} == span.context.baggage


def test_a_span_without_a_tracer_is_its_own_child_and_answers_with_the_global_tracer() -> None:
    """A span made by 0.5's `Span(trace_context)` has no tracer: it is its own child, and `tracer` is the global one."""
    context = TraceContextSource().new_root_trace_context()
    span = Span(trace_context=context)

    assert span is span.start_child(operation_name="test")
    assert context is span.trace_context is span.context
    assert opentracing.global_tracer() is span.tracer


def test_the_no_op_context_keeps_no_attributes() -> None:
    """On the no-op context, `set_trace_attribute` returns the context and `get_trace_attribute` returns None."""
    context = TraceContext()

    assert context is context.set_trace_attribute("X_y", "value")
    assert context.get_trace_attribute("X_y") is None


def test_the_no_op_encodes_nothing_and_decodes_the_singleton() -> None:
    """0.5's encoder, decoder and source of contexts each work alone: they write nothing and return the no-op context."""
    singleton = TraceContextSource.singleton_noop_trace_context

    assert ({}, None) == TraceContextEncoder().trace_context_to_text(singleton)
    assert (bytearray(), None) == TraceContextEncoder().trace_context_to_binary(singleton)
    assert singleton is TraceContextDecoder().trace_context_from_text(None, None)
    assert singleton is TraceContextDecoder().trace_context_from_binary(None, None)
    assert (singleton, None) == TraceContextSource().new_child_trace_context(singleton)
    assert singleton is Tracer().trace_context_from_text({}, {}) is Tracer().new_root_trace_context()


def test_an_unknown_format_is_refused() -> None:
    """`inject` and `extract` raise UnsupportedFormatException for an unknown format, and for no other reason."""
    tracer = Tracer()
    tracer.inject(TraceContext(), Format.TEXT_MAP, {})

    with pytest.raises(UnsupportedFormatException):
        tracer.inject(TraceContext(), "semaphore", {})
    with pytest.raises(UnsupportedFormatException):
        tracer.extract("semaphore", {})
