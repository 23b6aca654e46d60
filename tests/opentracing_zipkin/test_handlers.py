"""Span handlers: functions that see each span on the reporter's thread before it is sent."""

from __future__ import annotations

import json
import logging
import math
import threading
from typing import Any

import numpy
import pytest

from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinTracer
from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.reporter.sendable import Unsendable, make_sendable
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

from ..contract.hostile import VALUES
from .codec.readers import reader_named

DELETED = object()


class Unshown:
    def __str__(self) -> str:
        raise RuntimeError("no")


def run(*handlers: Any, names: tuple[str, ...] = ("a", "b", "c")) -> tuple[ZipkinTracer, list[dict[str, Any]]]:
    """Run the work with a tracer, and return the tracer and the spans that arrived."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, handlers=handlers)
    for name in names:
        tracer.start_trace(name).finish()
    tracer.flush(5)
    tracer.close().result(5)
    return tracer, [span for body in sender.bodies for span in json.loads(body)]


def test_handlers_change_spans_in_turn() -> None:
    """Handlers run in order, outside the application's threads, and one may return another span."""

    def redact(span: FinishedSpan) -> FinishedSpan:
        assert "zipkin-reporter" == threading.current_thread().name
        span.tags["card"] = "***"
        return span

    def rename(span: FinishedSpan) -> FinishedSpan:
        return FinishedSpan(span.trace_id, span.span_id, name=span.name * 2, tags=span.tags)

    tracer, sent = run(redact, rename)

    assert [("aa", "***"), ("bb", "***"), ("cc", "***")] == [(span["name"], span["tags"]["card"]) for span in sent]
    assert (3, 3) == (tracer.stats.finished, tracer.stats.sent)


def test_a_span_for_which_a_handler_returns_none_is_dropped_and_counted() -> None:
    """The handlers after one that returns None do not see the span."""
    seen = []

    def keep_all_but_b(span: FinishedSpan) -> FinishedSpan | None:
        return None if span.name == "b" else span

    def look(span: FinishedSpan) -> FinishedSpan:
        seen.append(span.name)
        return span

    tracer, sent = run(keep_all_but_b, look)

    assert ["a", "c"] == [span["name"] for span in sent] == seen
    assert (3, 2, 1) == (tracer.stats.finished, tracer.stats.sent, tracer.stats.dropped["handler"])


def test_a_span_whose_handler_fails_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    """A span whose handler fails is dropped, as it may hold what the handler should remove; one traceback is logged."""

    def fail(span: FinishedSpan) -> FinishedSpan:
        if span.name != "a":
            raise KeyError("card")
        return span

    with caplog.at_level(logging.WARNING):
        tracer, sent = run(fail)

    assert ["a"] == [span["name"] for span in sent]
    assert 2 == tracer.stats.dropped["handler"]
    [record] = caplog.records
    assert "the span is dropped" in record.getMessage()
    assert record.exc_info is not None


def test_a_span_that_a_handler_spoils_costs_only_itself() -> None:
    """One spoilt span is dropped alone, and no handler sees a span twice."""
    seen = []

    def spoil(span: FinishedSpan) -> Any:
        seen.append(span.name)
        return "no span" if span.name == "b" else span

    tracer, sent = run(spoil)

    assert ["a", "c"] == [span["name"] for span in sent]
    assert ["a", "b", "c"] == seen
    assert (2, 1) == (tracer.stats.sent, tracer.stats.dropped["handler"])


