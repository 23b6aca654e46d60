from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from opentracing_zipkin.codec import json_v2, proto3
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.otel.direct import MAX_ORIGINS
from opentracing_zipkin.otel.exporter import Exporter
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.testing import FakeSender

TRACE_ID, SPAN_ID, PARENT_ID = 0x463AC35C9F6413AD48485A3953BB6124, 0xA2FB4A1D1A96D312, 0x20000000000001
SHOP = Resource({"service.name": "Shop", "telemetry.sdk.name": "opentelemetry", "deployment.environment": "test"})


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def exporter(sender: FakeSender) -> Iterator[Exporter]:
    exporter = Exporter(sender=sender, local_ip="10.1.2.3", local_port=80)
    yield exporter
    exporter.shutdown()


def _context(span_id: int = SPAN_ID, trace_id: int = TRACE_ID) -> SpanContext:
    return SpanContext(trace_id, span_id, False, TraceFlags(TraceFlags.SAMPLED))


def _span(**given: Any) -> ReadableSpan:
    """A finished span as a processor gets it, with some of its fields changed."""
    fields: dict[str, Any] = {
        "name": "get",
        "context": _context(),
        "resource": SHOP,
        "start_time": 1_700_000_000_000_001_999,
        "end_time": 1_700_000_000_000_003_000,
        **given,
    }
    return ReadableSpan(**fields)


def _made(**given: Any) -> ReadableSpan:
    """A finished span that the SDK itself has made."""
    provider = TracerProvider(
        resource=given.pop("resource", SHOP), shutdown_on_exit=False, span_limits=given.pop("limits", None)
    )
    kept: list[ReadableSpan] = []
    provider.add_span_processor(SimpleSpanProcessor(SimpleNamespace(export=kept.extend, shutdown=lambda: None)))  # type: ignore[arg-type]
    tracer = provider.get_tracer("scope", "1.0")
    act = given.pop("act", lambda span: None)
    span = tracer.start_span(given.pop("name", "get"), **given)
    act(span)
    span.end()
    return kept[0]


def _sent(sender: FakeSender, exporter: Exporter, *spans: Any) -> list[FinishedSpan]:
    """The spans as they arrive at the collector."""
    assert SpanExportResult.SUCCESS is exporter.export(spans)
    assert exporter.force_flush()
    return [span for body in sender.bodies for span in json_v2.decode(body)]


# The fields of an exported span


def test_a_span_has_every_field(exporter: Exporter, sender: FakeSender) -> None:
    """A sent span has all fields of the SDK's span: a lower-case name, whole µs, and the tags of resource and scope."""
    link = Link(_context(7, 8), {"why": "batch"})
    scope = InstrumentationScope("lib", "1.0", attributes={"lib.mode": "x"})
    attributes = {"server.address": "items.example", "server.port": 443, "ok": True, "list": ("a", "b")}
    span = _made(
        kind=SpanKind.CLIENT, name="GET", links=[link], attributes=attributes, act=lambda span: span.add_event("e", {"k": 1})
    )
    span._instrumentation_scope = scope
    span._parent = _context(PARENT_ID)
    span._context = _context()
    span._start_time, span._end_time = 1_700_000_000_000_001_999, 1_700_000_000_000_003_000
    span._events[0]._timestamp = 1_700_000_000_000_002_999
    [found] = _sent(sender, exporter, span)

    assert found == FinishedSpan(
        "463ac35c9f6413ad48485a3953bb6124",
        "a2fb4a1d1a96d312",
        "0020000000000001",
        "CLIENT",
        "get",
        1_700_000_000_000_001,
        2,
        Endpoint("shop", "10.1.2.3", "", 80),
        Endpoint("items.example", "", "", 443),
        [
            (1_700_000_000_000_001, 'link: 0000000000000008/0000000000000007 {"why": "batch"}'),
            (1_700_000_000_000_002, '"e": {"k": 1}'),
        ],
        {
            "deployment.environment": "test",
            "otel.scope.name": "lib",
            "otel.library.name": "lib",
            "otel.scope.version": "1.0",
            "otel.library.version": "1.0",
            "lib.mode": "x",
            "server.address": "items.example",
            "server.port": "443",
            "ok": "true",
            "list": '["a", "b"]',
        },
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (SpanKind.INTERNAL, None),
        (SpanKind.CLIENT, "CLIENT"),
        (SpanKind.SERVER, "SERVER"),
        (SpanKind.PRODUCER, "PRODUCER"),
        (SpanKind.CONSUMER, "CONSUMER"),
    ],
)
def test_an_internal_span_has_no_kind(exporter: Exporter, sender: FakeSender, kind: SpanKind, expected: str | None) -> None:
    """Each kind becomes Zipkin's kind of the same name; an INTERNAL span has no kind and no remote endpoint."""
    [found] = _sent(sender, exporter, _span(kind=kind, attributes={"peer.service": "other"}))

    assert (expected, None if expected is None else Endpoint("other")) == (found.kind, found.remote)


