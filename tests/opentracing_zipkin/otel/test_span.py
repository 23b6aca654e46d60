"""OpenTelemetry's spans: the effect of their setters on the Zipkin span."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.otel.span import Span
from opentracing_zipkin.testing import FakeClock, InMemoryRecorder

SCOPE = {"otel.scope.name": "tests", "otel.scope.version": "1.2"}
NS = 1_000_000_000
LINKED = SpanContext(0x463AC35C9F6413AD48485A3953BB6124, 0xA2FB4A1D1A96D312, True, TraceFlags(1))


def test_a_span_is_sent_as_zipkins(tracer: Tracer, recorder: InMemoryRecorder, clock: FakeClock) -> None:
    """A sent span has name, kind, times in µs, attributes as tags, and the instrumentation's name and version."""
    span = tracer.start_span("GET /orders", kind=SpanKind.SERVER, attributes={"http.method": "GET", "http.status_code": 200})
    clock.advance(0.25)
    span.end()
    (sent,) = recorder.spans

    assert ("get /orders", "SERVER", 1_700_000_000_000_000, 250_000) == (
        sent.name,
        sent.kind,
        sent.timestamp_us,
        sent.duration_us,
    )
    assert {"http.method": "GET", "http.status_code": "200", **SCOPE} == sent.tags
    assert (32, 16, None) == (len(sent.trace_id), len(sent.span_id), sent.parent_id)
    assert f"{span.get_span_context().trace_id:032x}" == sent.trace_id
    assert f"{span.get_span_context().span_id:016x}" == sent.span_id


