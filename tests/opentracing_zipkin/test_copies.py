"""Copies of spans, contexts and accounts: by `copy`, by `pickle`, and to another process."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import Endpoint, FinishedSpan, TracerStats, ZipkinContext, ZipkinTracer
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.option import WrongSetting
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"
IDS = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT}

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def make(**settings: Any) -> ZipkinTracer:
    return ZipkinTracer("service", recorder=InMemoryRecorder(), **settings)


def received(headers: dict[str, str]) -> Callable[[ZipkinTracer], Any]:
    return lambda tracer: tracer.extract(Format.HTTP_HEADERS, headers)


def joined(headers: dict[str, str]) -> Callable[[ZipkinTracer], Any]:
    return lambda tracer: tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, headers))


def disabled(headers: dict[str, str]) -> Callable[[ZipkinTracer], Any]:
    def start(tracer: ZipkinTracer) -> Any:
        tracer.enabled = False
        return joined(headers)(tracer)

    return start


def finished(tracer: ZipkinTracer) -> Any:
    span = tracer.start_trace("root")
    span.finish()
    return span


# Everything that stands for a place in a trace.
PLACES: dict[str, Callable[[ZipkinTracer], Any]] = {
    "root": lambda tracer: tracer.start_trace("root"),
    "child": lambda tracer: tracer.start_trace("root").start_child("child"),
    "started earlier": lambda tracer: tracer.start_span("root", start_time=1.0),
    "denied root": lambda tracer: tracer.start_span("root", tags={"sampling.priority": 0}),
    "denied child": lambda tracer: tracer.start_span("root", tags={"sampling.priority": 0}).start_child("child"),
    "discarded": lambda tracer: tracer.start_trace("root").set_tag("sampling.priority", 0),
    "finished": finished,
    "producer": lambda tracer: tracer.start_trace("root", {"span.kind": "producer"}),
    "unsampled producer": lambda tracer: tracer.start_span("root", tags={"sampling.priority": 0, "span.kind": "producer"}),
    "with baggage": lambda tracer: tracer.start_trace("root").set_baggage_item("User_Id", "caf\u00e9"),
    "joined": joined({**IDS, "x-b3-sampled": "1"}),
    "joined, denied": joined({**IDS, "x-b3-sampled": "0"}),
    "joined, debug": joined({**IDS, "x-b3-flags": "1"}),
    "joined, left open": joined(IDS),
    "received": received({**IDS, "x-b3-sampled": "1", "ot-baggage-k": "v"}),
    "received, left open": received(IDS),
    "received, a decision alone": received({"b3": "0"}),
    "received, attributes alone": received({"ot-baggage-k": "v"}),
    "disabled root": disabled({}),
    "disabled": disabled({**IDS, "x-b3-sampled": "1", "ot-baggage-k": "v"}),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Any:
    """A span or a received context; its tracer lives as long as it does."""
    return PLACES[request.param](make())


def told(tracer: ZipkinTracer, context: Any) -> tuple[Any, ...]:
    """Everything that a context contains."""
    carrier: dict[str, str] = {}
    tracer.inject(context, Format.HTTP_HEADERS, carrier)
    context = getattr(context, "context", context)
    return (
        (context.trace_id, context.span_id, context.parent_id, context.sampled, context.debug, context.shared),
        dict(context.baggage),
        carrier,
    )


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_span_is_the_span_itself(place: Any, duplicate: Callable[[Any], Any]) -> None:
    """A copy of a span is the span and a copy of a context is the context, also as part of another copied object."""
    context = getattr(place, "context", place)

    assert place is duplicate(place)
    assert context is duplicate(context)
    assert place is duplicate([place, {"span": place}])[1]["span"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickled_span_becomes_a_context_that_says_the_same(place: Any, protocol: int) -> None:
    """A pickled span or context becomes an equal context, sampled or not, by every protocol."""
    tracer = make()
    for source in (place, getattr(place, "context", place)):
        restored = pickle.loads(pickle.dumps(source, protocol))

        assert ZipkinContext is type(restored)
        assert told(tracer, source) == told(tracer, restored)
        assert told(tracer, source) == told(tracer, pickle.loads(pickle.dumps(restored, protocol)))


def test_what_starts_from_a_pickled_context_is_a_child(place: Any) -> None:
    """A span below a pickled context never shares its id, joined or not, because two processes may have the same pickle.

    A decision without ids makes a root.
    """
    tracer = make()
    original = getattr(place, "context", place)
    for start in (tracer.join_trace, lambda name, context: tracer.start_span(name, child_of=context)):
        restored = pickle.loads(pickle.dumps(place))
        span = start("work", restored).context

        assert (False, original.span_id) == (span.shared, span.parent_id)
        if original.trace_id is not None:
            assert (original.trace_id, False) == (span.trace_id, original.span_id == span.span_id)
        if original.sampled is not None:
            assert original.sampled == span.sampled


def test_what_starts_from_a_pickled_context_is_the_first_of_its_process() -> None:
    """The first span below a pickled context has the default tags."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("service", recorder=recorder, default_tags={"version": "2"})
    tracer.start_span("work", child_of=pickle.loads(pickle.dumps(tracer.start_trace("root")))).finish()

    assert {"version": "2"} == recorder.spans[0].tags


