"""Flask-OpenTracing, called with requests-opentracing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import requests
from requests_opentracing import SessionTracing

import opentracing
from opentracing.ext import tags
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import application

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]

# The tags by which this application tells requests-opentracing the callee.
SHOP = {tags.PEER_SERVICE: "shop", tags.PEER_HOST_IPV4: "127.0.0.1"}


def test_a_request_and_the_one_below_it_are_one_trace(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The caller, a Flask view, the view's own request and the view that answers it form one chain of spans."""
    with (
        application("flask_shop", "prices", collector.url) as prices,
        application("flask_shop", "shop", collector.url, {"PRICES_URL": f"http://127.0.0.1:{prices}/price"}) as port,
        SessionTracing(span_tags=SHOP) as session,
        tracer.start_active_span("buy"),
    ):
        answer = session.get(f"http://127.0.0.1:{port}/order", headers={"X-Own": "kept"})

    trace = one_trace(5)
    chain = [("caller", "buy"), ("caller", "requests.get"), ("shop", "order"), ("shop", "requests.get"), ("prices", "price")]
    spans = [trace[key] for key in chain]

    assert (200, "12") == (answer.status_code, answer.text)
    assert [None, *(span.span_id for span in spans[:-1])] == [span.parent_id for span in spans]
    assert [None, "CLIENT", "SERVER", "CLIENT", "SERVER"] == [span.kind for span in spans]


def test_both_sides_say_who_they_talked_to(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The `peer.*` tags that the packages' hooks set become remote endpoints, and the other tags stay tags."""
    with (
        application("flask_shop", "shop", collector.url) as port,
        SessionTracing(span_tags={**SHOP, tags.PEER_PORT: port}) as session,
    ):
        session.get(f"http://127.0.0.1:{port}/price")

    trace = one_trace(2)
    client, server = trace["caller", "requests.get"], trace["shop", "price"]

    assert client.remote is not None
    assert ("shop", "127.0.0.1", port) == (client.remote.service_name, client.remote.ipv4, client.remote.port)
    assert server.remote is not None
    assert "127.0.0.1" == server.remote.ipv4
    assert server.remote.port > 0
    assert {"component": "requests", "http.method": "get", "http.status_code": "200"} == _without_url(client)
    assert {"component": "Flask", "http.method": "GET", "http.status_code": "200"} == _without_url(server)


def _without_url(span: FinishedSpan) -> dict[str, str]:
    return {key: value for key, value in span.tags.items() if key != "http.url"}


def test_a_view_that_raises_has_the_error_tag(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The exception of a view is the error of its span; the client's span has no error, because it got a response."""
    with application("flask_shop", "shop", collector.url) as port, SessionTracing() as session:
        answer = session.get(f"http://127.0.0.1:{port}/broken")

    trace = one_trace(2)

    assert 500 == answer.status_code
    assert "RuntimeError: out of stock" == trace["shop", "broken"].tags["error"]
    assert "error" not in trace["caller", "requests.get"].tags
    assert "500" == trace["caller", "requests.get"].tags["http.status_code"]


def test_a_refused_connection_is_the_clients_error(tracer: ZipkinTracer, one_trace: Read) -> None:
    """If no server listens, the client's span has the error, and the exception reaches the application."""
    with SessionTracing() as session, pytest.raises(requests.ConnectionError):
        session.get("http://127.0.0.1:1/")

    client = one_trace(1)["caller", "requests.get"]

    assert "CLIENT" == client.kind
    assert client.tags["error"].startswith("ConnectionError: ")


def test_the_no_op_serves_the_same_code(tracer: ZipkinTracer, collector: Collector) -> None:
    """With the no-op, requests-opentracing sends no trace headers, and nothing is recorded."""
    opentracing.set_global_tracer(opentracing.Tracer())
    with SessionTracing() as session:
        answer = session.get(f"{collector.url}/health")

    assert 200 == answer.status_code
    assert not [name for name in answer.request.headers if name.lower().startswith("x-b3")]
    assert [] == collector.store.traces()
