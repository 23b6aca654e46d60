"""B3 through OpenTelemetry's interface: a received context is sent on unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import SpanKind, get_current_span

import opentracing
from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import B3Propagator, TracerProvider
from opentracing_zipkin.otel.propagator import BaggagePropagator
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import InMemoryRecorder
from tests.ids import stable_repr

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"
IDS = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}


@pytest.fixture
def propagator(zipkin: ZipkinTracer) -> B3Propagator:
    return B3Propagator(zipkin)


def sent(propagator: Any, context: Context | None = None) -> dict[str, str]:
    carrier: dict[str, str] = {}
    propagator.inject(carrier, context)
    return carrier


PASSED_ON: list[tuple[dict[str, str], dict[str, str]]] = [
    (IDS, IDS),
    ({**IDS, "x-b3-sampled": "1"}, {**IDS, "x-b3-sampled": "1"}),
    ({**IDS, "x-b3-sampled": "0"}, {**IDS, "x-b3-sampled": "0"}),
    ({**IDS, "x-b3-sampled": "1", "x-b3-parentspanid": PARENT}, {**IDS, "x-b3-sampled": "1", "x-b3-parentspanid": PARENT}),
    ({**IDS, "x-b3-flags": "1"}, {**IDS, "x-b3-flags": "1"}),
    ({"b3": f"{TRACE}-{SPAN}"}, IDS),
    ({"b3": f"{TRACE}-{SPAN}-1"}, {**IDS, "x-b3-sampled": "1"}),
    ({"b3": f"{TRACE}-{SPAN}-d"}, {**IDS, "x-b3-flags": "1"}),
    ({"b3": "0"}, {"x-b3-sampled": "0"}),
    ({"x-b3-sampled": "0"}, {"x-b3-sampled": "0"}),
    ({"b3": "d"}, {"x-b3-flags": "1"}),
    ({"x-b3-traceid": TRACE[16:], "x-b3-spanid": SPAN}, {"x-b3-traceid": TRACE[16:], "x-b3-spanid": SPAN}),
    ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, {**IDS, "x-b3-sampled": "1"}),
    ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, {**IDS, "x-b3-sampled": "0"}),
    ({"x-b3-traceid": "nonsense", "x-b3-spanid": SPAN}, {}),
    ({}, {}),
]
AS_WRITTEN: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "canonical": {
        "x-b3-traceid": "X-B3-TraceId",
        "x-b3-spanid": "X-B3-SpanId",
        "x-b3-parentspanid": "X-B3-ParentSpanId",
        "x-b3-sampled": "X-B3-Sampled",
        "x-b3-flags": "X-B3-Flags",
        "b3": "b3",
        "traceparent": "traceparent",
    }.__getitem__,
}


class ListGetter(Getter[Any]):
    """Reads a list of pairs, as some message queues have them, with exact names."""

    def get(self, carrier: Any, key: str) -> list[str] | None:
        return [value for name, value in carrier if name == key] or None

    def keys(self, carrier: Any) -> list[str]:
        return [name for name, _ in carrier]


class SilentGetter(ListGetter):
    """Lists no names, like the getter of Celery's messages."""

    def keys(self, carrier: Any) -> list[str]:
        return []


class ListSetter(Setter[Any]):
    def set(self, carrier: Any, key: str, value: str) -> None:
        carrier.append((key, value))


@pytest.mark.parametrize("written", AS_WRITTEN)
@pytest.mark.parametrize(("received", "passed_on"), PASSED_ON)
def test_a_context_is_passed_on_as_it_came(
    propagator: B3Propagator, received: dict[str, str], passed_on: dict[str, str], written: str
) -> None:
    """An open decision, debug, a denial and a 64-bit id are passed on, and names are written in lower case."""
    carrier = {AS_WRITTEN[written](name): value for name, value in received.items()}

    assert passed_on == sent(propagator, propagator.extract(carrier))


@pytest.mark.parametrize("written", AS_WRITTEN)
@pytest.mark.parametrize(("received", "passed_on"), PASSED_ON)
@pytest.mark.parametrize("getter", [ListGetter(), SilentGetter()])
def test_any_getter_and_setter(
    propagator: B3Propagator, received: dict[str, str], passed_on: dict[str, str], written: str, getter: Any
) -> None:
    """The given getter and setter are used, whatever class the carrier has."""
    if type(getter) is SilentGetter and written == "upper":  # this getter finds the two usual spellings only
        passed_on = {}
    carrier = [(AS_WRITTEN[written](name), value) for name, value in received.items()]
    found: list[tuple[str, str]] = []
    propagator.inject(found, propagator.extract(carrier, getter=getter), ListSetter())

    assert passed_on == dict(found)


