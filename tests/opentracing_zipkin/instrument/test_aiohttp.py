"""aiohttp's client, where the kit does not test it: bodies, sessions, middleware, cancellation, websockets."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin.instrument import aiohttp as traced
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer

from .clients import errors_of

Spans = list[FinishedSpan]


pytestmark = pytest.mark.usefixtures("installed")


def _run(scenario: Callable[[aiohttp.ClientSession], Awaitable[None]], **given: Any) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession(**given) as session:
            await scenario(session)

    asyncio.run(run())


async def _chunks(response: aiohttp.ClientResponse) -> None:
    async for _ in response.content.iter_chunked(100):
        pass


async def _close(response: aiohttp.ClientResponse) -> None:
    response.close()


async def _release(response: aiohttp.ClientResponse) -> None:
    response.release()


async def _half(response: aiohttp.ClientResponse) -> None:
    await response.content.read(1)
    response.release()


async def _leave(response: aiohttp.ClientResponse) -> None:
    async with response:
        await response.content.readany()


ENDS: dict[str, Callable[[aiohttp.ClientResponse], Awaitable[Any]]] = {
    "read": lambda response: response.read(),
    "text": lambda response: response.text(),
    "chunks": _chunks,
    "close": _close,
    "release": _release,
    "half": _half,
    "leave": _leave,
}


@pytest.mark.parametrize("path", ["/slow", "/large"])
@pytest.mark.parametrize("end", ENDS)
def test_an_answer_lasts_until_it_is_read_or_closed(loopback: LoopbackServer, spans: Spans, end: str, path: str) -> None:
    """The span ends with the body, and not before."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        response = await session.get(loopback.url + path)
        assert [] == spans
        loopback.go_on.set()
        await ENDS[end](response)

        assert [None] == errors_of(spans)

    _run(scenario)


@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_is_dropped_ends(loopback: LoopbackServer, spans: Spans) -> None:
    """An answer that nobody reads or closes ends its span at the latest when it is garbage-collected."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        response = await session.get(loopback.url + "/large")
        assert [] == spans
        del response
        gc.collect()

    _run(scenario)
    gc.collect()

    assert [None] == errors_of(spans)


def test_an_answer_that_is_never_read_ends_with_its_short_body(loopback: LoopbackServer, spans: Spans) -> None:
    """aiohttp reads ahead, so a short body ends the span although the application never reads it."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        async with (
            session.get(loopback.url + "/a"),
            session.head(loopback.url + "/a"),
            session.get(loopback.url + "/status/204"),
        ):
            pass

    _run(scenario)

    assert [None, None, None] == errors_of(spans)


@pytest.mark.parametrize("end", ["read", "chunks"])
def test_an_error_in_the_middle_of_a_body_is_the_error(loopback: LoopbackServer, spans: Spans, end: str) -> None:
    """A body that breaks off is the span's error, even where the application handles the exception itself."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        async with session.get(loopback.url + "/cut") as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await ENDS[end](response)

    _run(scenario)

    assert ["ClientPayloadError"] == errors_of(spans)


@pytest.mark.parametrize("end", ["read", "chunks"])
@pytest.mark.parametrize("timeout", [aiohttp.ClientTimeout(total=0.1), aiohttp.ClientTimeout(sock_read=0.1)])
def test_a_timeout_in_the_middle_of_a_body_is_the_error(
    loopback: LoopbackServer, spans: Spans, end: str, timeout: aiohttp.ClientTimeout
) -> None:
    """A timeout of the whole request, or of one read, is the span's error."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        with pytest.raises(asyncio.TimeoutError):
            async with session.get(loopback.url + "/slow") as response:
                await ENDS[end](response)

    _run(scenario, timeout=timeout)

    assert 1 == len(spans)
    assert "Timeout" in spans[0].tags["error"]


def test_an_exception_of_the_applications_own_is_no_error(loopback: LoopbackServer, spans: Spans) -> None:
    """An exception that the application raises while it reads the answer is not the span's error."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        async def read() -> None:
            async with session.get(loopback.url + "/large") as response:
                await response.content.readany()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await read()

    _run(scenario)

    assert [None] == errors_of(spans)


@pytest.mark.parametrize("body", [False, True])
def test_a_cancelled_request_ends_without_an_error(loopback: LoopbackServer, spans: Spans, body: bool) -> None:
    """A task that is cancelled while it waits for the head or for the body ends its span, without an error."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        waiting = asyncio.Event()

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            waiting.set()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def ask() -> None:
            if not body:
                await session.get(f"http://127.0.0.1:{port}/a")
                return
            async with session.get(loopback.url + "/slow") as response:
                await response.content.read(4)
                waiting.set()
                await response.read()

        task = asyncio.create_task(ask())
        await waiting.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.close()

    _run(scenario)

    assert [None] == errors_of(spans)