@pytest.mark.parametrize("headers", [{**IDS, "x-b3-sampled": "1"}, IDS])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda context: pickle.loads(pickle.dumps(context))])
@pytest.mark.parametrize("first", [0, 1])
def test_of_a_received_context_and_its_copy_at_most_one_is_joined(
    headers: dict[str, str], duplicate: Callable[[Any], Any], first: int
) -> None:
    """The second join makes a child, so two spans of one process never have the same id."""
    tracer = make()
    context = tracer.extract(Format.HTTP_HEADERS, headers)
    both = [context, duplicate(context)]
    ids = [tracer.join_trace("get", each).context.span_id for each in (both[first], both[1 - first])]

    assert 2 == len(set(ids))


def test_baggage_of_any_type_can_be_pickled() -> None:
    """A value of baggage that is no text becomes text, as in a header."""
    span = make().start_trace("x")
    span.set_baggage_item("function", lambda: 1).set_baggage_item("number", 5)  # type: ignore[arg-type]
    span.set_baggage_item("gone", None)  # type: ignore[arg-type]
    restored = pickle.loads(pickle.dumps(span.context))

    assert ("5", None, str) == (
        restored.get_trace_attribute("number"),
        restored.get_trace_attribute("gone"),
        type(restored.get_trace_attribute("function")),
    )


def start_below(context: ZipkinContext) -> tuple[str | None, str | None, str | None, bool | None]:
    span = make().start_span("work", child_of=context).context
    return span.trace_id, span.span_id, span.parent_id, span.sampled


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_another_process_goes_on_with_a_context(method: str, sampled: bool) -> None:
    """A span in a process of a pool is a child of the span in this process, with its decision."""
    tracer = make(sample_rate=1.0 if sampled else 0.0)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool, tracer.start_active_span("root") as scope:
        context = scope.span.context
        answers = [pool.submit(start_below, each).result(30) for each in (context, scope.span, context)]

    for trace_id, span_id, parent_id, decision in answers:
        assert (context.trace_id, context.span_id, sampled) == (trace_id, parent_id, decision)
        assert context.span_id != span_id
    assert 3 == len({span_id for _, span_id, _, _ in answers})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_account_can_be_pickled_and_copied(protocol: int) -> None:
    """A copied or pickled account is equal, and as immutable."""
    tracer = ZipkinTracer("service", sender=FakeSender())
    tracer.start_span("x").finish()
    stats = tracer.stats
    for other in (pickle.loads(pickle.dumps(stats, protocol)), copy.copy(stats), copy.deepcopy(stats)):
        assert (stats, TracerStats) == (other, type(other))
        with pytest.raises(TypeError):
            other.dropped["full"] = 1
    tracer.close(5).result(5)


SENT = FinishedSpan(
    TRACE, SPAN, PARENT, "SERVER", "get", 1, 2, Endpoint("a", "1.2.3.4"), Endpoint("b"), [(1, "x")], {"k": "v"}, True, True
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_handler_gets_can_be_pickled_and_copied(protocol: int) -> None:
    """A copied FinishedSpan and its endpoints are equal; a deep copy has separate tags, a copy shares them."""
    shallow, deep = copy.copy(SENT), copy.deepcopy(SENT)

    assert (SENT, SENT, SENT) == (pickle.loads(pickle.dumps(SENT, protocol)), shallow, deep)
    assert (True, False) == (SENT.tags is shallow.tags, SENT.tags is deep.tags)
    assert SENT.local == copy.deepcopy(SENT.local) == pickle.loads(pickle.dumps(SENT.local, protocol))
    assert json_v2.encode(SENT) == json_v2.encode(deep)


@pytest.mark.parametrize(
    "error",
    [WrongSetting("sample_rate", "is 2; use 0.0 to 1.0"), SendError("503", retryable=True, too_large=True, retry_after=1.5)],
)
def test_an_error_can_be_raised_in_another_process(error: Exception) -> None:
    """An error arrives whole, because a pool would break at one that cannot be read."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(error), str(error), vars(error)) == (type(other), str(other), vars(other))


def test_a_tracer_is_copied_as_itself_and_not_pickled() -> None:
    """A copied tracer is the same tracer, and the TypeError for a pickled one names the remedy."""
    tracer = make()

    assert (True, True) == (tracer is copy.copy(tracer), tracer is copy.deepcopy(tracer))
    with pytest.raises(TypeError, match=r"make a tracer in each process.* pickle the context of a span"):
        pickle.dumps(tracer)


@pytest.mark.needs_our_api
def test_what_holds_an_active_scope_can_be_copied() -> None:
    """A copy of a web framework's request that holds a scope holds the same scope."""
    with make().start_active_span("x") as scope:
        assert scope is copy.deepcopy({"scope": scope})["scope"]
        assert scope is copy.copy(scope)
