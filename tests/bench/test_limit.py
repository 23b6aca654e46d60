"""The least possible tracer delivers correct spans; otherwise a comparison with it would be worthless."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench.adapters import limit, limit_tracer
from bench.adapters.limit_codec import Address
from bench.adapters.opentracing_work import HTTP_HEADERS, WORK
from bench.adapters.ours import Adapter as Ours
from bench.samples import HEADERS, MESSAGE_SPANS, RICH_SPANS
from bench.sink import Sink
from opentracing_zipkin.reporter.reporter import MIN_WAKE_SPANS


class Delivery:
    """A tracer of the limit, and the sink that it reports to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.tracer = limit_tracer.Tracer("bench", f"http://127.0.0.1:{sink.port}")

    def spans(self) -> list[dict[str, Any]]:
        self.tracer.flush()
        return [span for body in self._sink.bodies for span in json.loads(body)]


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    sink = Sink(keep=True)
    yield Delivery(sink)
    sink.close()


def test_a_root_span_arrives_with_its_tags_and_times(delivery: Delivery) -> None:
    """A root span has a 128-bit trace id, whose low half is the span id, the tags, and the time when it was made."""
    before_us = time.time_ns() // 1000
    WORK["root"](delivery.tracer)()
    after_us = time.time_ns() // 1000
    (span,) = delivery.spans()

    assert 32 == len(span["traceId"])
    assert span["traceId"].endswith(span["id"])
    assert "parentId" not in span
    assert "get" == span["name"]
    assert {"http.method": "GET", "http.path": "/orders"} == span["tags"]
    assert {"serviceName": "bench", "ipv4": "127.0.0.1"} == span["localEndpoint"]
    assert before_us <= span["timestamp"] <= after_us
    assert 1 <= span["duration"] <= after_us - before_us + 1


def test_an_active_span_is_the_parent_of_what_starts_inside_it(delivery: Delivery) -> None:
    """A span without a given parent is a child of the active span inside a scope, and a root after it."""
    with delivery.tracer.start_active_span("outer"):
        delivery.tracer.start_span("inner").finish()
    delivery.tracer.start_span("after").finish()
    spans = {span["name"]: span for span in delivery.spans()}

    assert spans["outer"]["id"] == spans["inner"]["parentId"]
    assert spans["outer"]["traceId"] == spans["inner"]["traceId"] != spans["after"]["traceId"]
    assert "parentId" not in spans["after"]


def test_a_request_is_a_server_span_on_the_callers_id_and_a_client_child(delivery: Delivery) -> None:
    """The server's span shares the caller's ids, and the client's span is a child of it."""
    WORK["request"](delivery.tracer)()
    client, server = delivery.spans()

    assert (HEADERS["x-b3-traceid"], HEADERS["x-b3-spanid"]) == (server["traceId"], server["id"])
    assert HEADERS["x-b3-parentspanid"] == server["parentId"]
    assert ("SERVER", True) == (server["kind"], server["shared"])
    assert {"http.method": "GET", "http.path": "/orders"} == server["tags"]
    assert (HEADERS["x-b3-traceid"], HEADERS["x-b3-spanid"]) == (client["traceId"], client["parentId"])
    assert "CLIENT" == client["kind"]
    assert "shared" not in client


def test_a_span_is_delivered_once_however_often_it_is_finished(delivery: Delivery) -> None:
    """A second `finish` does nothing, and a tag that is not text is delivered as text."""
    span = delivery.tracer.start_span("once", tags={"attempt": 1})
    span.finish()
    span.finish()

    assert [{"attempt": "1"}] == [span["tags"] for span in delivery.spans()]


def test_a_full_queue_drops_the_newest_and_counts_it(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that does not fit into the queue is dropped and counted."""
    monkeypatch.setattr(limit_tracer, "MAX_QUEUED_SPANS", 0)
    delivery.tracer.start_span("late").finish()

    assert 1 == delivery.tracer.dropped
    assert [] == delivery.spans()


def test_an_unsampled_span_is_propagated_and_not_delivered(delivery: Delivery) -> None:
    """A denied trace is propagated with its id and its decision, and no span of it is sent."""
    context = delivery.tracer.extract(HTTP_HEADERS, {**HEADERS, "x-b3-sampled": "0"})
    span = delivery.tracer.start_span("denied", child_of=context)
    headers: dict[str, str] = {}
    delivery.tracer.inject(span.context, HTTP_HEADERS, headers)
    span.finish()

    assert (HEADERS["x-b3-traceid"], "0") == (headers["x-b3-traceid"], headers["x-b3-sampled"])
    assert HEADERS["x-b3-spanid"] == headers["x-b3-parentspanid"]
    assert [] == delivery.spans()


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-b3-traceid": "463ac35c9f6413ad48485a3953bb612"},
        {"x-b3-traceid": "g63ac35c9f6413ad48485a3953bb6124"},
        {"x-b3-spanid": "a2fb4a1d 1a96d312"},
        {"x-b3-parentspanid": "00200000000000"},
    ],
)
def test_headers_that_are_no_ids_give_no_context(wrong: dict[str, str]) -> None:
    """Ids are accepted only if they are hexadecimal and have the length of ids."""
    tracer = object.__new__(limit_tracer.Tracer)

    assert tracer.extract(HTTP_HEADERS, {**HEADERS, **wrong}) is None


def test_attributes_travel_on() -> None:
    """Headers with the prefix of attributes are found in any case, and injected again."""
    tracer = object.__new__(limit_tracer.Tracer)
    context = tracer.extract(HTTP_HEADERS, {**HEADERS, "OT-Baggage-User": "7"})
    headers: dict[str, str] = {}
    tracer.inject(context, HTTP_HEADERS, headers)

    assert "7" == headers["OT-Baggage-User"]


@pytest.mark.parametrize("task", ["encode_json", "encode_thrift", "encode_proto3"])
def test_a_rich_span_is_encoded_as_ours_is(task: str) -> None:
    """Both encoders write the same bytes, so that their speed can be compared."""
    message = limit.MESSAGES[task]
    encoded = message(limit.recorded_spans(), Address(*RICH_SPANS[0].local))

    assert Ours().work(task, "")() == encoded


def test_every_tracer_may_put_as_many_spans_into_a_message_as_ours() -> None:
    """All tracers have the same limit of spans in a message: messages have fixed costs, so a lower limit would be unfair."""
    assert MIN_WAKE_SPANS == MESSAGE_SPANS