def test_a_server_joins_its_client(propagator: B3Propagator, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The first server span of a request shares the client's span id, as Zipkin's servers do; a second one is a child."""
    context = propagator.extract({**IDS, "x-b3-sampled": "1", "x-b3-parentspanid": PARENT})
    for name in ("first", "second"):
        tracer.start_span(name, context, SpanKind.SERVER).end()
    first, second = recorder.spans

    assert (TRACE, SPAN, PARENT, True) == (first.trace_id, first.span_id, first.parent_id, first.shared)
    assert (TRACE, SPAN, False) == (second.trace_id, second.parent_id, second.shared)


@pytest.mark.parametrize("kind", [kind for kind in SpanKind if kind is not SpanKind.SERVER])
def test_spans_of_other_kinds_are_children_of_the_received_one(
    propagator: B3Propagator, tracer: Tracer, recorder: InMemoryRecorder, kind: SpanKind
) -> None:
    """A span of any other kind, for instance a consumer, is a child with its own id."""
    tracer.start_span("span", propagator.extract({**IDS, "x-b3-sampled": "1"}), kind).end()

    assert [(TRACE, SPAN, False)] == [(span.trace_id, span.parent_id, span.shared) for span in recorder.spans]


def test_an_open_decision_is_made_once(propagator: B3Propagator, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The first span of a context with an open decision makes the decision, which is then sent on."""
    with tracer.start_as_current_span("span", propagator.extract(IDS), SpanKind.SERVER):
        assert "1" == sent(propagator)["x-b3-sampled"]
    assert [False] == [span.shared for span in recorder.spans]


def test_a_producer_sends_one_header(propagator: B3Propagator, tracer: Tracer) -> None:
    """A producer sends the single header without the parent id, as all our producers do."""
    with tracer.start_as_current_span("send", kind=SpanKind.PRODUCER) as span:
        context = span.get_span_context()

        assert {"b3": f"{context.trace_id:032x}-{context.span_id:016x}-1"} == sent(propagator)


def test_stale_headers_are_replaced(propagator: B3Propagator, tracer: Tracer) -> None:
    """If a carrier has headers of a former try, in any spelling, only the new span's headers stay."""
    carrier = {"X-B3-ParentSpanId": PARENT, "b3": f"{TRACE}-{SPAN}-d", "accept": "*/*"}
    with tracer.start_as_current_span("span"):
        propagator.inject(carrier)

    assert {"accept", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"} == carrier.keys()


def test_both_apis_write_the_same(propagator: B3Propagator, zipkin: ZipkinTracer, tracer: Tracer) -> None:
    """`tracer.inject` and OpenTelemetry's `inject` write the same headers, inside a block of either API."""
    blocks: list[Callable[[str], Any]] = [tracer.start_as_current_span, zipkin.start_active_span]
    for block in blocks:
        with block("span"):
            carrier: dict[str, str] = {}
            zipkin.inject(zipkin.active_span.context, Format.HTTP_HEADERS, carrier)  # type: ignore[union-attr]

            assert carrier == sent(propagator)
            assert 3 == len(carrier)


def test_nothing_is_sent_where_nothing_is_active(propagator: B3Propagator) -> None:
    """Without an active span no header is sent, so the next service decides for itself."""
    assert {} == sent(propagator)
    assert {} == sent(propagator, Context())


def test_opentracings_active_span_is_sent_without_the_bridge() -> None:
    """A propagator without `install` sends the active span of its OpenTracing tracer."""
    zipkin = ZipkinTracer("shop", recorder=InMemoryRecorder())
    with zipkin.start_active_span("a") as scope:
        assert scope.span.context.trace_id == sent(B3Propagator(zipkin))["x-b3-traceid"]  # type: ignore[attr-defined]


def test_without_a_tracer_b3_is_read_and_written_all_the_same() -> None:
    """Without a ZipkinTracer the propagator reads and writes B3 for another provider's spans, for instance the SDK's."""
    assert not isinstance(opentracing.global_tracer(), ZipkinTracer)
    propagator = B3Propagator()
    received = {**IDS, "x-b3-sampled": "1"}

    assert received == sent(propagator, propagator.extract(received))


def test_a_caller_that_is_not_trusted(recorder: InMemoryRecorder) -> None:
    """A caller that is not trusted gets a new trace, with the caller's ids as tags."""
    zipkin = ZipkinTracer("shop", recorder=recorder, trust_incoming=False)
    context = B3Propagator(zipkin).extract({**IDS, "x-b3-sampled": "0"})
    TracerProvider(zipkin).get_tracer("").start_span("span", context, SpanKind.SERVER).end()
    (span,) = recorder.spans

    assert TRACE != span.trace_id
    assert {"caller.trace_id": TRACE, "caller.span_id": SPAN} == span.tags


def test_w3c_where_the_tracer_writes_it(recorder: InMemoryRecorder) -> None:
    """With `w3c`, `tracestate` is passed on, and OpenTelemetry's span context has it."""
    zipkin = ZipkinTracer("shop", recorder=recorder, w3c=True)
    propagator = B3Propagator(zipkin)
    context = propagator.extract({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"})
    with TracerProvider(zipkin).get_tracer("").start_as_current_span("span", context) as span:
        own = span.get_span_context()

        assert {"vendor": "1"} == dict(own.trace_state)
        assert {"traceparent": f"00-{TRACE}-{own.span_id:016x}-01", "tracestate": "vendor=1"}.items() <= sent(
            propagator
        ).items()


def test_the_fields_are_the_headers_that_may_be_written(propagator: B3Propagator) -> None:
    """`fields` has all headers that may be written, so that a gateway can let them through."""
    assert {"b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"} < propagator.fields


# Baggage


def test_attributes_that_came_in_are_opentelemetrys_baggage(propagator: B3Propagator, tracer: Tracer) -> None:
    """Received trace attributes are OpenTelemetry's baggage, and the trace attributes of the spans below."""
    context = propagator.extract({**IDS, "x-b3-sampled": "1", "ot-baggage-user": "ann"})
    span: Any = tracer.start_span("span", context)

    assert "ann" == baggage.get_baggage("user", context) == span.get_baggage_item("user")


def test_opentelemetrys_baggage_is_trace_attributes(propagator: B3Propagator, zipkin: ZipkinTracer, tracer: Tracer) -> None:
    """OpenTelemetry's baggage becomes trace attributes of the spans that start with it, and is in the headers they send."""
    context = baggage.set_baggage("user", "ann")
    with tracer.start_as_current_span("a", context), zipkin.start_active_span("b") as scope:
        assert "ann" == scope.span.get_baggage_item("user")
        assert "ann" == sent(propagator)["ot-baggage-user"]


def test_a_span_of_its_own_keeps_what_was_set_on_its_parent(propagator: B3Propagator, tracer: Tracer) -> None:
    """A span takes OpenTelemetry's baggage once, so a later `set_baggage_item` wins over it for the children."""
    context = propagator.extract({**IDS, "x-b3-sampled": "1", "ot-baggage-user": "ann"})
    span: Any = tracer.start_span("a", context)
    span.set_baggage_item("user", "bob")
    child: Any = tracer.start_span("b", trace.set_span_in_context(span, context))

    assert "bob" == child.get_baggage_item("user")


def test_baggage_that_was_set_after_the_start_is_sent(propagator: B3Propagator, tracer: Tracer) -> None:
    """Baggage set after the span's start is sent, as OpenTelemetry's own propagator does."""
    span = tracer.start_span("a")
    context = baggage.set_baggage("user", "ann", trace.set_span_in_context(span))

    assert "ann" == sent(propagator, context)["ot-baggage-user"]


def test_w3c_baggage_both_ways(zipkin: ZipkinTracer, tracer: Tracer) -> None:
    """The header `baggage` is read into both APIs, and is written with the items of both."""
    both = CompositePropagator([B3Propagator(zipkin), BaggagePropagator()])
    context = both.extract({**IDS, "x-b3-sampled": "1", "baggage": "user=ann"})
    with tracer.start_as_current_span("a", context) as span:
        ours: Any = span
        assert "ann" == ours.get_baggage_item("user")
        ours.set_baggage_item("basket", "7")
        carrier: dict[str, str] = {}
        both.inject(carrier)

    assert {"user=ann", "basket=7"} >= {*carrier["baggage"].split(",")}
    assert "7" == carrier["ot-baggage-basket"]


# Bad input


class Broken(Getter[Any], Setter[Any]):
    def get(self, carrier: Any, key: str) -> list[str]:
        raise RuntimeError("get")

    def keys(self, carrier: Any) -> list[str]:
        raise RuntimeError("keys")

    def set(self, carrier: Any, key: str, value: str) -> None:
        raise RuntimeError("set")


class BrokenDict(dict[str, str]):
    def items(self) -> Any:
        raise RuntimeError("items")

    def __setitem__(self, key: str, value: str) -> None:
        raise RuntimeError("set")


CARRIERS: list[Any] = [None, 7, "text", b"bytes", [], [1, 2], {1: 2}, {"b3": None}, {"b3": [1]}, {"b3": b"\xff"}, BrokenDict(b3="0"), object(), {None: "0"}]  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS, ids=stable_repr)
@pytest.mark.parametrize("context", [None, Context(), {}, 7])
def test_no_carrier_raises(propagator: B3Propagator, tracer: Tracer, carrier: Any, context: Any) -> None:
    """No carrier makes `extract` or `inject` raise, neither with the default getter and setter nor with broken ones."""
    with tracer.start_as_current_span("span"):
        for accessors in ({}, {"getter": Broken()}):
            propagator.extract(carrier, context, **accessors)
        for accessors in ({}, {"setter": Broken()}):
            propagator.inject(carrier, context, **accessors)
            BaggagePropagator().inject(carrier, context, **accessors)


def test_unreadable_headers_leave_the_context_as_it_was(propagator: B3Propagator) -> None:
    """If the headers cannot be read, `extract` returns the given context, without a span of ours."""
    given = Context({"key": "value"})
    headers: Mapping[str, str] = {"x-b3-traceid": "nonsense"}

    assert given is propagator.extract(headers, given)
    assert trace.INVALID_SPAN is get_current_span(propagator.extract({}))


# The request of a server, read without a getter


class Untouched(Getter[Any]):
    """A getter that must not be called."""

    def get(self, carrier: Any, key: str) -> list[str]:
        raise AssertionError(key)

    def keys(self, carrier: Any) -> list[str]:
        raise AssertionError


def environ_of(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "wsgi.input": None,
        "PATH_INFO": "/",
        **{f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in headers},
    }


def scope_of(headers: Mapping[str, str]) -> dict[str, Any]:
    pairs = [(b"accept", b"*/*"), *((name.lower().encode(), value.encode()) for name, value in headers.items())]
    return {"type": "http", "asgi": {}, "headers": pairs}


@pytest.mark.parametrize("shape", [environ_of, scope_of])
@pytest.mark.parametrize(("received", "passed_on"), PASSED_ON)
def test_a_servers_request_is_read_as_it_is(
    propagator: B3Propagator, received: dict[str, str], passed_on: dict[str, str], shape: Callable[..., Any]
) -> None:
    """A WSGI environ and an ASGI scope are read without the getter."""
    context = propagator.extract(shape(received), getter=Untouched())

    assert passed_on == sent(propagator, context)
    assert not BaggagePropagator().extract(shape(received), None, Untouched())


@pytest.mark.parametrize("shape", [environ_of, scope_of])
def test_baggage_of_a_servers_request(propagator: B3Propagator, shape: Callable[..., Any]) -> None:
    """Trace attributes are read from a server's request together with the ids."""
    context = propagator.extract(shape({**IDS, "ot-baggage-user": "ann"}), getter=Untouched())

    assert {"user": "ann"} == dict(baggage.get_all(context))


def test_fields_of_the_allow_list_are_read_of_a_scope() -> None:
    """Headers named in `baggage_fields` are read from an ASGI scope under their own names."""
    zipkin = ZipkinTracer("shop", recorder=InMemoryRecorder(), baggage_fields=["x-request-id"])
    context = B3Propagator(zipkin).extract(scope_of({**IDS, "x-request-id": "7"}), getter=Untouched())

    assert {"x-request-id": "7"} == dict(baggage.get_all(context))


def test_a_name_that_is_there_twice_counts_once(propagator: B3Propagator) -> None:
    """If a header is repeated, its first value counts, as everywhere."""
    scope = scope_of(IDS)
    scope["headers"].append((b"x-b3-spanid", b"0000000000000001"))

    assert IDS == sent(propagator, propagator.extract(scope, getter=Untouched()))


class Headers(dict[str, str]):
    """A client's headers, in a class of their own."""


@pytest.mark.parametrize("stale", [{}, {"X-B3-ParentSpanId": PARENT}, {"B3": "0"}, {"ot-baggage-user": "bob"}])
def test_a_clients_headers_have_one_spans_context(propagator: B3Propagator, tracer: Tracer, stale: dict[str, str]) -> None:
    """In a mapping of any class, headers of another span are replaced."""
    carrier = Headers({"Accept": "*/*", **stale})
    with tracer.start_as_current_span("span"):
        propagator.inject(carrier)

    assert {"Accept", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"} == carrier.keys()
