"""The demo's three processes on the real Zipkin server, in JSON and in Thrift, as the server's query API shows them."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest

from opentracing_zipkin.demo.visits import VISITS, SpanKey, key_of
from opentracing_zipkin.model import Endpoint
from opentracing_zipkin.process import local_address

from .demo_run import DemoRun, Json

GOOD, DECLINED = "Ada buys a teapot", "Bob's card is declined"

CHECKOUT = SpanKey("frontend", "SERVER", "post /checkout")
CART = SpanKey("frontend", "", "read the cart")
ORDER_CALL = SpanKey("frontend", "CLIENT", "post /orders")
ORDER = SpanKey("orders", "SERVER", "post /orders")
RESERVE = SpanKey("orders", "", "reserve the item")
CHARGE_CALL = SpanKey("orders", "CLIENT", "post /charge")
CHARGE = SpanKey("payment", "SERVER", "post /charge")
BANK = SpanKey("payment", "", "ask the bank")

NO_ANSWER = "CallFailed: payment answered 402 Payment Required"


class Stored(NamedTuple):
    """The stored content of a span, besides ids and times.  `above` is the span whose id is the parent id."""

    above: SpanKey | None
    shared: bool
    remote: str | None  # the other side's service name
    tags: dict[str, str]
    annotations: list[str]


# The whole of the failing trace.  Ports are left out of the URLs.
FAILING = {
    CHECKOUT: Stored(
        None,
        False,
        None,
        {
            "http.url": "http://127.0.0.1/checkout",
            "http.status_code": "502",
            "error": "checkout failed: orders answered 502 Bad Gateway",
        },
        ["checkout failed: orders answered 502 Bad Gateway"],
    ),
    CART: Stored(CHECKOUT, False, None, {}, ["1 item in the cart of Bob"]),
    ORDER_CALL: Stored(
        CHECKOUT,
        False,
        "orders",
        {
            "http.url": "http://127.0.0.1/orders",
            "http.status_code": "502",
            "error": "CallFailed: orders answered 502 Bad Gateway",
        },
        [],
    ),
    ORDER: Stored(CHECKOUT, True, "frontend", {"http.url": "http://127.0.0.1/orders", "error": NO_ANSWER}, []),
    RESERVE: Stored(ORDER, False, None, {"item": "samovar"}, ["reserved samovar"]),
    CHARGE_CALL: Stored(
        ORDER,
        False,
        "payment",
        {"http.url": "http://127.0.0.1/charge", "http.status_code": "402", "error": NO_ANSWER},
        [],
    ),
    CHARGE: Stored(
        ORDER,
        True,
        "orders",
        {
            "http.url": "http://127.0.0.1/charge",
            "customer": "Bob",
            "amount": "149.00",
            "error": "CardDeclined: insufficient funds",
        },
        [],
    ),
    BANK: Stored(CHARGE, False, None, {}, ["card number sent", "the bank said no"]),
}


def by_key(spans: list[Json]) -> dict[SpanKey, Json]:
    return {key_of(span): span for span in spans}


def stored(span: Json, spans: dict[SpanKey, Json]) -> Stored:
    """A span of the server in the form of the table above; KeyError if no span has its parent id."""
    # A shared id belongs to two spans; the tables name the server's side, which has the children.
    owners = {other["id"]: key for key, other in sorted(spans.items(), key=lambda item: bool(item[1].get("shared")))}
    parent_id = span.get("parentId")
    tags = {key: re.sub(r":\d+/", "/", value) for key, value in span.get("tags", {}).items()}
    return Stored(
        None if parent_id is None else owners[parent_id],
        span.get("shared", False),
        span.get("remoteEndpoint", {}).get("serviceName"),
        tags,
        [annotation["value"] for annotation in span.get("annotations", [])],
    )


def test_the_demo_succeeds_in_silence(demo: DemoRun) -> None:
    """The demo's exit status is 0, and standard error names only the written file."""
    assert (0, f"wrote {demo.written}\n") == (demo.status, demo.errors), demo.output


