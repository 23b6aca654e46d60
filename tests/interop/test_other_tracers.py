"""Our instrumentation with other tracers: OpenTracing's MockTracer, and jaeger-client, which is no longer maintained."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import fastapi
import flask
import httpx
import pytest
import requests

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing.scope_managers.contextvars import ContextVarsScopeManager
from opentracing_zipkin.instrument import (
    fastapi as traced_fastapi,
    flask as traced_flask,
    http,
    httpx as traced_httpx,
    requests as traced_requests,
)
from opentracing_zipkin.instrument.other_instrumentations import PACKAGES
from opentracing_zipkin.testing import ask_asgi, ask_wsgi
from opentracing_zipkin.testing.loopback import LoopbackServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jaeger_client import ConstSampler, Tracer
    from jaeger_client.reporter import InMemoryReporter


class Span(NamedTuple):
    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    tags: dict[str, Any]


class Mock:
    """Reads the spans of a MockTracer; `sends` are the names of the headers that it sends."""

    sends = ("ot-tracer-traceid", "ot-tracer-spanid")

    def __init__(self) -> None:
        self.tracer = MockTracer(ContextVarsScopeManager())

    def spans(self) -> list[Span]:
        return [
            Span(s.operation_name, s.context.trace_id, s.context.span_id, s.parent_id, dict(s.tags))
            for s in self.tracer.finished_spans()
        ]


class Jaeger:
    sends = ("uber-trace-id",)

    def __init__(self) -> None:
        self.reporter = InMemoryReporter()
        self.tracer = Tracer(
            "shop", self.reporter, ConstSampler(True), scope_manager=ContextVarsScopeManager(),
            tags={"ip": "127.0.0.1"},  # otherwise it searches for one and leaves sockets open
        )  # fmt: skip

    def spans(self) -> list[Span]:
        return [
            Span(
                s.operation_name, s.context.trace_id, s.context.span_id, s.context.parent_id,
                {tag.key: tag.vStr or tag.vBool or tag.vLong for tag in s.tags},
            )
            for s in self.reporter.get_spans()
        ]  # fmt: skip


@pytest.fixture(params=[Mock, Jaeger])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for package in PACKAGES:
        monkeypatch.delitem(sys.modules, package, raising=False)  # other tests import these, and ours would stand back
    read = request.param()
    opentracing.set_global_tracer(read.tracer)
    modules: list[Any] = [traced_flask, traced_fastapi, traced_requests, traced_httpx]
    for module in modules:
        module.install()
    yield read
    for module in modules:
        module.uninstall()
    opentracing._reset_global_tracer()


def by_flask(url: str) -> Callable[..., Any]:
    app = flask.Flask(__name__)

    @app.get("/buy/<article>")
    def buy(article: str) -> str:
        return str(requests.get(f"{url}/price", timeout=5).status_code)

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("out of stock")

    return ask_wsgi(app)


def by_fastapi(url: str) -> Callable[..., Any]:
    app = fastapi.FastAPI()

    @app.get("/buy/{article}")
    async def buy(article: str) -> int:
        async with httpx.AsyncClient() as client:
            answer, _ = await asyncio.gather(client.get(f"{url}/price"), asyncio.sleep(0))
            return answer.status_code

    @app.get("/fail")
    async def fail() -> str:
        raise ValueError("out of stock")

    return ask_asgi(app)


@pytest.mark.parametrize("make", [by_flask, by_fastapi])
def test_a_request_and_its_call_are_recorded(read: Any, make: Any) -> None:
    """The call is a child of the request, the trace continues in the next service, and the tags are those of our tracer."""
    with LoopbackServer() as server:
        ask = make(server.url)
        answer = ask("GET", "/buy/tea", {})
        called, served = read.spans()
        sent = {name: values[0] for name, values in server.received[-1].headers.items() if name in read.sends}
        ask("GET", "/buy/tea", sent)

    assert 200 == answer.status
    assert ["GET /buy/{article}", "GET"] == [served.name, called.name]
    assert (served.trace_id, served.span_id) == (called.trace_id, called.parent_id)
    assert ("server", "GET", "/buy/tea", "/buy/{article}") == tuple(
        served.tags[key] for key in ("span.kind", "http.method", "http.path", "http.route")
    )
    assert ("client", "GET", "/price") == tuple(called.tags[key] for key in ("span.kind", "http.method", "http.path"))
    assert {*read.sends} == {*sent}
    assert {served.trace_id} == {span.trace_id for span in read.spans()}


@pytest.mark.parametrize("make", [by_flask, by_fastapi])
@pytest.mark.parametrize("header", ["uber-trace-id", "ot-tracer-spanid", "b3", "x-b3-traceid"])
def test_a_broken_context_begins_a_trace(read: Any, make: Any, header: str) -> None:
    """A broken context starts a new trace, even with a tracer whose `extract` raises for it."""
    answer = make("")("GET", "/fail", {header: "broken"})
    [span] = read.spans()

    assert (500, "GET /fail", 0) == (answer.status, span.name, http.DEFAULT.faults)
    assert not span.parent_id
    assert span.tags["error"]
