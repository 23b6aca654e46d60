"""The base classes of the API are the no-op: everything may be called, nothing is recorded, nothing raises."""

from __future__ import annotations

from concurrent.futures import Future
from types import TracebackType
from unittest import mock

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
    logs,
    start_child_span,
    tags,
)


def test_the_global_tracer_is_a_no_op_until_it_is_replaced() -> None:
    """`opentracing.tracer` is a plain Tracer."""

    assert Tracer is type(opentracing.tracer)


def test_every_verb_of_both_vocabularies_works_on_the_no_op() -> None:
    """Instrumented code runs unchanged without a tracer."""
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
    """`Span(trace_context)` of 0.5 has no tracer."""
    context = TraceContextSource().new_root_trace_context()
    span = Span(trace_context=context)

    assert span is span.start_child(operation_name="test")
    assert context is span.trace_context is span.context
    assert opentracing.global_tracer() is span.tracer


def test_both_constructors_of_a_span_work() -> None:
    """0.5 gives a context, 2.4 a tracer and a context."""
    tracer, context = Tracer(), TraceContext()

    assert context is Span(context).context
    assert (tracer, context) == (Span(tracer, context).tracer, Span(tracer, context).context)
    assert (tracer, context) == (Span(tracer=tracer, context=context).tracer, Span(tracer, context=context).context)


def test_the_active_no_op_span_can_have_children() -> None:
    """`start_child_span(tracer.active_span, ...)` works on the no-op, where upstream's raises."""
    tracer = Tracer()
    active = tracer.active_span

    assert active is tracer.scope_manager.active.span  # type: ignore[union-attr]  # the no-op always has one
    assert isinstance(start_child_span(active, "child"), Span)


def test_an_exception_is_reported_once_through_error_and_propagates() -> None:
    """0.5's hook: leaving `with span` by an exception calls `error` and `finish` once each."""
    span = Span(trace_context=TraceContext())
    with mock.patch.object(span, "finish") as finish, mock.patch.object(span, "error") as error:
        with pytest.raises(ValueError, match="x"), span:
            raise ValueError("x")

        assert (1, 1) == (finish.call_count, error.call_count)


def test_an_exception_becomes_the_error_tag_and_one_log_record() -> None:
    """2.4's hook: `set_tag("error", True)`, and `log_kv` with the very objects."""
    span = Tracer().start_span("x")
    error = ValueError("unexpected")
    with mock.patch.object(span, "log_kv") as log_kv, mock.patch.object(span, "set_tag") as set_tag:
        with pytest.raises(ValueError, match="unexpected"), span:
            raise error

        assert [mock.call("error", True)] == set_tag.call_args_list
        fields = log_kv.call_args.args[0]
        assert ("error", "unexpected", error, ValueError) == (
            fields[logs.EVENT],
            fields[logs.MESSAGE],
            fields[logs.ERROR_OBJECT],
            fields[logs.ERROR_KIND],
        )
        assert isinstance(fields[logs.STACK], TracebackType)


def test_closing_gives_a_future() -> None:
    """`close()` answers with a `concurrent.futures.Future` of True."""
    future = Tracer().close()

    assert Future is type(future)
    assert True is future.result(timeout=1)


def test_the_no_op_context_keeps_no_attributes() -> None:
    """Setting chains, getting finds nothing."""
    context = TraceContext()

    assert context is context.set_trace_attribute("X_y", "value")
    assert context.get_trace_attribute("X_y") is None


def test_the_no_op_encodes_nothing_and_decodes_the_singleton() -> None:
    """0.5's halves of a tracer, each alone."""
    singleton = TraceContextSource.singleton_noop_trace_context

    assert ({}, None) == TraceContextEncoder().trace_context_to_text(singleton)
    assert (bytearray(), None) == TraceContextEncoder().trace_context_to_binary(singleton)
    assert singleton is TraceContextDecoder().trace_context_from_text(None, None)
    assert singleton is TraceContextDecoder().trace_context_from_binary(None, None)
    assert (singleton, None) == TraceContextSource().new_child_trace_context(singleton)
    assert singleton is Tracer().trace_context_from_text({}, {}) is Tracer().new_root_trace_context()


def test_an_unknown_format_is_refused() -> None:
    """`inject` and `extract` raise UnsupportedFormatException, and only for a format."""
    tracer = Tracer()
    tracer.inject(TraceContext(), Format.TEXT_MAP, {})

    with pytest.raises(UnsupportedFormatException):
        tracer.inject(TraceContext(), "semaphore", {})
    with pytest.raises(UnsupportedFormatException):
        tracer.extract("semaphore", {})


def test_a_tracer_that_never_calls_the_constructor_of_its_base_works() -> None:
    """0.5's tracers had no constructor to call."""

    class Bare(Tracer):
        def __init__(self) -> None:
            pass

    tracer = Bare()

    assert tracer.start_span("x").tracer is tracer
    assert tracer.active_span is not None


def test_the_tags_of_0_5_are_there_under_both_names() -> None:
    """`opentracing.ext.tags` and `opentracing.tags` are the same."""
    from opentracing.ext import tags as ext_tags

    assert ("peer.service", "peer.ipv4", "peer.port") == (tags.PEER_SERVICE, tags.PEER_HOST_IPV4, tags.PEER_PORT)
    assert all(getattr(tags, name) == getattr(ext_tags, name) for name in tags.__all__)
