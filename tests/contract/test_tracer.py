"""The behaviour that the reference implementation and the Zipkin tracer share, in both vocabularies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import pytest

from opentracing import Format, InvalidCarrierException, UnsupportedFormatException, child_of, follows_from, start_child_span
from opentracing.standard import InMemoryRecorder, RecordingTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder as ZipkinRecorder


class Seen(NamedTuple):
    """The parts of a finished span that both tracers know."""

    name: str
    context: tuple[str, str, str | None]
    tags: Mapping[str, Any]


class Subject(NamedTuple):
    tracer: Any
    finished: Callable[[], list[Seen]]


def recording() -> Subject:
    recorder = InMemoryRecorder()

    def finished() -> list[Seen]:
        return [
            Seen(
                raw.operation_name,
                (raw.trace_context.trace_id, raw.trace_context.span_id, raw.trace_context.parent_id),
                dict(raw.tags or ()),
            )
            for raw in recorder.spans
        ]

    return Subject(RecordingTracer(recorder), finished)


def zipkin() -> Subject:
    recorder = ZipkinRecorder()

    def finished() -> list[Seen]:
        return [Seen(span.name, (span.trace_id, span.span_id, span.parent_id), span.tags) for span in recorder.spans]

    return Subject(ZipkinTracer("service", recorder=recorder), finished)


@pytest.fixture(params=[recording, zipkin])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    subject: Subject = request.param()
    yield subject
    assert subject.tracer.active_span is None, "a scope was left open"


def identity(span: Any) -> tuple[str, str, str | None]:
    return (span.context.trace_id, span.context.span_id, span.context.parent_id)


def test_a_trace_starts_with_a_root_span(subject: Subject) -> None:
    """The span of `start_trace` has no parent, even if a span is active."""
    with subject.tracer.start_active_span("active"):
        root = subject.tracer.start_trace("root", tags={"k": "v"})
        root.finish()
    [seen, active] = subject.finished()

    assert ("root", {"k": "v"}) == (seen.name, seen.tags)
    assert identity(root) == seen.context
    assert seen.context[2] is None
    assert active.context[0] != seen.context[0]


def test_a_child_is_below_its_parent_in_the_same_trace(subject: Subject) -> None:
    """`start_child` of 0.5 and every way to name a parent in 2.4 make a child in the parent's trace."""
    tracer = subject.tracer
    parent = tracer.start_trace("parent")
    children = [
        parent.start_child("a", tags={"k": "v"}),
        tracer.start_span("b", child_of=parent),
        tracer.start_span("c", child_of=parent.context),
        tracer.start_span("d", references=[child_of(None), child_of(parent.context)]),
        tracer.start_span("e", references=[follows_from(parent.context)]),
        tracer.start_span("f", references=child_of(parent.context)),
        start_child_span(parent, "g"),
    ]
    for child in children:
        child.finish()
    trace_id, span_id, _ = identity(parent)

    assert [(trace_id, span_id)] * 7 == [(seen.context[0], seen.context[2]) for seen in subject.finished()]
    assert 7 == len({seen.context[1] for seen in subject.finished()})


def test_the_active_span_is_the_parent_unless_it_is_ignored(subject: Subject) -> None:
    """A span started inside a scope is a child of the scope's span, unless `ignore_active_span` is True."""
    tracer = subject.tracer
    with tracer.start_active_span("outer") as scope:
        assert scope.span is tracer.active_span
        inside = tracer.start_span("inside")
        outside = tracer.start_span("outside", ignore_active_span=True)

    assert identity(scope.span)[1] == inside.context.parent_id
    assert outside.context.parent_id is None


def test_a_scope_finishes_its_span_unless_told_otherwise(subject: Subject) -> None:
    """A scope finishes its span when it is closed; with `finish_on_close=False` the caller has to."""
    with subject.tracer.start_active_span("finished"):
        pass
    with subject.tracer.start_active_span("not", finish_on_close=False):
        pass

    assert ["finished"] == [seen.name for seen in subject.finished()]


def test_finishing_twice_records_once(subject: Subject) -> None:
    """A second `finish` records nothing, and later calls on the span do not raise."""
    span = subject.tracer.start_trace("once")
    span.finish()
    span.finish()
    span.set_tag("late", 1).add_tag("late", 2).info("late").error("late").log_kv({"event": "late"}).set_operation_name("late")

    assert 1 == len(subject.finished())


def test_calls_chain(subject: Subject) -> None:
    """Every setter returns its span."""
    span = subject.tracer.start_trace("x")

    assert span is span.set_tag("k", 1).log_kv({}).set_baggage_item("k", "v").set_operation_name("y")
    assert span is span.add_tag("k", 1).add_tags({"l": 2}).info("m").error("n").log_event("e", 1).log(event="f")
    assert span.context is span.context.set_trace_attribute("k", "v")


@pytest.mark.parametrize(
    "value", [None, b"\xff", {"a": {1}}, ["x"], 1 << 70, float("nan"), object(), "\ud800", ValueError("x")]
)
def test_no_value_of_a_tag_raises(subject: Subject, value: Any) -> None:
    """Tags may have values of any type, both at the start and later."""
    span = subject.tracer.start_trace("x", tags={"at start": value})
    span.set_tag("k", value).log_kv({"event": value, "field": value}).info("message", value).error("%s", value)
    span.finish()

    assert 1 == len(subject.finished())