@pytest.mark.parametrize(
    ("status", "attributes", "tags"),
    [
        (Status(), {}, {}),
        (Status(), {"error": True}, {}),
        (Status(), {"error": "false"}, {}),
        (Status(StatusCode.OK), {"error": "text"}, {"otel.status_code": "OK"}),
        (Status(StatusCode.ERROR, "why"), {"error": "text"}, {"otel.status_code": "ERROR", "error": "why"}),
        (Status(StatusCode.ERROR), {"error": "text"}, {"otel.status_code": "ERROR", "error": "text"}),
        (Status(StatusCode.ERROR), {}, {"otel.status_code": "ERROR", "error": ""}),
    ],
)
def test_a_span_has_an_error_exactly_where_its_status_is_one(
    exporter: Exporter, sender: FakeSender, status: Status, attributes: dict[str, Any], tags: dict[str, str]
) -> None:
    """An attribute `error` makes an error in Zipkin only if the span's status is ERROR."""
    span = _made(attributes=attributes, resource=Resource({}))
    span._status, span._instrumentation_scope = status, None
    plain = _span(attributes=attributes, status=status, resource=Resource({}))
    found = _sent(sender, exporter, span, plain)

    assert [tags, tags] == [one.tags for one in found]


def test_an_exception_is_the_error_where_the_status_has_no_text(exporter: Exporter, sender: FakeSender) -> None:
    """A status without text gets the type and the message of the recorded exception as its error."""

    def fail(span: Any) -> None:
        span.record_exception(ValueError("no"))
        span.set_status(StatusCode.ERROR)

    [found] = _sent(sender, exporter, _made(act=fail))

    assert "ValueError: no" == found.tags["error"]
    assert found.annotations[0][1].startswith('"exception": {"exception.type": "ValueError", "exception.message": "no"')


def test_an_id_of_64_bits_is_not_widened(exporter: Exporter, sender: FakeSender) -> None:
    """A trace id whose high half is zero has 16 characters in JSON, but 16 bytes in proto3, as every receiver expects."""
    [found] = _sent(sender, exporter, _span(context=_context(trace_id=0xABC)))
    proto, other = Exporter(sender=(bodies := FakeSender()), encoding="proto3"), _span(context=_context(trace_id=0xABC))
    proto.export([other])
    assert proto.force_flush()
    proto.shutdown()

    assert "0000000000000abc" == found.trace_id
    assert b"\n\x10" + bytes(14) + b"\x0a\xbc" in bodies.bodies[0]
    assert "0000000000000abc" == proto3.decode(bodies.bodies[0])[0].trace_id


@pytest.mark.parametrize(("start", "end"), [(5_000, 5_000), (9_000, 5_000), (5_999, 6_000), (0, 0), (None, None)])
def test_a_duration_is_at_least_a_microsecond(exporter: Exporter, sender: FakeSender, start: Any, end: Any) -> None:
    """The duration is at least 1 µs, even if the span ends before it starts or has no times at all."""
    [found] = _sent(sender, exporter, _span(start_time=start, end_time=end))

    assert 1 == found.duration_us


def test_parts_that_a_limit_dropped_are_counted(exporter: Exporter, sender: FakeSender) -> None:
    """Attributes, events and links that a limit dropped are counted in tags."""

    def overflow(span: Any) -> None:
        for number in range(3):
            span.set_attribute(f"a{number}", number)
            span.add_event(f"e{number}")
            span.add_link(_context(number + 1))

    [found] = _sent(sender, exporter, _made(act=overflow, limits=SpanLimits(max_span_attributes=1, max_events=2, max_links=1)))

    assert ["2", "1", "2"] == [found.tags[f"otel.dropped_{what}_count"] for what in ("attributes", "events", "links")]


def test_each_span_has_the_name_of_its_own_resource(exporter: Exporter, sender: FakeSender) -> None:
    """Several providers may share an exporter, and a resource without a name is called `unknown_service`."""
    resources = [SHOP, Resource({"service.name": "Bank"}), Resource({}), SHOP]
    found = _sent(sender, exporter, *(_made(resource=resource) for resource in resources))

    assert ["shop", "bank", "unknown_service", "shop"] == [span.local.service_name for span in found if span.local]
    assert ["test", None, None, "test"] == [span.tags.get("deployment.environment") for span in found]


