"""The mock tracer, as a test of instrumentation sees it: the spans that were made, and their attributes."""

from __future__ import annotations

import copy
import threading
import time
from typing import Any

import pytest

from opentracing import (
    Format,
    Reference,
    SpanContext as BaseContext,
    Tracer,
    UnsupportedFormatException,
    child_of,
    follows_from,
)
from opentracing.mocktracer import MockTracer, Propagator
from opentracing.mocktracer.context import SpanContext
from opentracing.mocktracer.span import LogData, MockSpan
from opentracing.scope_managers import ContextVarsScopeManager


@pytest.fixture
def tracer() -> MockTracer:
    return MockTracer()


def test_finished_spans_are_listed_in_the_order_of_their_finishing(tracer: MockTracer) -> None:
    """`finished_spans` returns a copy of the list of finished spans, and an open span is not in it."""
    first, second, _ = (tracer.start_span(name) for name in ("first", "second", "open"))
    second.finish()
    first.finish()

    assert [second, first] == tracer.finished_spans()
    tracer.finished_spans().clear()
    assert [second, first] == tracer.finished_spans()


def test_reset_forgets_what_is_finished_and_not_what_is_open(tracer: MockTracer) -> None:
    """After `reset` the list is empty, and a span that was still open is listed when it finishes."""
    tracer.start_span("before").finish()
    span = tracer.start_span("open")
    tracer.reset()

    assert [] == tracer.finished_spans()
    span.finish()
    assert [span] == tracer.finished_spans()


def test_a_span_keeps_its_data_as_plain_attributes(tracer: MockTracer) -> None:
    """A span keeps its name, tags, logs and times as plain attributes."""
    span = tracer.start_span("first name", tags={"shelf": 7}, start_time=100.0)

    assert (False, -1) == (span.finished, span.finish_time)
    span.set_operation_name("name").set_tag("fragile", True).log_kv({"event": "packed", "layers": 3}, 101.0)
    span.finish(102.5)
    assert isinstance(span, MockSpan)
    assert ("name", {"shelf": 7, "fragile": True}) == (span.operation_name, span.tags)
    assert (100.0, 102.5, True) == (span.start_time, span.finish_time, span.finished)
    assert [({"event": "packed", "layers": 3}, 101.0)] == [(log.key_values, log.timestamp) for log in span.logs]
    assert isinstance(span.logs[0], LogData)
    assert tracer is span.tracer


def test_times_default_to_now(tracer: MockTracer) -> None:
    """Start, log and finish times default to the present time in seconds since the epoch."""
    before = time.time()
    span = tracer.start_span("x").log_kv({"event": "e"})
    span.finish()

    assert span.start_time is not None
    assert before <= span.start_time <= span.logs[0].timestamp <= span.finish_time <= time.time()


def test_a_span_finishes_once(tracer: MockTracer) -> None:
    """Only the first `finish` sets the time, and the span is listed once."""
    span = tracer.start_span("x")
    span.finish(1.0)
    span.finish(2.0)

    assert (1.0, [span]) == (span.finish_time, tracer.finished_spans())


def test_data_set_after_finish_can_still_be_seen(tracer: MockTracer) -> None:
    """Tags and logs set after `finish` are kept, so that a test notices instrumentation that is late."""
    span = tracer.start_span("x")
    span.finish()
    span.set_tag("late", True).log_kv({"event": "late"})

    assert ({"late": True}, 1) == (span.tags, len(span.logs))


def test_a_span_owns_its_tags_and_its_logs(tracer: MockTracer) -> None:
    """A span copies the tags and fields that it is given, so neither it nor the caller's dicts change the other."""
    tags, fields = {"shelf": 7}, {"event": "packed"}
    span = tracer.start_span("x", tags=tags).set_tag("own", 1).log_kv(fields)
    fields["event"] = "unpacked"

    assert {"shelf": 7} == tags
    assert {"event": "packed"} == span.logs[0].key_values


@pytest.mark.parametrize("odd", [3, "text", [1], object()], ids=lambda value: type(value).__name__)
def test_what_is_no_mapping_and_no_key_raises_nothing(tracer: MockTracer, odd: Any) -> None:
    """Values of a wrong type raise no exception as tags, fields, references, keys or baggage."""
    span = tracer.start_span("x", tags=odd, references=odd, child_of=odd).log_kv(odd).set_tag(odd, odd)
    span.set_baggage_item(odd, odd)

    assert odd == span.get_baggage_item(odd)
    assert [odd] == list(span.tags.values())
    assert span.parent_id is None


