"""Joining, kinds and endpoints: when a span shares its caller's id, its local endpoint and its remote one."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinContext, ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"
SAMPLED = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT, "x-b3-sampled": "1"}
DEFERRED = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT}


def make(**settings: Any) -> tuple[ZipkinTracer, InMemoryRecorder]:
    recorder = InMemoryRecorder()
    return ZipkinTracer("Service", recorder=recorder, **settings), recorder


def finished(span: Any, recorder: InMemoryRecorder) -> FinishedSpan:
    span.finish()
    return recorder.spans[-1]


def test_joining_shares_the_clients_span_id() -> None:
    """A joined span has the same trace id, span id and parent id, is of kind SERVER, and is marked as shared."""
    tracer, recorder = make()
    span = finished(tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, SAMPLED)), recorder)

    assert (TRACE, SPAN, PARENT, "SERVER", True) == (span.trace_id, span.span_id, span.parent_id, span.kind, span.shared)


def test_start_span_with_the_servers_kind_joins_too() -> None:
    """`start_span(child_of=ctx, tags={"span.kind": "server"})` follows the same rules, in either spelling."""
    for kind in ("server", "s", "SERVER"):
        tracer, recorder = make()
        context = tracer.extract(Format.HTTP_HEADERS, SAMPLED)
        span = finished(tracer.start_span("get", child_of=context, tags={"span.kind": kind}), recorder)

        assert (SPAN, "SERVER", True) == (span.span_id, span.kind, span.shared)


def test_a_second_join_of_one_context_makes_a_child() -> None:
    """A second join makes a child, because two spans of one process never have the same id."""
    tracer, recorder = make()
    context = tracer.extract(Format.HTTP_HEADERS, SAMPLED)
    tracer.join_trace("first", context)
    span = finished(tracer.join_trace("second", context), recorder)

    assert (TRACE, SPAN, "SERVER", False) == (span.trace_id, span.parent_id, span.kind, span.shared)
    assert SPAN != span.span_id


@pytest.mark.parametrize("headers", [SAMPLED, DEFERRED, {**SAMPLED, "x-b3-sampled": "0"}])
@pytest.mark.parametrize("first_is", ["open", "finished"])
def test_a_request_that_is_extracted_twice_is_joined_once(headers: dict[str, str], first_is: str) -> None:
    """If two middlewares or a retry join a request again, the second span is a child of the first."""
    tracer, _ = make()
    first, second, third = (
        tracer.extract(Format.HTTP_HEADERS, headers),
        tracer.extract(Format.TEXT_MAP, dict(headers)),
        tracer.extract(Format.BINARY, b"-".join([TRACE.encode(), SPAN.encode()])),
    )
    outer = tracer.join_trace("outer", first)
    if first_is == "finished":
        outer.finish()
    inner = tracer.start_span("inner", child_of=second, tags={"span.kind": "server"})
    last = tracer.join_trace("retry", third)

    assert (SPAN, PARENT) == (outer.context.span_id, outer.context.parent_id)
    assert 3 == len({span.context.span_id for span in (outer, inner, last)})
    for span in (inner, last):
        assert (TRACE, SPAN, False) == (span.context.trace_id, span.context.parent_id, span.context.shared)


def test_a_service_that_calls_itself_joins_its_own_call() -> None:
    """A service joins its own call, because its client span is open there; a retry gets another span."""
    tracer, recorder = make()
    client = tracer.start_trace("page").start_child("call", {"span.kind": "client"})
    for retry in range(2):
        headers: dict[str, str] = {}
        tracer.inject(client.context, Format.HTTP_HEADERS, headers)
        server = finished(tracer.join_trace("called", tracer.extract(Format.HTTP_HEADERS, headers)), recorder)

        assert (client.context.span_id, not retry) == (server.parent_id if retry else server.span_id, server.shared)


def test_two_traces_may_have_equal_span_ids() -> None:
    """A join is identified by trace id and span id together."""
    tracer, recorder = make()
    for trace_id in (TRACE, TRACE[16:], "1" * 16):
        headers = {**SAMPLED, "x-b3-traceid": trace_id}
        span = finished(tracer.join_trace("x", tracer.extract(Format.HTTP_HEADERS, headers)), recorder)

        assert (trace_id, SPAN, True) == (span.trace_id, span.span_id, span.shared)


def test_each_tracer_remembers_its_own_joins() -> None:
    """Two services in one process do not share their joins."""
    for tracer, recorder in (make(), make()):
        assert True is finished(tracer.join_trace("x", tracer.extract(Format.HTTP_HEADERS, SAMPLED)), recorder).shared


@pytest.mark.parametrize("kind", ["client", "consumer", "producer", None])
def test_only_a_server_shares(kind: str | None) -> None:
    """A consumer, a producer, a client and a kindless span get a separate id."""
    tracer, recorder = make()
    context = tracer.extract(Format.HTTP_HEADERS, SAMPLED)
    span = finished(tracer.start_span("x", child_of=context, tags={"span.kind": kind} if kind else None), recorder)

    assert (SPAN, False) == (span.parent_id, span.shared)
    assert SPAN != span.span_id


def test_a_local_parent_is_never_shared() -> None:
    """A local parent is never shared, whatever the kind."""
    tracer, recorder = make()
    parent = tracer.start_trace("parent")
    span = finished(tracer.join_trace("x", parent.context), recorder)

    assert (parent.context.span_id, "SERVER", False) == (span.parent_id, span.kind, span.shared)


def test_shared_spans_can_be_turned_off() -> None:
    """Without shared spans a server's span is a child of the client's."""
    tracer, recorder = make(shared_spans=False)
    span = finished(tracer.join_trace("x", tracer.extract(Format.HTTP_HEADERS, SAMPLED)), recorder)

    assert (SPAN, False) == (span.parent_id, span.shared)


def test_a_deferred_decision_is_made_here_and_the_id_is_ours() -> None:
    """The span has the same id and is not shared, because the caller does not report it."""
    tracer, recorder = make()
    context = tracer.extract(Format.HTTP_HEADERS, DEFERRED)

    assert context is not None
    assert context.sampled is None
    span = finished(tracer.join_trace("x", context), recorder)
    assert (SPAN, PARENT, False) == (span.span_id, span.parent_id, span.shared)
    assert True is context.sampled


def test_a_deferred_context_is_decided_once() -> None:
    """If a context is extracted or joined twice, the first answer stays, even if the sampler's answer changes."""
    answers = [True, False, False]
    tracer, _ = make(sampler=lambda trace_id: answers.pop(0))
    for _ in range(3):
        context = tracer.extract(Format.HTTP_HEADERS, DEFERRED)

        assert True is tracer.join_trace("x", context).context.sampled
        assert True is tracer.join_trace("x", context).context.sampled