def test_resources_without_end_are_not_kept(exporter: Exporter, sender: FakeSender) -> None:
    """The number of kept scopes is limited, so a process that makes new scopes all the time needs time but no memory."""
    spans = [_span(instrumentation_scope=InstrumentationScope(f"s{number}")) for number in range(MAX_ORIGINS + 10)]
    found = _sent(sender, exporter, *spans)

    assert {f"s{number}" for number in range(MAX_ORIGINS + 10)} == {span.tags["otel.scope.name"] for span in found}
    assert len(exporter._origins._known) <= MAX_ORIGINS


def test_no_span_is_debug_unless_that_is_asked_for(exporter: Exporter, sender: FakeSender) -> None:
    """Spans are marked as debug only on request; the deprecated exporter marked all and so overrode the collector's sampling."""
    [plain] = _sent(sender, exporter, _span())
    other, bodies = Exporter(sender=FakeSender(), debug=True), FakeSender()
    other = Exporter(sender=bodies, debug=True)
    [marked] = _sent(bodies, other, _span())
    other.shutdown()

    assert (False, True) == (plain.debug, marked.debug)


def test_long_texts_are_cut(sender: FakeSender) -> None:
    """Values, events and errors are cut at `max_tag_length`, keys and names at the length of a server's column."""
    exporter = Exporter(sender=sender, max_tag_length=10)
    made = _made(name="n" * 300, attributes={"k" * 300: "v" * 99, "n": ("x",) * 9}, act=lambda span: span.add_event("e" * 99))
    made._status = Status(StatusCode.ERROR, "x" * 99)
    [found] = _sent(sender, exporter, made)
    exporter.shutdown()

    assert 255 == len(found.name)
    assert {10} == {len(found.tags[key]) for key in ("k" * 255, "n", "error")}
    assert 10 == len(found.annotations[0][1])


# Bad input


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __bool__ = __len__ = __str__  # type: ignore[assignment]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(_Hostile()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(
    st.dictionaries(st.text() | st.integers() | st.just("error"), _values),  # type: ignore[arg-type]
    st.sampled_from(["json", "json_v1", "thrift", "proto3"]),
)
def test_a_span_with_any_attributes_arrives(attributes: dict[Any, Any], encoding: str) -> None:
    """A span with any attributes arrives, even if a processor put values into it that the SDK would refuse."""
    made = _made()
    made._attributes._dict.update(attributes)  # type: ignore[union-attr]
    exporter = Exporter(sender=(sender := FakeSender()), encoding=encoding)
    result = exporter.export([made, _span(attributes=attributes)])

    assert SpanExportResult.SUCCESS is result
    assert exporter.force_flush(), exporter.stats
    exporter.shutdown()
    assert 2 == exporter.stats.sent
    assert sender.bodies


GARBAGE: list[Any] = [None, 7, "text", SimpleNamespace(), _span(context=None), _span(context=_context(trace_id=1 << 200))]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda value: type(value).__name__)
def test_an_object_that_is_no_span_costs_only_itself(exporter: Exporter, sender: FakeSender, garbage: Any) -> None:
    """An object that is not a span is counted as dropped, and the spans beside it are sent."""
    exporter.export([_span(), garbage, _span()])

    assert not exporter.force_flush()
    assert (2, 1) == (exporter.stats.sent, exporter.stats.dropped["too_large"])


def test_a_span_of_another_class_is_sent_by_what_is_public(exporter: Exporter, sender: FakeSender) -> None:
    """A span that a processor has wrapped is read by the public attributes of a ReadableSpan only."""
    inner = _made(kind=SpanKind.SERVER, attributes={"a": 1}, act=lambda span: span.add_event("e"))

    class Wrapper:
        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(inner, name)

    wrapped, plain = _sent(sender, exporter, Wrapper(), inner)

    assert plain == wrapped


def test_export_raises_nothing(exporter: Exporter, caplog: pytest.LogCaptureFixture) -> None:
    """`export` returns FAILURE for an argument that is not a sequence, and logs that once."""
    assert [SpanExportResult.FAILURE] * 2 == [exporter.export(None), exporter.export(7)]  # type: ignore[arg-type]
    assert 1 == len([record for record in caplog.records if record.levelno == logging.ERROR])