def test_ids_count_up_and_a_root_takes_two(tracer: MockTracer) -> None:
    """A root takes its span id first and then its trace id, so that a test can predict all ids."""
    root = tracer.start_span("root")
    child = tracer.start_span("child", child_of=root)
    other = tracer.start_span("other")

    assert [(2, 1, None), (2, 3, 1), (5, 4, None)] == [
        (span.context.trace_id, span.context.span_id, span.parent_id) for span in (root, child, other)
    ]


def test_ids_are_unique_in_threads(tracer: MockTracer) -> None:
    """Threads that start spans at the same time get different ids, and every finished span is listed."""
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(200):
            tracer.start_span("x").finish()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = tracer.finished_spans()

    assert 800 == len(spans)
    assert 1600 == len({number for span in spans for number in (span.context.span_id, span.context.trace_id)})


def test_the_first_context_that_is_known_is_the_parent(tracer: MockTracer) -> None:
    """The parent is `child_of` (a span or a context), else the first known context of the references, else the active span."""
    one, other = tracer.start_span("one"), tracer.start_span("other")
    foreign = Tracer().start_span("foreign")
    with tracer.start_active_span("active") as scope:
        children = [
            tracer.start_span("x", child_of=one),
            tracer.start_span("x", child_of=one.context, references=[child_of(other.context)]),
            tracer.start_span("x", references=[child_of(None), follows_from(one.context), child_of(other.context)]),
            tracer.start_span("x", references=child_of(one.context)),
            tracer.start_span("x", child_of=foreign, references=[child_of(foreign.context), child_of(one.context)]),
        ]
        inside = tracer.start_span("x", child_of=foreign)
        outside = tracer.start_span("x", ignore_active_span=True)

    assert [one.context.span_id] * 5 == [child.parent_id for child in children]
    assert (scope.span.context.span_id, None) == (inside.parent_id, outside.parent_id)


def test_a_parent_without_identity_gives_its_baggage_only(tracer: MockTracer) -> None:
    """A parent made by `SpanContext()` has no identity, so its child starts a new trace but takes over its baggage."""
    span = tracer.start_span("x", child_of=SpanContext(baggage={"user": "7"}))

    assert (2, 1, None) == (span.context.trace_id, span.context.span_id, span.parent_id)
    assert {"user": "7"} == span.context.baggage


def test_baggage_keeps_its_spelling_and_is_found_in_any() -> None:
    """Baggage keeps the spelling of its keys, is found in any spelling, and is replaced if it is set in another spelling."""
    span = MockTracer().start_span("x").set_baggage_item("Gift_For", "Ann")

    assert {"Gift_For": "Ann"} == span.context.baggage
    assert "Ann" == span.get_baggage_item("Gift_For") == span.context.get_trace_attribute("gift-for")
    span.context.set_trace_attribute("Gift-FOR", "Bob")
    assert {"gift-for": "Bob"} == span.context.baggage
    assert "Bob" == span.get_baggage_item("gift-for") == span.get_baggage_item("Gift_For")
    assert span.get_baggage_item("other") is None


def test_baggage_goes_down_and_not_up(tracer: MockTracer) -> None:
    """A child has the items that its parent had when the child started, and `baggage` returns a copy."""
    parent = tracer.start_span("parent").set_baggage_item("a", "1")
    child = tracer.start_span("child", child_of=parent).set_baggage_item("b", "2")
    parent.set_baggage_item("c", "3")
    parent.context.baggage["d"] = "4"

    assert ({"a": "1", "c": "3"}, {"a": "1", "b": "2"}) == (parent.context.baggage, child.context.baggage)


def test_a_context_that_was_taken_stays_the_spans(tracer: MockTracer) -> None:
    """A span's context shows items that are set later; only `with_baggage_item` makes another context."""
    span = tracer.start_span("x")
    context = span.context
    span.set_baggage_item("a", "1")
    other = context.with_baggage_item("b", "2")

    assert (context, {"a": "1"}) == (span.context, context.baggage)
    assert (context.trace_id, context.span_id, {"a": "1", "b": "2"}) == (other.trace_id, other.span_id, other.baggage)