def test_the_memory_of_decisions_is_bounded() -> None:
    """The memory of decisions holds the newest 1,024."""
    tracer, _ = make()
    for number in range(1, 1200):
        headers = {"x-b3-traceid": f"{number:016x}", "x-b3-spanid": SPAN}
        tracer.join_trace("x", tracer.extract(Format.HTTP_HEADERS, headers))

    assert 1024 == len(tracer._decisions)


def test_a_denied_trace_is_not_recorded_and_stays_denied() -> None:
    """The ids of a denied trace are passed on all the same."""
    tracer, recorder = make()
    context = tracer.extract(Format.HTTP_HEADERS, {**SAMPLED, "x-b3-sampled": "0"})
    server = tracer.join_trace("x", context)
    child = server.start_child("y")
    carrier: dict[str, str] = {}
    tracer.inject(child.context, Format.HTTP_HEADERS, carrier)
    child.finish()
    server.finish()

    assert [] == recorder.spans
    assert SPAN == server.context.span_id
    assert (TRACE, SPAN, "0") == (carrier["x-b3-traceid"], carrier["x-b3-parentspanid"], carrier["x-b3-sampled"])


def test_debug_reaches_every_span_below() -> None:
    """Debug reaches every span below, and only in a trace that requested it."""
    tracer, recorder = make(sample_rate=0.0)
    context = tracer.extract(Format.HTTP_HEADERS, {"b3": f"{TRACE}-{SPAN}-d"})
    server = tracer.join_trace("x", context)
    child = server.start_child("y")
    carrier: dict[str, str] = {}
    tracer.inject(child.context, Format.HTTP_HEADERS, carrier)

    assert (True, True) == (finished(child, recorder).debug, finished(server, recorder).debug)
    assert "1" == carrier["x-b3-flags"]
    assert "x-b3-sampled" not in carrier
    tracer, recorder = make()
    assert False is finished(tracer.start_trace("x"), recorder).debug


def test_a_decision_without_ids_starts_a_root_with_it() -> None:
    """A deny makes an unsampled trace and an accept a sampled one; attributes are passed on, and no id is shared."""
    tracer, _ = make(sample_rate=0.0)
    accepted = tracer.join_trace("x", tracer.extract(Format.TEXT_MAP, {"x-b3-sampled": "1", "ot-baggage-k": "v"})).context
    denied = tracer.join_trace("x", tracer.extract(Format.TEXT_MAP, {"b3": "0"})).context
    undecided = tracer.extract(Format.TEXT_MAP, {"ot-baggage-k": "v"})

    assert (True, None, False, "v") == (
        accepted.sampled,
        accepted.parent_id,
        accepted.shared,
        accepted.get_trace_attribute("k"),
    )
    assert (False, None) == (denied.sampled, denied.parent_id)
    assert undecided is not None
    assert (None, None) == (undecided.trace_id, undecided.sampled)