def test_every_span_of_every_request_is_stored_once(demo: DemoRun) -> None:
    """The server has the spans that each request makes, no more and no fewer, under one 128-bit trace id each."""
    for visit in VISITS:
        spans = demo.traces[visit.title]

        assert sorted(visit.spans) == sorted(key_of(span) for span in spans)
        assert {demo.trace_ids[visit.title]} == {span["traceId"] for span in spans}


@pytest.mark.parametrize("key", FAILING, ids=lambda key: f"{key.service}-{key.kind.lower() or 'local'}")
def test_a_span_is_stored_whole(demo: DemoRun, key: SpanKey) -> None:
    """Parent, shared flag, remote service, tags, annotations and error arrive as the application gave them."""
    spans = by_key(demo.traces[DECLINED])

    assert FAILING[key] == stored(spans[key], spans)


def test_the_two_sides_of_a_call_share_an_id(demo: DemoRun) -> None:
    """A client's span and the server's span that joined it have one id; all others have separate ids."""
    spans = by_key(demo.traces[DECLINED])

    assert spans[ORDER_CALL]["id"] == spans[ORDER]["id"]
    assert spans[CHARGE_CALL]["id"] == spans[CHARGE]["id"]
    assert len(spans) - 2 == len({span["id"] for span in spans.values()})


def test_both_sides_of_a_call_have_addresses(demo: DemoRun) -> None:
    """Every span has its own address, and the two sides of a call have each other's address and port."""
    spans = by_key(demo.traces[GOOD])
    remotes: list[Any] = [spans[key]["remoteEndpoint"] for key in (CHECKOUT, ORDER_CALL, ORDER, CHARGE_CALL, CHARGE)]

    here = local_address.with_address("http://localhost", Endpoint())
    assert {(here.ipv4, here.ipv6)} == {
        (local.get("ipv4", ""), local.get("ipv6", "")) for local in (span["localEndpoint"] for span in spans.values())
    }
    assert {"127.0.0.1"} == {remote["ipv4"] for remote in remotes}
    assert all(0 < remote["port"] < 65536 for remote in remotes)


def test_a_span_lies_within_its_parent(demo: DemoRun) -> None:
    """A span that was made on behalf of another lies within it, across processes as well."""
    for spans in map(by_key, demo.traces.values()):
        for span in spans.values():
            above = stored(span, spans).above
            if above is not None:
                begin, end = spans[above]["timestamp"], spans[above]["timestamp"] + spans[above]["duration"]

                assert begin <= span["timestamp"] <= span["timestamp"] + span["duration"] <= end


def test_a_good_request_has_no_error(demo: DemoRun) -> None:
    """No span of a successful request has an `error` tag, because its presence marks a failure."""
    assert [] == [key_of(span) for span in demo.traces[GOOD] if "error" in span.get("tags", {})]


def test_the_dependency_graph_has_the_application_s_calls(demo: DemoRun) -> None:
    """frontend called orders three times and orders payment twice, each failed once, and there are no other calls."""
    assert {("frontend", "orders"): (3, 1), ("orders", "payment"): (2, 1)} == demo.links


def test_the_encoding_is_the_one_asked_for(demo: DemoRun) -> None:
    """Each encoding goes to the path of its version, and by the server's count every service's message was accepted."""
    path = {"json_v1": "/api/v1/spans", "thrift": "/api/v1/spans"}.get(demo.encoding, "/api/v2/spans")
    posts = dict(demo.posts)
    probe = {"/api/v2/spans": 1}  # the demo asks first whether a server is there

    assert 3 <= posts[path] - probe.get(path, 0)
    assert {path, *probe} == posts.keys()


def test_the_written_spans_are_the_server_s(demo: DemoRun) -> None:
    """`--output` writes the spans of all traces, in the order of the requests, as the JSON v2 that the server gave."""
    stored_spans = [span for visit in VISITS for span in demo.traces[visit.title]]

    assert stored_spans == json.loads(demo.written.read_text())
