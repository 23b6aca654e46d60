"""Sampling rules for OpenTelemetry's spans: the same rules, in both of its vocabularies, with the same headers."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import DefaultGetter
from opentelemetry.trace import SpanKind

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.otel import B3Propagator, TracerProvider
from opentracing_zipkin.sampling import Root, RootSampler, Rule
from opentracing_zipkin.testing import InMemoryRecorder

TRACE, SPAN = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312"
GETTER = DefaultGetter()  # not the default one, as a server's is not
RULE = Rule(method="GET", path="/a/*", kind="server", service="shop", headers={"x-tenant": "gold"}, rate=1)

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "today's": {"http.request.method": "GET", "url.path": "/a/b", "url.query": "x=1"},
    "those before": {"http.method": "GET", "http.target": "/a/b?x=1"},
    "a URL alone": {"http.method": "GET", "http.url": "http://shop/a/b?x=1"},
    "a route": {"http.method": "GET", "http.route": "/a/*"},
}

# The headers of a request, as the carriers of servers hold them.
CARRIERS: dict[str, Any] = {
    "a dict": lambda headers: dict(headers),
    "a WSGI environ": lambda headers: {
        "wsgi.input": None,
        **{f"HTTP_{key.upper().replace('-', '_')}": headers[key] for key in headers},
    },
    "an ASGI scope": lambda headers: {
        "type": "http",
        "asgi": {},
        "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
    },
}


def make(sampler: Any, **settings: Any) -> tuple[Any, B3Propagator, InMemoryRecorder]:
    recorder = InMemoryRecorder()
    zipkin = ZipkinTracer("shop", recorder=recorder, sampler=sampler, **settings)
    return TracerProvider(zipkin).get_tracer("test"), B3Propagator(zipkin), recorder


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_a_rule_sees_kind_attributes_and_headers(attributes: dict[str, Any], carrier: Any) -> None:
    """A rule is given the kind, the attributes and the request's headers, and a header that it reads is not sent as a tag."""
    tracer, propagator, recorder = make(sampling.rules(RULE, otherwise=0))
    for headers, kind in (
        ({"x-tenant": "gold"}, SpanKind.SERVER),
        ({"x-tenant": "gold"}, SpanKind.INTERNAL),
        ({"x-tenant": "silver"}, SpanKind.SERVER),
        ({}, SpanKind.SERVER),
    ):
        context = propagator.extract(carrier(headers), Context(), GETTER)
        tracer.start_span("GET", context, kind, attributes).end()

    assert ["SERVER"] == [span.kind for span in recorder.spans]
    assert "gold" not in recorder.spans[0].tags.values()


UPSTREAM: dict[str, tuple[dict[str, str], bool | None]] = {
    "nothing": ({}, None),
    "accepted": ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}, True),
    "denied": ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "0"}, False),
    "debug": ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1"}, True),
    "left open": ({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}, None),
    "single, denied": ({"b3": f"{TRACE}-{SPAN}-0"}, False),
    "single, left open": ({"b3": f"{TRACE}-{SPAN}"}, None),
    "W3C, denied": ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, False),
    "W3C, accepted": ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, True),
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("yes", [True, False])
def test_upstream_wins_over_every_rule(yes: bool, carrier: Any) -> None:
    """A decision that the caller has made is followed, whatever the rules say; an open one is made by the rules."""
    rule = Rule(method="GET", path="/a/*", headers={"x-tenant": "gold"}, rate=float(yes))
    found, expected = {}, {}
    for name, (headers, decision) in UPSTREAM.items():
        tracer, propagator, recorder = make(sampling.rules(rule, otherwise=float(not yes)))
        context = propagator.extract(carrier({**headers, "x-tenant": "gold"}), Context(), GETTER)
        tracer.start_span("GET", context, SpanKind.SERVER, ATTRIBUTES["today's"]).end()
        found[name], expected[name] = len(recorder.spans) == 1, yes if decision is None else decision

    assert expected == found


def test_a_root_by_rules_has_no_parent_and_its_children_follow() -> None:
    """Rules are asked once for each trace, at its root, and the root has no parent."""

    class Once(RootSampler):
        def __init__(self) -> None:
            self.names: list[str] = []

        def decide(self, trace_id: int, root: Root, /) -> bool:
            self.names.append(root.operation_name)
            return True

    sampler = Once()
    tracer, _, recorder = make(sampler)
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
        assert root.get_span_context().trace_id == child.get_span_context().trace_id

    assert ["root"] == sampler.names
    assert None is root.parent
    assert [root.get_span_context().span_id] == [
        int(span.parent_id or "0", 16) for span in recorder.spans if span.name == "child"
    ]


@pytest.mark.parametrize("attributes", [{"http.method": object()}, {1: 2}, 7, [("a", "b")]])
def test_wrong_attributes_cost_no_span(attributes: Any) -> None:
    """If the attributes are no mapping with text keys, the span starts, with and without rules."""
    for sampler in (sampling.always, sampling.rules(RULE, otherwise=1)):
        tracer, _, recorder = make(sampler)
        tracer.start_span("x", attributes=attributes).end()

        assert 1 == len(recorder.spans)