def test_span_kind_set_later_changes_the_kind_and_not_the_id() -> None:
    """A later kind leaves the id, also if it replaces the server's kind."""
    tracer, recorder = make()
    span = tracer.start_span("x", child_of=tracer.extract(Format.HTTP_HEADERS, SAMPLED))
    span_id = span.context.span_id
    seen = finished(span.set_tag("span.kind", "server"), recorder)

    assert (span_id, "SERVER", False, {}) == (seen.span_id, seen.kind, seen.shared, seen.tags)


def test_an_unknown_kind_stays_a_tag() -> None:
    """An unknown kind stays a tag, because the server would refuse a batch with such a kind."""
    tracer, recorder = make()
    span = finished(tracer.start_trace("x", tags={"span.kind": "robot"}), recorder)

    assert (None, {"span.kind": "robot"}) == (span.kind, span.tags)


PEERS: list[tuple[dict[str, Any], Endpoint | None, dict[str, str]]] = [
    ({"peer.service": "Back", "peer.ipv4": "1.2.3.4", "peer.port": 80}, Endpoint("back", "1.2.3.4", "", 80), {}),
    ({"peer.port": "80", "peer.ipv4": 127 << 24 | 1}, Endpoint("", "127.0.0.1", "", 80), {}),
    ({"peer.ipv6": "2001:DB8::1"}, Endpoint("", "", "2001:db8::1"), {}),
    ({"peer.ipv6": "::ffff:1.2.3.4"}, Endpoint("", "1.2.3.4"), {}),
    ({"peer.service": "  Redis "}, Endpoint("redis"), {}),
    ({"peer.service": " \n"}, None, {}),
    ({"peer.service": " ", "peer.hostname": "db"}, Endpoint("db"), {}),
    ({"peer.ipv4": "example.org", "peer.hostname": "h"}, Endpoint("h"), {"peer.ipv4": "example.org"}),
    ({"peer.ipv4": "example.org"}, None, {"peer.ipv4": "example.org"}),
    ({"peer.ipv4": " 10.0.0.1 ", "peer.port": " 80 "}, Endpoint("", "10.0.0.1", "", 80), {}),
    ({"peer.hostname": " DB.Example.com. "}, Endpoint("db.example.com"), {}),
    ({"peer.hostname": "db:5432"}, Endpoint("db", "", "", 5432), {}),
    ({"peer.hostname": "db", "peer.port": 5432, "peer.ipv4": "10.0.0.1"}, Endpoint("db", "10.0.0.1", "", 5432), {}),
    ({"peer.hostname": "größe_1"}, Endpoint("größe_1"), {}),
    ({"peer.hostname": "db", "peer.service": "pg"}, Endpoint("pg"), {"peer.hostname": "db"}),
    ({"peer.address": "db.example:5432"}, Endpoint("db.example", "", "", 5432), {}),
    ({"peer.address": "db.example"}, Endpoint("db.example"), {}),
    ({"peer.address": "db:5432", "peer.service": "pg"}, Endpoint("pg"), {"peer.address": "db:5432"}),
    ({"peer.address": "b", "peer.hostname": "a"}, Endpoint("a"), {"peer.address": "b"}),
    ({"peer.address": "[2001:db8::1]"}, Endpoint("", "", "2001:db8::1"), {}),
    ({"peer.hostname": "[2001:db8::1]:80"}, Endpoint("", "", "2001:db8::1", 80), {}),
    ({"peer.address": "10.0.0.1:80", "peer.hostname": "db"}, Endpoint("db", "10.0.0.1", "", 80), {}),
    ({"peer.address": "/var/run/redis.sock"}, None, {"peer.address": "/var/run/redis.sock"}),
    ({"peer.address": "pg://u:p@db:5432/x"}, None, {"peer.address": "pg://u:p@db:5432/x"}),
    ({"peer.address": "999.1.1.1"}, None, {"peer.address": "999.1.1.1"}),
    ({"peer.hostname": "two words"}, None, {"peer.hostname": "two words"}),
    ({"peer.hostname": "h" * 300}, Endpoint("h" * 255), {}),
    ({"peer.hostname": "10.0.0.1"}, Endpoint("", "10.0.0.1"), {}),
    ({"peer.address": "10.0.0.1:9042"}, Endpoint("", "10.0.0.1", "", 9042), {}),
    ({"peer.address": "[::1]:9042"}, Endpoint("", "", "::1", 9042), {}),
    ({"peer.port": 70000, "peer.service": "x"}, Endpoint("x"), {"peer.port": "70000"}),
    ({"peer.port": None, "peer.ipv4": b"1", "peer.service": 3}, None, {"peer.ipv4": "1", "peer.service": "3"}),
    ({"peer.ipv4": -1}, None, {"peer.ipv4": "-1"}),
]