KINDS = {
    SpanKind.INTERNAL: None,
    SpanKind.SERVER: "SERVER",
    SpanKind.CLIENT: "CLIENT",
    SpanKind.PRODUCER: "PRODUCER",
    SpanKind.CONSUMER: "CONSUMER",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("below", [False, True])
def test_kinds(tracer: Tracer, recorder: InMemoryRecorder, kind: SpanKind, below: bool) -> None:
    """INTERNAL spans have no kind in Zipkin, even with a peer, and spans of every kind keep the tag `peer.service`."""
    parent = trace.set_span_in_context(tracer.start_span("parent")) if below else None
    tracer.start_span("span", parent, kind, {"peer.service": "stock", "peer.port": 8080}).end()
    (sent,) = recorder.spans

    assert KINDS[kind] == sent.kind
    assert {"peer.service": "stock", "peer.port": "8080", **SCOPE} == sent.tags
    assert (None if kind is SpanKind.INTERNAL else "stock") == (sent.remote and sent.remote.service_name)


def test_what_instrumentations_read_of_the_sdks_spans(tracer: Tracer, clock: FakeClock) -> None:
    """A span has `name`, `kind`, `attributes`, `parent`, `status`, `links`, `start_time` and `end_time`, like the SDK's."""
    parent = tracer.start_span("parent")
    span: Any = tracer.start_span("span", trace.set_span_in_context(parent), SpanKind.CLIENT, {"n": 1})
    span.add_link(LINKED)
    clock.advance(1)

    assert ("span", SpanKind.CLIENT, parent.get_span_context()) == (span.name, span.kind, span.parent)
    assert {"n": 1, "otel.links": "463ac35c9f6413ad48485a3953bb6124/a2fb4a1d1a96d312"} == dict(span.attributes)
    assert [LINKED] == [link.context for link in span.links]
    assert (StatusCode.UNSET, 1_700_000_000 * NS, None) == (span.status.status_code, span.start_time, span.end_time)
    span.set_status(Status(StatusCode.ERROR, "no stock"))
    span.end()
    assert ("no stock", 1_700_000_001 * NS) == (span.status.description, span.end_time)


def test_what_instrumentations_read_of_a_span_that_is_not_sampled(recorder: InMemoryRecorder) -> None:
    """A span that is not sampled has the same members, so that code which reads them without a check works."""
    tracer = TracerProvider(ZipkinTracer("shop", recorder=recorder, sample_rate=0.0)).get_tracer("tests")
    span: Any = tracer.start_span("span", kind=SpanKind.SERVER)

    assert (SpanKind.SERVER, "", {}, None, False) == (
        span.kind,
        span.name,
        dict(span.attributes),
        span.parent,
        span.is_recording(),
    )
    assert False is span.get_span_context().trace_flags.sampled
    assert True is span.get_span_context().is_valid


def test_a_name_can_be_changed(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """If the name is changed, the last name is sent."""
    span = tracer.start_span("GET")
    span.update_name("GET /orders/{id}")
    span.end()

    assert ["get /orders/{id}"] == [sent.name for sent in recorder.spans]


def test_times_can_be_given(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """Start, end and event times may be given in ns, and are kept to the µs."""
    span = tracer.start_span("past", start_time=1_600_000_000_123_456_789)
    span.add_event("middle", timestamp=1_600_000_000_623_456_789)
    span.end(1_600_000_001_123_456_789)
    (sent,) = recorder.spans

    assert (1_600_000_000_123_456, 1_000_000) == (sent.timestamp_us, sent.duration_us)
    assert [(1_600_000_000_623_456, "middle")] == sent.annotations


def test_a_span_that_was_started_in_the_past_ends_by_the_wall_clock(
    tracer: Tracer, recorder: InMemoryRecorder, clock: FakeClock
) -> None:
    """If the start was given, the end is read from the wall clock as well, because the start may be from another clock."""
    span = tracer.start_span("past", start_time=1_699_999_999 * NS)
    clock.set_wall(1_700_000_001)
    span.end()

    assert [2_000_000] == [sent.duration_us for sent in recorder.spans]


@pytest.mark.parametrize("end", [1, 1_600_000_000 * NS, 0, -5, 1 << 70, 1.5, "now", None])
def test_a_span_ends_after_its_start_whatever_is_given(tracer: Tracer, recorder: InMemoryRecorder, end: Any) -> None:
    """An end before the start gives a duration of 1 µs, and an end that is not a time means now."""
    tracer.start_span("span").end(end)

    assert [1] == [sent.duration_us for sent in recorder.spans]


def test_a_span_ends_once(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A second `end` does nothing, and no setter changes a span after its end."""
    span: Any = tracer.start_span("span", attributes={"a": "1"})
    span.end()
    span.end()
    span.set_attribute("b", "2")
    span.set_attributes({"c": "3"})
    span.add_event("late")
    span.add_link(LINKED)
    span.record_exception(ValueError())
    span.set_status(StatusCode.ERROR)
    span.update_name("late")

    assert False is span.is_recording()
    assert [("span", {"a": "1", **SCOPE}, [])] == [(sent.name, sent.tags, sent.annotations) for sent in recorder.spans]
    assert {"a": "1"} == dict(span.attributes)


STATUS: list[tuple[list[Any], dict[str, str]]] = [
    ([], {}),
    ([StatusCode.UNSET], {}),
    ([StatusCode.OK], {"otel.status_code": "OK"}),
    ([StatusCode.ERROR], {"otel.status_code": "ERROR", "error": ""}),
    ([Status(StatusCode.ERROR, "no stock")], {"otel.status_code": "ERROR", "error": "no stock"}),
    ([StatusCode.OK, Status(StatusCode.ERROR, "late")], {"otel.status_code": "OK"}),
    ([Status(StatusCode.ERROR, "first"), Status(StatusCode.ERROR, "last")], {"otel.status_code": "ERROR", "error": "last"}),
    ([Status(StatusCode.ERROR, "first"), StatusCode.UNSET], {"otel.status_code": "ERROR", "error": "first"}),
    ([Status(StatusCode.ERROR, "first"), StatusCode.OK], {"otel.status_code": "OK"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "tags"), STATUS)
def test_status(tracer: Tracer, recorder: InMemoryRecorder, given: list[Any], tags: dict[str, str]) -> None:
    """OK is final, UNSET changes nothing, the last ERROR counts, and its description is the tag `error`."""
    span = tracer.start_span("span")
    for status in given:
        span.set_status(status)
    span.end()

    assert [{**tags, **SCOPE}] == [sent.tags for sent in recorder.spans]


def test_a_description_may_stand_beside_the_code(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """`set_status(code, description)` does the same as `set_status(Status(code, description))`."""
    span = tracer.start_span("span")
    span.set_status(StatusCode.ERROR, "no stock")
    span.end()

    assert "no stock" == recorder.spans[0].tags["error"]


def test_an_attribute_error_without_the_status_is_no_error(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """Only the status sets the tag `error`, because Zipkin shows each span with that tag as failed."""
    tracer.start_span("span", attributes={"error": "false alarm"}).end()

    assert [SCOPE] == [sent.tags for sent in recorder.spans]


@pytest.mark.parametrize(
    ("flags", "annotated", "error"),
    [
        ({}, True, "ValueError: no stock"),
        ({"record_exception": False}, False, "ValueError: no stock"),
        ({"set_status_on_exception": False}, True, None),
        ({"record_exception": False, "set_status_on_exception": False}, False, None),
    ],
)
@pytest.mark.parametrize("current", [False, True])
def test_an_exception_that_leaves_the_block(
    tracer: Tracer, recorder: InMemoryRecorder, flags: dict[str, bool], annotated: bool, error: str | None, current: bool
) -> None:
    """An exception that leaves the block sets an event and the status, unless that is turned off, and is raised on."""
    start: Any = tracer.start_as_current_span if current else tracer.start_span
    with pytest.raises(ValueError, match="no stock"), start("span", **flags):
        raise ValueError("no stock")
    (sent,) = recorder.spans

    event = '"exception": {"exception.type": "ValueError", "exception.message": "no stock"}'
    assert ([event] if annotated else []) == [text for _, text in sent.annotations]
    assert error == sent.tags.get("error")


def test_a_planned_end_is_no_error(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A planned end of a block, such as a closed generator or an exit with success, is no error."""
    for planned in (GeneratorExit(), SystemExit(0)):
        with pytest.raises(type(planned)), tracer.start_as_current_span("span"):
            raise planned

    assert [(SCOPE, []), (SCOPE, [])] == [(sent.tags, sent.annotations) for sent in recorder.spans]


def test_events_are_annotations(tracer: Tracer, recorder: InMemoryRecorder, clock: FakeClock) -> None:
    """An event is an annotation with its name, followed by its attributes as JSON."""
    span = tracer.start_span("span")
    clock.advance(1)
    span.add_event("retry")
    span.add_event("retry", {"attempt": 2, "last": True})
    span.end()

    at = 1_700_000_001_000_000
    assert [(at, "retry"), (at, '"retry": {"attempt": 2, "last": true}')] == recorder.spans[0].annotations


def test_links_are_annotations_and_one_tag(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The links' ids are in one tag, which can be searched for, and each link is an annotation with its attributes."""
    span = tracer.start_span("span", links=[Link(LINKED, {"why": "batch"}), Link(LINKED), Link(trace.INVALID_SPAN_CONTEXT)])
    span.end()
    (sent,) = recorder.spans
    ids = "463ac35c9f6413ad48485a3953bb6124/a2fb4a1d1a96d312"

    assert [f'link: {ids} {{"why": "batch"}}', f"link: {ids}"] == [text for _, text in sent.annotations]
    assert f"{ids},{ids}" == sent.tags["otel.links"]


def test_parts_over_a_limit_are_counted(zipkin: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """The span has tags that count the attributes, events and links over a limit."""
    tracer = TracerProvider(zipkin, max_attributes=2, max_events=1, max_links=0).get_tracer("tests")
    span = tracer.start_span("span", attributes={"a": 1, "b": 2, "c": 3}, links=[Link(LINKED)])
    span.set_attribute("d", 4)
    span.set_attribute("a", 5)
    span.add_event("one")
    span.add_event("two")
    span.end()
    (sent,) = recorder.spans

    assert {
        "a": "5",
        "b": "2",
        "otel.dropped_attributes_count": "2",
        "otel.dropped_events_count": "1",
        "otel.dropped_links_count": "1",
        "otel.scope.name": "tests",
    } == sent.tags
    assert ["one"] == [text for _, text in sent.annotations]


def test_long_values_are_cut(recorder: InMemoryRecorder) -> None:
    """Long statements, lists and events are cut at `max_tag_length`, as every tag is."""
    zipkin = ZipkinTracer("shop", recorder=recorder, max_tag_length=10)
    span = TracerProvider(zipkin).get_tracer("").start_span("span", attributes={"db.statement": "SELECT " * 9})
    span.set_attribute("list", list(range(100)))
    span.add_event("SELECT " * 9)
    span.end()
    (sent,) = recorder.spans

    assert {"db.statement": "SELECT SEL", "list": "[0, 1, 2, "} == sent.tags
    assert ["SELECT SEL"] == [text for _, text in sent.annotations]


def test_a_span_speaks_both_apis(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A span accepts the methods of both APIs, and sends what both have set."""
    span: Any = tracer.start_span("span", attributes={"a": 1})
    span.set_tag("b", 2).log_kv({"event": "paid"})
    span.error("no %s", "stock")
    span.finish()
    (sent,) = recorder.spans

    assert {"a": "1", "b": "2", "otel.status_code": "ERROR", "error": "no stock", **SCOPE} == sent.tags
    assert ["paid", "no stock"] == [text for _, text in sent.annotations]


@pytest.mark.parametrize(("value", "error"), [(True, "true"), ("no stock", "no stock"), (False, None)])
def test_opentracings_tag_error_is_the_status(
    tracer: Tracer, recorder: InMemoryRecorder, value: object, error: str | None
) -> None:
    """`set_tag("error", …)` on a span of OpenTelemetry sets its status to ERROR."""
    span: Any = tracer.start_span("span")
    span.set_tag("error", value)
    span.end()

    assert error == recorder.spans[0].tags.get("error")


def test_every_member_of_the_api_is_there(tracer: Tracer) -> None:
    """A span is an instance of `opentelemetry.trace.Span`, and its class defines each public member itself."""
    span = tracer.start_span("span")
    public = [name for name in vars(trace.Span) if not name.startswith("_")]

    assert isinstance(span, trace.Span)
    assert [] == [name for name in public if name not in vars(Span)]