@pytest.mark.parametrize("wrong", [None, "soon", float("nan"), -1, _Hostile()])
def test_a_wrong_time_out_raises_nothing(exporter: Exporter, wrong: Any) -> None:
    """`force_flush` and `shutdown` accept any timeout, because the SDK calls them in its own threads and exit handlers."""
    assert exporter.force_flush(wrong) in (True, False)
    exporter.shutdown(wrong)


@pytest.mark.parametrize("as_made", [True, False])
def test_a_database_of_the_services_name_is_called_by_its_system(exporter: Exporter, sender: FakeSender, as_made: bool) -> None:
    """The direct encoder and the codec both name such a database by its system: otherwise an arrow would lead back to the service."""
    attributes = {"db.system": "postgresql", "db.name": "SHOP"}
    links = () if as_made else [Link(_context(7, 8))]
    other = Resource({"service.name": "bank"})
    spans = [_made(kind=SpanKind.CLIENT, attributes=attributes, resource=each, links=links) for each in (SHOP, other)]
    spans += [_span(kind=SpanKind.CLIENT, attributes=attributes)]

    assert ["postgresql", "shop", "postgresql"] == [
        span.remote.service_name for span in _sent(sender, exporter, *spans) if span.remote
    ]


# Delivery


def test_export_answers_failure_where_the_queue_is_full(sender: FakeSender) -> None:
    """`export` returns FAILURE if the queue is full, and the spans that do not fit are dropped and counted as `full`."""
    exporter = Exporter(sender=sender, max_queued_spans=2, flush_interval=60)
    sender.error = SendError("down", retryable=True)
    results = [exporter.export([_span()] * 2000) for _ in range(3)]

    assert SpanExportResult.FAILURE is results[-1]
    assert exporter.stats.dropped["full"] > 0
    sender.error = None
    exporter.shutdown()


def test_export_answers_failure_after_shutdown(exporter: Exporter, sender: FakeSender) -> None:
    """Spans exported after `shutdown` are dropped and counted as `closed`, and a second `shutdown` does nothing."""
    exporter.export([_span()])
    exporter.shutdown()
    exporter.shutdown()

    assert SpanExportResult.FAILURE is exporter.export([_span()])
    assert (1, 1) == (exporter.stats.sent, exporter.stats.dropped["closed"])
    assert 1 == len(sender.bodies)


def test_force_flush_says_whether_all_was_accepted(sender: FakeSender) -> None:
    """`force_flush` returns whether every span was accepted in time, and the same bytes are sent when the collector is back."""
    exporter = Exporter(sender=sender)
    sender.error = SendError("down", retryable=True)
    exporter.export([_span()])

    assert not exporter.force_flush(50)
    sender.error = None
    assert exporter.force_flush(10_000)
    exporter.shutdown()


def test_shutdown_says_what_was_lost(sender: FakeSender, caplog: pytest.LogCaptureFixture) -> None:
    """After `exit_stall_timeout` without an accepted message, `shutdown` logs the number of lost spans in one line."""
    exporter = Exporter(sender=sender, exit_stall_timeout=0.05)
    sender.error = SendError("down", retryable=True)
    exporter.export([_span()] * 3)
    exporter.shutdown()

    assert "3 spans were not accepted before the exporter was shut down and are lost" in caplog.text
    deadline = time.monotonic() + 20
    while exporter.stats.in_flight and time.monotonic() < deadline:  # the thread still has to count its own spans
        time.sleep(0.01)
    assert 3 == exporter.stats.dropped["closed"]


def test_every_shutdown_waits_for_what_is_being_sent(sender: FakeSender) -> None:
    """A second `shutdown` waits while another thread's is sending, because its caller may leave by `os._exit`."""
    exporter, is_sending, may_go_on = Exporter(sender=sender), threading.Event(), threading.Event()
    send = sender.send

    def slow(body: bytes, *args: Any, **given: Any) -> Any:
        is_sending.set()
        may_go_on.wait(20)
        return send(body, *args, **given)

    sender.send = slow  # type: ignore[method-assign]
    exporter.export([_span()])
    first = threading.Thread(target=exporter.shutdown)
    first.start()
    assert is_sending.wait(20)
    sent: list[int] = []
    second = threading.Thread(target=lambda: (exporter.shutdown(), sent.append(exporter.stats.sent)))
    second.start()
    second.join(0.05)
    may_go_on.set()
    first.join(20)
    second.join(20)

    assert [1] == sent