def test_an_exception_leaves_the_block_and_a_mark(subject: Subject) -> None:
    """`with span` and `with scope` let an exception pass, and set the `error` tag."""
    with pytest.raises(ValueError, match="span"), subject.tracer.start_trace("span"):
        raise ValueError("span")
    with pytest.raises(ValueError, match="scope"), subject.tracer.start_active_span("scope"):
        raise ValueError("scope")

    assert [True, True] == ["error" in seen.tags for seen in subject.finished()]


def test_attributes_are_seen_by_later_children_and_never_upwards(subject: Subject) -> None:
    """Trace attributes and baggage items are one store, in which keys are found in any spelling."""
    parent = subject.tracer.start_trace("parent")
    early = parent.start_child("early")
    parent.context.set_trace_attribute("User_Id", "7")
    late = parent.start_child("late")
    late.set_baggage_item("late-only", "x")

    assert "7" == late.context.get_trace_attribute("user-ID") == late.get_baggage_item("user-id")
    assert early.context.get_trace_attribute("user-id") is None
    assert parent.get_baggage_item("late-only") is None


def test_a_context_survives_text_binary_and_both_vocabularies(subject: Subject) -> None:
    """One side reads what the other wrote: identity and attributes, with names in any case and among other headers."""
    tracer = subject.tracer
    context = tracer.start_trace("x").set_baggage_item("key", "\u00e4 %\n value ").context
    ids, attributes = tracer.trace_context_to_text(context)
    headers = {name.upper(): value for name, value in {**ids, **attributes, "host": "h", "accept": "*/*"}.items()}
    identity_bytes, attribute_bytes = tracer.trace_context_to_binary(context)
    text: dict[str, str] = {}
    tracer.inject(context, Format.HTTP_HEADERS, text)
    data = bytearray()
    tracer.inject(context, Format.BINARY, data)

    assert (dict, dict, bytearray) == (type(ids), type(attributes), type(identity_bytes))
    assert text == {**ids, **attributes}
    for received in (
        tracer.trace_context_from_text(ids, attributes),
        tracer.trace_context_from_text(headers, headers),
        tracer.trace_context_from_binary(identity_bytes, attribute_bytes),
        tracer.extract(Format.TEXT_MAP, text),
        tracer.extract(Format.HTTP_HEADERS, headers),
        tracer.extract(Format.BINARY, data),
    ):
        assert (context.trace_id, context.span_id) == (received.trace_id, received.span_id)
        assert "\u00e4 %\n value " == received.get_trace_attribute("KEY")


def test_headers_without_a_trace_are_no_trace(subject: Subject) -> None:
    """Without a trace in the headers the context is None."""
    tracer = subject.tracer
    headers = {"Host": "h", "Accept": "*/*", "X-Request-Id": "1"}

    assert tracer.trace_context_from_text(headers, headers) is None
    assert tracer.trace_context_from_text({}, None) is None
    assert tracer.trace_context_from_text(None, None) is None
    assert tracer.trace_context_from_binary(bytearray(), None) is None
    assert tracer.extract(Format.TEXT_MAP, headers) is None


def test_joining_continues_the_trace(subject: Subject) -> None:
    """`join_trace` continues the trace of a received context, and starts a new trace for None."""
    tracer = subject.tracer
    ids, _ = tracer.trace_context_to_text(tracer.start_trace("client").context)
    joined = tracer.join_trace("server", tracer.trace_context_from_text(ids, None))

    assert joined.context.trace_id == tracer.trace_context_from_text(ids, None).trace_id
    assert tracer.join_trace("server", None).context.parent_id is None


def test_a_source_makes_contexts(subject: Subject) -> None:
    """A tracer is a TraceContextSource of 0.5: it makes the context of a root and of its child."""
    root = subject.tracer.new_root_trace_context()
    child, tags = subject.tracer.new_child_trace_context(root)

    assert (root.trace_id, root.span_id, None) == (child.trace_id, child.parent_id, tags)
    assert [] == subject.finished()


def test_formats_and_carriers_are_checked(subject: Subject) -> None:
    """Wrong formats and carriers raise the exceptions of 2.4, and no others."""
    tracer = subject.tracer
    context = tracer.start_trace("x").context

    with pytest.raises(UnsupportedFormatException):
        tracer.inject(context, "semaphore", {})
    with pytest.raises(UnsupportedFormatException):
        tracer.extract(object(), {})
    with pytest.raises(InvalidCarrierException):
        tracer.inject(context, Format.BINARY, {})
    with pytest.raises(InvalidCarrierException):
        tracer.inject(context, Format.TEXT_MAP, 3)
    with pytest.raises(InvalidCarrierException):
        tracer.extract(Format.TEXT_MAP, 3)


def test_closing_answers_with_a_future(subject: Subject) -> None:
    """`close` returns a `concurrent.futures.Future`, which is soon done."""
    future = subject.tracer.close()

    assert Future is type(future)
    assert True is future.result(timeout=3)


def test_a_scope_closed_elsewhere_is_no_parent_any_more(subject: Subject) -> None:
    """A scope that another thread has closed is skipped in the thread that opened it."""
    tracer = subject.tracer
    with tracer.start_active_span("outer") as outer:
        thread = threading.Thread(target=tracer.start_active_span("closed elsewhere").close)
        thread.start()
        thread.join()
        span = tracer.start_span("child")

    assert outer.span.context.span_id == span.context.parent_id
