"""starlette-opentracing on uvicorn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from requests_opentracing import SessionTracing

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import application

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]


def test_parallel_tasks_of_a_request_are_children_of_its_span(
    collector: Collector, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """The span that the middleware activates is the parent in the endpoint, and in the tasks that the endpoint gathers."""
    with application("starlette_shop", "shop", collector.url) as port, SessionTracing() as session:
        answer = session.get(f"http://127.0.0.1:{port}/price")

    trace = one_trace(4)
    client, server = trace["caller", "requests.get"], trace["shop", "/price"]

    assert "12" == answer.text
    assert ["CLIENT", "SERVER"] == [client.kind, server.kind]
    assert client.span_id == server.parent_id
    assert [server.span_id] * 2 == [trace["shop", name].parent_id for name in ("stock", "discount")]
    assert [None, None] == [trace["shop", name].kind for name in ("stock", "discount")]
    assert {"asgi", "GET"} <= set(server.tags.values())


def test_an_endpoint_that_raises_has_the_error_tag(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """An exception that leaves the middleware's block is the error of its span."""
    with application("starlette_shop", "shop", collector.url) as port, SessionTracing() as session:
        answer = session.get(f"http://127.0.0.1:{port}/broken")

    assert 500 == answer.status_code
    assert "RuntimeError: out of stock" == one_trace(2)["shop", "/broken"].tags["error"]