def test_handlers_see_the_spans(sender: FakeSender) -> None:
    """A handler may change and drop spans of an exporter, as it may with a tracer's."""

    def handle(span: FinishedSpan) -> FinishedSpan | None:
        span.tags["seen"] = 7  # type: ignore[assignment]
        return None if span.name == "secret" else span

    exporter = Exporter(sender=sender, handlers=[handle])
    exporter.export([_span(), _span(name="secret")])
    exporter.force_flush()
    [body] = sender.bodies
    exporter.shutdown()

    assert ["7"] == [span.tags["seen"] for span in json_v2.decode(body)]
    assert 1 == exporter.stats.dropped["handler"]


def test_behind_the_sdks_batch_processor_all_spans_arrive(exporter: Exporter, sender: FakeSender) -> None:
    """All spans arrive if the SDK's provider flushes and shuts the exporter down, as in an application."""
    provider = TracerProvider(resource=SHOP, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("scope")
    for number in range(1000):
        tracer.start_span(str(number)).end()
    assert provider.force_flush()
    tracer.start_span("last").end()
    provider.shutdown()

    assert {*map(str, range(1000)), "last"} == {span.name for body in sender.bodies for span in json_v2.decode(body)}


@pytest.mark.parametrize("encoding", ["json", "proto3"])
def test_an_exporter_that_nobody_holds_ends(sender: FakeSender, encoding: str) -> None:
    """If no reference to an exporter is left, its reporter sends the waiting spans and its thread ends."""
    exporter = Exporter(sender=sender, encoding=encoding)
    exporter.export([_span()])
    reporter, held = exporter._reporter, weakref.ref(exporter)
    del exporter
    deadline = time.monotonic() + 20
    while (held() is not None or reporter._worker.is_started) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)

    assert (None, True, False) == (held(), reporter.is_closed, reporter._worker.is_started)
    assert 1 == len(sender.bodies)


def test_waiting_spans_are_weighed(sender: FakeSender) -> None:
    """Attributes and events count for `max_queued_bytes`, and an object that is not a span has no additional weight."""
    from opentracing_zipkin.otel.exporter import _Exported
    from opentracing_zipkin.reporter.weight import SPAN_BYTES, weight_of

    def weight(span: Any) -> int:
        item = _Exported()
        item._span = span
        return weight_of(item)

    light, heavy = _span(), _made(attributes={"a": "x" * 5000}, act=lambda span: span.add_event("e", {"b": "y" * 5000}))

    assert weight(heavy) - weight(light) > 10_000
    assert weight(None) < SPAN_BYTES + 200


class _Heavy:
    def __sizeof__(self) -> int:
        raise RuntimeError("no size")


class _Leaving:
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("kind", [_Heavy, _Leaving])
def test_a_value_that_cannot_be_weighed_stops_nothing(exporter: Exporter, sender: FakeSender, kind: Any) -> None:
    """Spans beside one whose value cannot be weighed are sent, also later ones."""
    odd = _made(act=lambda span: span.add_event("e", {"a": 1}))
    odd._attributes._dict["b"] = _Heavy()  # type: ignore[union-attr]
    odd._events[0]._attributes = {"a": kind()}
    exporter.export([odd, _span()])
    exporter.force_flush()
    exporter.export([_span()])

    assert exporter.force_flush() or kind is _Leaving
    assert exporter.stats.sent >= 2


def test_an_unknown_setting_is_a_type_error() -> None:
    """An unknown setting raises TypeError with the probable name; a wrong value raises ValueError."""
    with pytest.raises(TypeError, match="did you mean 'endpoint'"):
        Exporter(endpiont="http://localhost:9411")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="flush_interval"):
        Exporter(flush_interval=-1)
    with pytest.raises(ValueError, match="debug"):
        Exporter(debug="yes")  # type: ignore[arg-type]


def test_its_repr_says_where_spans_go() -> None:
    """The repr of an exporter shows the collector's host but no password."""
    exporter = Exporter(endpoint="http://user:secret@collector.example:9411")

    assert "collector.example" in repr(exporter)
    assert "secret" not in repr(exporter)
    exporter.shutdown()


@pytest.mark.parametrize("encoding", ["json", "proto3"])
def test_secrets_are_masked_where_that_is_set(encoding: str) -> None:
    """With `redact=True` secrets are masked in every encoding, also in JSON, which is otherwise written without the handlers."""
    exporter = Exporter(sender=(sender := FakeSender()), encoding=encoding, redact=True)
    exporter.export([_span(attributes={"url.full": "https://h/?token=hunter2", "password": "hunter2"})])
    exporter.shutdown()

    assert 1 == len(sender.bodies)
    assert b"hunter2" not in sender.bodies[0]
    assert b"***" in sender.bodies[0]