SPOILT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "number as a tag": ({"tags": {"n": 5}}, {"tags": {"n": "5"}}),
    "tags of any kind": (
        {"tags": {1: True, "none": None, "list": [1], b"k": b"v", "error": False}},
        {"tags": {"1": "true", "list": "[1]", "k": "v"}},
    ),
    "tag that cannot be shown": ({"tags": {"k": Unshown()}}, {"tags": {"k": "<Unshown: RuntimeError in its conversion to text>"}}),
    "tags as pairs": ({"tags": [("k", 1), 3]}, {"tags": {"k": "1"}}),
    "tags none": ({"tags": None}, {"tags": None}),
    "tags deleted": ({"tags": DELETED}, {"tags": None}),
    "text as tags": ({"tags": "x"}, {"tags": None}),
    "times in floats": ({"timestamp_us": 1.5e15, "duration_us": 2.9}, {"timestamp": 1_500_000_000_000_000, "duration": 2}),
    "times of numpy": ({"timestamp_us": numpy.int64(5), "duration_us": numpy.float64(7)}, {"timestamp": 5, "duration": 7}),
    "times none": ({"timestamp_us": None, "duration_us": None}, {"timestamp": None, "duration": None}),
    "times odd": ({"timestamp_us": math.nan, "duration_us": "soon"}, {"timestamp": None, "duration": None}),
    "times beyond all": ({"timestamp_us": 10**30, "duration_us": -(10**30)}, {"timestamp": (1 << 63) - 1, "duration": None}),
    "annotations none": ({"annotations": None}, {"annotations": None}),
    "annotations odd": (
        {"annotations": ([1.0, "list"], (2, 5), "text", (3,), (4, None)), "timestamp_us": 1},
        {"annotations": [{"timestamp": 1, "value": "list"}, {"timestamp": 2, "value": "5"}, {"timestamp": 4, "value": "None"}]},
    ),
    "annotation without time": (
        {"annotations": [(None, "a")], "timestamp_us": 9},
        {"annotations": [{"timestamp": 9, "value": "a"}]},
    ),
    "name of a number": ({"name": 5}, {"name": "5"}),
    "name none": ({"name": None}, {"name": None}),
    "name of bytes": ({"name": b"GET"}, {"name": "get"}),
    "kind in lower case": ({"kind": "client"}, {"kind": "CLIENT"}),
    "kind unknown": ({"kind": "neither"}, {"kind": None}),
    "kind of a number": ({"kind": 5}, {"kind": None}),
    "remote as a name": ({"remote": " Redis "}, {"remoteEndpoint": {"serviceName": "redis"}}),
    "remote as a tuple": ({"remote": ("db", "10.0.0.1")}, {"remoteEndpoint": {"serviceName": "db", "ipv4": "10.0.0.1"}}),
    "remote as a dict": ({"remote": {"service_name": "db", "port": 80.0}}, {"remoteEndpoint": {"serviceName": "db", "port": 80}}),
    "remote with odd fields": (
        {"remote": Endpoint(5, "no address", None, -1)},  # type: ignore[arg-type]
        {"remoteEndpoint": {"serviceName": "5"}},
    ),
    "remote empty": ({"remote": ""}, {"remoteEndpoint": None}),
    "ids in numbers": ({"trace_id": 10, "span_id": 11, "parent_id": 12}, {"traceId": "0" * 15 + "a", "id": "0" * 15 + "b", "parentId": "0" * 15 + "c"}),
    "ids in capitals": ({"trace_id": "A" * 32, "span_id": "B" * 16}, {"traceId": "a" * 32, "id": "b" * 16}),
    "ids that are short": ({"trace_id": "a" * 20, "span_id": "b"}, {"traceId": "0" * 12 + "a" * 20, "id": "0" * 15 + "b"}),
    "parent odd": ({"parent_id": object()}, {"parentId": None}),
    "parent itself": ({"span_id": "b" * 16, "parent_id": "b" * 16}, {"parentId": None}),
    "flags odd": ({"debug": 1, "shared": "yes"}, {"debug": True, "shared": True}),
    "flags without truth": ({"debug": numpy.array([1, 2]), "shared": None}, {"debug": None, "shared": None}),
}  # fmt: skip


def left(fields: dict[str, Any]) -> Any:
    """A handler that sets these fields of the span `b`."""

    def handler(span: FinishedSpan) -> FinishedSpan:
        for name, value in fields.items() if span.name == "b" else ():
            delattr(span, name) if value is DELETED else setattr(span, name, value)
        return span

    return handler


@pytest.mark.parametrize("name", SPOILT)
def test_what_a_handler_leaves_is_made_sendable(name: str) -> None:
    """A number becomes its text, a float a whole number, a name an endpoint; a meaningless value is left out."""
    fields, expected = SPOILT[name]
    tracer, sent = run(left(fields))

    assert (3, 3) == (tracer.stats.finished, tracer.stats.sent)
    assert expected == {key: sent[1].get(key) for key in expected}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("field", FinishedSpan.__slots__)
def test_whatever_a_handler_leaves_no_other_span_is_lost(field: str, encoding: str) -> None:
    """Only a span whose ids cannot be read is dropped, with the cause "handler"."""
    codec = encoder_named(encoding)
    for make in VALUES.values():
        span = FinishedSpan("a" * 16, "b" * 16, timestamp_us=1, duration_us=1)
        setattr(span, field, make())
        try:
            sendable = make_sendable(span)
        except Unsendable:
            assert field in ("trace_id", "span_id")
            continue

        assert 1 == len(reader_named(encoding)(codec.join([codec.encode(sendable)])))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": "odd"}, "a handler left the trace_id 'odd', which is no id of at most 32 hexadecimal digits; the span is dropped"),
        ({"trace_id": 0}, "the trace_id '0'"),
        ({"span_id": None}, "the span_id 'None'"),
        ({"span_id": "a" * 17}, "the span_id 'aaaaaaaaaaaaaaaaa', which is no id of at most 16"),
        ({"span_id": DELETED}, "the span_id 'None'"),
    ],
)  # fmt: skip
def test_a_span_that_cannot_be_sent_is_dropped_and_said_in_one_line(
    fields: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An unsendable span is dropped with the cause "handler"; the first is logged with the reason."""
    tracer, sent = run(left(fields), names=("a", "b", "b", "c"))

    assert ["a", "c"] == [span["name"] for span in sent]
    assert (2, 2) == (tracer.stats.sent, tracer.stats.dropped["handler"])
    [record] = caplog.records
    assert reason in record.getMessage()
    assert "\n" not in record.getMessage()
    assert not record.exc_info


@pytest.mark.parametrize("handlers", [[3], print, "abc"])
def test_handlers_are_a_list_of_functions(handlers: Any) -> None:
    """Wrong handlers raise ValueError with the remedy; a recorder in code excludes handlers."""
    with pytest.raises(ValueError, match=r"handlers is .*; use a list of functions"):
        ZipkinTracer("service", handlers=handlers)
    with pytest.raises(ValueError, match="recorder excludes handlers; give it to the recorder"):
        ZipkinTracer("service", recorder=InMemoryRecorder(), handlers=[print])