def test_the_parent_is_that_of_the_call(loopback: LoopbackServer, spans: Spans) -> None:
    """A request's parent is the span that was active at the call, or none, although the request is awaited later."""
    tracer = opentracing.global_tracer()

    async def scenario(session: aiohttp.ClientSession) -> None:
        alone = session.get(loopback.url + "/alone")
        with tracer.start_active_span("parent") as scope:
            below = session.get(loopback.url + "/below")
        with tracer.start_active_span("another"):
            await (await alone).read()
            await (await below).read()
        seen.append(scope.span.context.span_id)

    seen: list[Any] = []
    _run(scenario)
    parents = {span.tags["http.path"]: span.parent_id for span in spans if span.kind == "CLIENT"}

    assert {"/alone": None, "/below": seen[0]} == parents


def test_a_sessions_traces_and_headers_stay(loopback: LoopbackServer, spans: Spans) -> None:
    """The application's `trace_configs` are called, and its headers are not changed."""
    events: list[str] = []
    config = aiohttp.TraceConfig()

    async def note_start(*_: Any) -> None:
        events.append("start")

    async def note_end(*_: Any) -> None:
        events.append("end")

    config.on_request_start.append(note_start)
    config.on_request_end.append(note_end)
    headers = {"X-Mine": "1"}

    async def scenario(session: aiohttp.ClientSession) -> None:
        before = dict(session.headers)
        async with session.get(loopback.url + "/a", headers=headers) as response:
            await response.read()

        assert before == dict(session.headers)
        assert [config] == session.trace_configs

    _run(scenario, trace_configs=[config], headers={"X-Session": "1"})

    assert ["start", "end"] == events
    assert {"X-Mine": "1"} == headers
    assert ["1", "1"] == [loopback.received[0].header(name) for name in ("x-mine", "x-session")]
    assert 1 == len(spans)


def test_what_middleware_sends_again_is_a_sibling(loopback: LoopbackServer, spans: Spans) -> None:
    """The refused request and the one with the digest have two sibling spans."""
    if not hasattr(aiohttp, "DigestAuthMiddleware"):
        pytest.skip("this aiohttp has no middleware")

    async def scenario(session: aiohttp.ClientSession) -> None:
        async with session.get(loopback.url + "/digest") as response:
            await response.read()

    with opentracing.global_tracer().start_active_span("parent") as scope:
        _run(scenario, middlewares=[aiohttp.DigestAuthMiddleware("user", "hunter2")])
    gc.collect()
    sent = [span for span in spans if span.kind == "CLIENT"]

    assert ["401", None] == sorted(errors_of(sent), key=str)
    assert {scope.span.context.span_id} == {span.parent_id for span in sent}
    assert {span.span_id for span in sent} == {one.header("x-b3-spanid") for one in loopback.received}


def test_a_websocket_is_one_span(spans: Spans) -> None:
    """A websocket is one span from the handshake to the close."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        async def echo(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data)
            return socket

        app = web.Application()
        app.router.add_get("/socket", echo)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/socket") as socket:
            await socket.send_str("hello")
            assert "hello" == (await socket.receive()).data
            assert [] == spans
        await runner.cleanup()

    _run(scenario)

    assert [("/socket", "101", None)] == [
        (span.tags["http.path"], span.tags.get("http.status_code"), span.tags.get("error")) for span in spans
    ]


def test_a_proxy_is_not_the_peer(loopback: LoopbackServer, spans: Spans) -> None:
    """Through a proxy, the span has the address of the server that the request is for."""

    async def scenario(session: aiohttp.ClientSession) -> None:
        async with session.get("http://10.1.2.3:8080/a", proxy=loopback.url) as response:
            await response.read()

    _run(scenario)

    assert ("10.1.2.3", 8080) == (spans[0].remote and spans[0].remote.ipv4, spans[0].remote and spans[0].remote.port)
    assert spans[0].span_id == loopback.received[0].header("x-b3-spanid")


def test_any_tracer_of_the_api_is_served(loopback: LoopbackServer) -> None:
    """A MockTracer, too, gets the span and its tags."""
    tracer = MockTracer()
    traced.uninstall()
    traced.install(HttpPolicy(tracer=tracer))

    async def scenario(session: aiohttp.ClientSession) -> None:
        async with session.get(loopback.url + "/a") as response:
            await response.read()

    _run(scenario)
    [span] = tracer.finished_spans()

    assert {"span.kind": "client", "http.method": "GET", "http.path": "/a", "peer.address": loopback.address} == span.tags