@pytest.mark.parametrize(("tags", "remote", "rest"), PEERS)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_remote_endpoint_comes_from_the_peer_tags_in_any_order(
    tags: dict[str, Any], remote: Endpoint | None, rest: dict[str, str], backwards: bool
) -> None:
    """A peer tag that was understood is not sent again as a tag; the other tags stay."""
    tracer, recorder = make()
    span = tracer.start_trace("x").start_child("y", tags={"span.kind": "client"})
    for key, value in reversed(tags.items()) if backwards else tags.items():
        span.set_tag(key, value)
    seen = finished(span, recorder)

    assert (remote, rest) == (seen.remote, seen.tags)


def test_a_child_with_a_peer_and_no_kind_is_a_client() -> None:
    """A child with a peer and no kind is a client, because the API's usage flow for outbound requests sets no kind."""
    tracer, recorder = make()
    span = tracer.start_trace("x").start_child("y").add_tag("peer.service", "back")
    seen = finished(span, recorder)

    assert ("CLIENT", Endpoint("back"), {}) == (seen.kind, seen.remote, seen.tags)


def test_a_root_with_a_peer_and_no_kind_keeps_its_tags() -> None:
    """A root keeps its peer tags, because two endpoints without a kind would draw a wrong arrow."""
    tracer, recorder = make()
    seen = finished(tracer.start_trace("x").add_tag("peer.service", "back").add_tag("peer.port", 80), recorder)

    assert (None, None, {"peer.service": "back", "peer.port": "80"}) == (seen.kind, seen.remote, seen.tags)


def test_every_span_has_a_local_endpoint_with_the_services_name() -> None:
    """The local endpoint has the name in lower case, as the server keeps it, and the given address."""
    tracer, recorder = make(local_ip="10.1.2.3", local_port=8080)

    assert Endpoint("service", "10.1.2.3", "", 8080) == finished(tracer.start_trace("x"), recorder).local


def test_default_tags_are_on_the_first_span_of_a_trace_in_this_process() -> None:
    """Default tags are on a root and on a joined span, but not below; a tag of the span wins."""
    tracer, recorder = make(default_tags={"version": 2, "zone": "a"})
    root = tracer.start_trace("root", tags={"zone": "b"})
    child = root.start_child("child")
    joined = tracer.join_trace("joined", tracer.extract(Format.HTTP_HEADERS, SAMPLED))

    assert {} == finished(child, recorder).tags
    assert {"version": "2", "zone": "b"} == finished(root, recorder).tags
    assert {"version": "2", "zone": "a"} == finished(joined, recorder).tags


def test_a_producers_context_is_written_as_one_header_without_parent() -> None:
    """A producer's context is one header without parent, whether the kind is given at the start or later."""
    tracer, _ = make()
    parent = tracer.start_trace("x")
    for span in (
        parent.start_child("send", {"span.kind": "producer"}),
        parent.start_child("send").set_tag("span.kind", "producer"),
        tracer.start_span("send", parent, tags={"span.kind": "producer"}, start_time=1.0),
    ):
        expected = {"b3": f"{span.context.trace_id}-{span.context.span_id}-1"}
        injected: dict[str, str] = {}
        of_span: dict[str, str] = {}
        tracer.inject(span.context, Format.HTTP_HEADERS, injected)
        tracer.inject(span, Format.HTTP_HEADERS, of_span)

        assert (expected, expected, (expected, None)) == (injected, of_span, tracer.trace_context_to_text(span.context))


def test_a_context_says_the_same_after_its_span_has_ended() -> None:
    """A context can be read, injected and continued long after its span was sent."""
    tracer, recorder = make()
    parent = tracer.start_trace("x")
    context = parent.context
    sent = finished(parent, recorder)
    before: dict[str, str] = {}
    tracer.inject(context, Format.HTTP_HEADERS, before)
    child = finished(tracer.start_span("y", child_of=context), recorder)

    assert isinstance(context, ZipkinContext)
    assert (sent.trace_id, sent.span_id, None, True) == (context.trace_id, context.span_id, context.parent_id, context.sampled)
    assert {"x-b3-traceid": sent.trace_id, "x-b3-spanid": sent.span_id, "x-b3-sampled": "1"} == before
    assert (sent.trace_id, sent.span_id) == (child.trace_id, child.parent_id)
    assert sent.span_id in repr(context)


def test_a_services_own_name_is_trimmed() -> None:
    """The service's own name is trimmed, as any service name is."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("  Checkout\n", recorder=recorder)
    tracer.start_trace("x").finish()

    assert ("Checkout", "checkout") == (tracer.service_name, recorder.spans[-1].local.service_name)  # type: ignore[union-attr]