def test_a_subclass_of_the_context_stays_one() -> None:
    """`with_baggage_item` and `copy.copy` keep the class of a context, whatever arguments its constructor takes."""

    class Own(SpanContext):
        def __init__(self, more: str) -> None:
            super().__init__(1, 2)
            self.more = more

    for other in (Own("x").with_baggage_item("a", "1"), copy.copy(Own("x"))):
        assert isinstance(other, Own)
        assert "x" == other.more


def test_a_span_may_be_made_by_hand(tracer: MockTracer) -> None:
    """A MockSpan made with only a tracer has a context without identity."""
    span = MockSpan(tracer).set_baggage_item("a", "1")
    span.finish()

    assert [span] == tracer.finished_spans()
    assert (None, {"a": "1"}, {}) == (span.context.span_id, span.context.baggage, span.tags)


def test_an_exception_can_be_looked_at(tracer: MockTracer) -> None:
    """A span that an exception leaves has the `error` tag, and a log record with the exception itself."""
    error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"), tracer.start_active_span("scope"), tracer.start_span("span"):
        raise error

    for span in tracer.finished_spans():
        assert {"error": True} == span.tags
        assert [error] == [log.key_values["error.object"] for log in span.logs]


def test_the_verbs_of_0_5_work(tracer: MockTracer) -> None:
    """The verbs of 0.5 are inherited, and their effects are seen in the same attributes."""
    with tracer.start_active_span("active"):
        root = tracer.start_trace("root", tags={"shelf": 7})
    child: Any = root.start_child("child")
    child.add_tag("a", 1).add_tags({"b": 2}).info("packed %d", 3).error("lost %s", "one")
    joined: Any = tracer.join_trace("serve", tracer.trace_context_from_text(*tracer.trace_context_to_text(child.trace_context)))

    assert (None, root.context.span_id, child.context.span_id) == (root.parent_id, child.parent_id, joined.parent_id)  # type: ignore[attr-defined]
    assert {"a": 1, "b": 2, "error": True} == child.tags
    assert ["packed 3", "error"] == [log.key_values["event"] for log in child.logs]
    assert {"span.kind": "server"} == joined.tags
    assert True is tracer.close().result(1)


def test_the_scope_manager_can_be_chosen() -> None:
    """A scope manager may be given; by default each tracer has a new ContextVarsScopeManager."""
    manager = ContextVarsScopeManager()

    assert manager is MockTracer(manager).scope_manager is MockTracer(scope_manager=manager).scope_manager
    assert ContextVarsScopeManager is type(MockTracer().scope_manager)
    assert MockTracer().scope_manager is not MockTracer().scope_manager


def test_a_propagator_of_ones_own_serves_its_format(tracer: MockTracer) -> None:
    """A registered propagator is given the context and the carrier, and may replace one of the three default propagators."""

    class Plain(Propagator):
        def inject(self, span_context: Any, carrier: Any) -> None:
            carrier.append(span_context)

        def extract(self, carrier: Any) -> SpanContext:
            context: SpanContext = carrier[-1]
            return context

    context = tracer.start_span("x").context
    for format in ("list", Format.TEXT_MAP):
        carrier: list[Any] = []
        tracer.register_propagator(format, Plain())
        tracer.inject(context, format, carrier)

        assert context is tracer.extract(format, carrier)
    with pytest.raises(UnsupportedFormatException, match="other"):
        tracer.extract("other", {})
    with pytest.raises(UnsupportedFormatException):
        tracer.inject(context, [], {})  # type: ignore[arg-type]


def test_a_propagator_by_itself_carries_nothing(tracer: MockTracer) -> None:
    """The base class Propagator writes nothing and reads nothing."""
    tracer.register_propagator("nothing", Propagator())
    tracer.inject(BaseContext(), "nothing", object())

    assert tracer.extract("nothing", object()) is None


def test_spans_contexts_and_logs_say_what_they_are(tracer: MockTracer) -> None:
    """The repr of a span and of a log record shows in a failing assertion which one it is."""
    span = tracer.start_span("pack", references=[Reference("child_of", SpanContext(7, 8))]).log_kv({"event": "e"}, 1.0)

    assert "<MockSpan 'pack', SpanContext(trace_id=7, span_id=1), parent_id=8>" == repr(span)
    assert "LogData({'event': 'e'}, 1.0)" == repr(span.logs[0])
