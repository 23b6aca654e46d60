"""httpx, where the kit does not test it: streams, transports, authentication, mocks, cancellation."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import respx

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin.instrument import httpx as traced
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer

from .clients import errors_of

Spans = list[FinishedSpan]


pytestmark = pytest.mark.usefixtures("installed")


def _client(**given: Any) -> httpx.Client:
    return httpx.Client(**{"verify": False, **given})


def _async_client(**given: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(**{"verify": False, **given})


# Bodies

ENDS: dict[str, Callable[[httpx.Response], object]] = {
    "read": lambda response: response.read(),
    "bytes": lambda response: list(response.iter_bytes()),
    "raw": lambda response: list(response.iter_raw()),
    "lines": lambda response: list(response.iter_lines()),
    "close": lambda response: response.close(),
    "half, and close": lambda response: (next(response.iter_raw()), response.close()),
    "drop": lambda response: None,
    "half, and drop": lambda response: next(response.iter_raw()),
}


@pytest.mark.parametrize("path", ["/medium", "/chunks", "/status/204"])
@pytest.mark.parametrize("end", ENDS)
def test_a_streamed_answer_lasts_until_it_is_read_closed_or_dropped(
    loopback: LoopbackServer, spans: Spans, end: str, path: str
) -> None:
    """The span ends with the body, and not before."""
    if path == "/status/204" and "half" in end:
        return
    with _client() as client:
        response = client.send(client.build_request("GET", loopback.url + path), stream=True)
        assert [] == spans
        ENDS[end](response)
        del response
        gc.collect()

        assert [None] == errors_of(spans)


async def _all(chunks: AsyncIterator[Any]) -> None:
    async for _ in chunks:
        pass


async def _nothing(response: httpx.Response) -> None:
    pass


ASYNC_ENDS: dict[str, Callable[[httpx.Response], Any]] = {
    "read": lambda response: response.aread(),
    "bytes": lambda response: _all(response.aiter_bytes()),
    "raw": lambda response: _all(response.aiter_raw()),
    "lines": lambda response: _all(response.aiter_lines()),
    "close": lambda response: response.aclose(),
    "drop": _nothing,
}


@pytest.mark.parametrize("path", ["/medium", "/chunks", "/status/204"])
@pytest.mark.parametrize("end", ASYNC_ENDS)
def test_an_async_streamed_answer_lasts_until_it_is_read_closed_or_dropped(
    loopback: LoopbackServer, spans: Spans, end: str, path: str
) -> None:
    """The span ends with the body, and not before."""

    async def run() -> None:
        async with _async_client() as client:
            response = await client.send(client.build_request("GET", loopback.url + path), stream=True)
            assert [] == spans
            await ASYNC_ENDS[end](response)
            del response
            gc.collect()

            assert [None] == errors_of(spans)

    asyncio.run(run())


def test_a_stream_that_is_left_early_is_no_error(loopback: LoopbackServer, spans: Spans) -> None:
    """A stream that is left early is no error, also where the application's own exception leaves it."""

    async def run() -> None:
        async with _async_client() as client:
            async with client.stream("GET", loopback.url + "/medium") as response:
                async for _ in response.aiter_bytes(10):
                    break
            with pytest.raises(ZeroDivisionError):
                async with client.stream("GET", loopback.url + "/medium") as response:
                    raise ZeroDivisionError

    asyncio.run(run())
    with _client() as client, client.stream("GET", loopback.url + "/medium") as response:
        next(response.iter_bytes(10))

    assert [None, None, None] == errors_of(spans)


def test_an_error_in_the_middle_of_a_body_is_the_error(loopback: LoopbackServer, spans: Spans) -> None:
    """A body that breaks off is the span's error, even where the application handles the exception itself."""

    async def run() -> None:
        async with _async_client() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(loopback.url + "/cut")
            async with client.stream("GET", loopback.url + "/cut") as response:
                with pytest.raises(httpx.RemoteProtocolError):
                    await response.aread()

    asyncio.run(run())
    with _client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(loopback.url + "/cut")
        with client.stream("GET", loopback.url + "/cut") as response, pytest.raises(httpx.RemoteProtocolError):
            response.read()

    assert ["RemoteProtocolError"] * 4 == errors_of(spans)


def test_a_timeout_is_the_error(loopback: LoopbackServer, spans: Spans) -> None:
    """A timeout while the body is read is the span's error."""
    with _client(timeout=0.05) as client, pytest.raises(httpx.ReadTimeout):
        client.get(loopback.url + "/slow")

    assert ["ReadTimeout"] == errors_of(spans)


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_request_ends_without_an_error(loopback: LoopbackServer, spans: Spans, stream: bool) -> None:
    """A task that is cancelled before the body or in the middle of it ends its span, without an error."""

    async def read(client: httpx.AsyncClient, begun: asyncio.Event) -> None:
        async with client.stream("GET", loopback.url + "/slow") as response:
            chunks = response.aiter_raw()
            await chunks.__anext__()
            begun.set()
            await chunks.__anext__()

    async def never(request: httpx.Request) -> httpx.Response:
        begun_event.set()
        await asyncio.sleep(30)
        raise AssertionError

    async def run() -> None:
        nonlocal begun_event
        begun_event = asyncio.Event()
        async with _async_client(**({} if stream else {"transport": httpx.MockTransport(never)})) as client:
            task = asyncio.create_task(read(client, begun_event) if stream else client.get("http://shop/a"))
            await begun_event.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    begun_event: asyncio.Event
    asyncio.run(run())

    assert [None] == errors_of(spans)


# The application's requests


def test_a_request_that_is_sent_twice_is_not_changed(loopback: LoopbackServer, spans: Spans) -> None:
    """Each sending has its own span, and the answer has the application's request."""
    request = httpx.Request("GET", loopback.url + "/a", headers={"X-Mine": "1"})
    before = list(request.headers.raw)
    with _client() as client:
        answers = [client.send(request), client.send(request)]

    assert before == list(request.headers.raw)
    assert [True, True] == [request is answer.request for answer in answers]
    assert [span.span_id for span in spans] == [one.header("x-b3-spanid") for one in loopback.received]
    assert 2 == len({span.trace_id for span in spans})


def test_headers_that_stand_several_times_are_all_sent(loopback: LoopbackServer, spans: Spans) -> None:
    """Repeated headers are all sent, also those whose bytes are not ASCII."""
    with _client() as client:
        client.get(loopback.url, headers=[("X-A", "1"), ("X-A", "2"), (b"X-B", "ü".encode("latin-1"))])  # type: ignore[list-item]

    assert (["1", "2"], ["ü"]) == (loopback.received[0].headers["x-a"], loopback.received[0].headers["x-b"])
    assert spans[0].span_id == loopback.received[0].header("x-b3-spanid")


def test_event_hooks_get_the_applications_objects(loopback: LoopbackServer, spans: Spans) -> None:
    """A client's event hooks may change the application's request, and read the answer as usual."""
    seen: list[Any] = []

    def on_request(request: httpx.Request) -> None:
        request.headers["X-Hook"] = "1"

    def on_response(response: httpx.Response) -> None:
        seen.append(response.read())

    with _client(event_hooks={"request": [on_request], "response": [on_response]}) as client:
        client.get(loopback.url)

    assert [b"ok"] == seen
    assert "1" == loopback.received[0].header("x-hook")
    assert 1 == len(spans)


def test_authentication_makes_siblings(loopback: LoopbackServer, spans: Spans) -> None:
    """The refused request and the one with the digest have two sibling spans."""

    async def run() -> None:
        async with _async_client() as client:
            await client.get(loopback.url + "/digest", auth=httpx.DigestAuth("user", "hunter2"))

    with opentracing.global_tracer().start_active_span("parent") as scope:
        with _client() as client:
            client.get(loopback.url + "/digest", auth=httpx.DigestAuth("user", "hunter2"))
        asyncio.run(run())

    assert ["401", None, "401", None] == errors_of(spans[:4])
    assert {scope.span.context.span_id} == {span.parent_id for span in spans[:4]}
    assert [span.span_id for span in spans[:4]] == [one.header("x-b3-spanid") for one in loopback.received]


def test_a_proxy_is_not_the_peer(loopback: LoopbackServer, spans: Spans) -> None:
    """Through a proxy, the span has the address of the server that the request is for."""
    name = "proxy" if "proxy" in inspect.signature(httpx.Client).parameters else "proxies"  # the latter before httpx 0.26
    with _client(**{name: loopback.url}) as client:
        client.get("http://10.1.2.3:8080/a")

    assert ("10.1.2.3", 8080) == (spans[0].remote and spans[0].remote.ipv4, spans[0].remote and spans[0].remote.port)
    assert spans[0].span_id == loopback.received[0].header("x-b3-spanid")


# Transports


class Again(httpx.BaseTransport):
    """A transport around another one, which sends a request once more after a 503."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if response.status_code != 503:
            return response
        response.close()
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


class Own(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return super().handle_request(request)


def test_transports_around_ours_have_a_span_for_each_physical_request(loopback: LoopbackServer, spans: Spans) -> None:
    """A transport that passes on, or a subclass, makes one span; one that tries again makes two."""
    with _client(transport=Again(httpx.HTTPTransport(verify=False))) as client:
        client.get(loopback.url + "/a")
        client.get(loopback.url + "/status/503")
    with _client(transport=Own(verify=False)) as client:
        client.get(loopback.url + "/b")

    assert ["/a", "/status/503", "/status/503", "/b"] == [span.tags["http.path"] for span in spans]
    assert [span.span_id for span in spans] == [one.header("x-b3-spanid") for one in loopback.received]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_mock_transport_is_traced(spans: Spans, is_async: bool) -> None:
    """A mock's handler sees the headers, its exception is the error, and it may return one answer several times."""
    seen: list[str | None] = []
    canned = httpx.Response(200, json={"a": 1})

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("x-b3-spanid"))
        if request.url.path == "/wrong":
            raise httpx.ConnectError(f"cannot reach {request.url}", request=request)
        return canned

    transport = httpx.MockTransport(handler)
    url = "http://shop/wrong?secret=hunter2"

    async def run() -> None:
        async with _async_client(transport=transport) as client:
            assert [{"a": 1}] * 2 == [(await client.get("http://shop/a")).json() for _ in range(2)]
            with pytest.raises(httpx.ConnectError):
                await client.get(url)

    if is_async:
        asyncio.run(run())
    else:
        with _client(transport=transport) as client:
            assert [{"a": 1}] * 2 == [client.get("http://shop/a").json() for _ in range(2)]
            with pytest.raises(httpx.ConnectError):
                client.get(url)

    assert [None, None, "ConnectError"] == errors_of(spans)
    assert seen == [span.span_id for span in spans]
    assert "hunter2" not in repr(spans)


def test_a_streamed_body_is_read_as_without_tracing() -> None:
    """The part of a streamed body that a mock has read can be read again, so the body survives a redirect."""

    def chunks() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    def run() -> list[Any]:
        got: list[Any] = []

        def handler(request: httpx.Request) -> httpx.Response:
            got.append(request.content)
            return httpx.Response(307, headers={"Location": "/b"}) if request.url.path == "/a" else httpx.Response(200)

        with _client(transport=httpx.MockTransport(handler), follow_redirects=True) as client:
            response = client.post("http://shop/a", content=chunks())
        return [*got, response.history[0].request.content]

    opentracing.set_global_tracer(MockTracer())
    traced_result = run()
    opentracing.set_global_tracer(opentracing.Tracer())

    assert [b"ab", b"ab", b"ab"] == traced_result == run()


def test_an_asgi_application_is_called_with_the_context(spans: Spans) -> None:
    """The application sees the context's headers, and its own requests are traced, too."""
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]).get(b"x-b3-spanid", b"").decode())
        if scope["path"] == "/outer":
            async with _async_client(transport=httpx.ASGITransport(inner)) as client:
                await client.get("http://app/inner")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async def run() -> None:
        async with _async_client(transport=httpx.ASGITransport(inner)) as client:
            assert b"ab" == (await client.get("http://app/outer")).content

    asyncio.run(run())

    assert ["/inner", "/outer"] == [span.tags["http.path"] for span in spans]
    assert seen == [span.span_id for span in reversed(spans)]


def test_a_wsgi_application_is_called_with_the_context(spans: Spans) -> None:
    """The span lasts until the application's body is read, and the application's exception is the error."""
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ.get("HTTP_X_B3_SPANID"))
        if environ["PATH_INFO"] == "/wrong":
            raise ZeroDivisionError
        start_response("200 OK", [])
        return iter([b"a", b"b"])

    with _client(transport=httpx.WSGITransport(app)) as client:
        with client.stream("GET", "http://app/a") as response:
            assert [] == spans
            assert b"ab" == response.read()
        with pytest.raises(ZeroDivisionError):
            client.get("http://app/wrong")

    assert [None, "ZeroDivisionError"] == errors_of(spans)
    assert seen == [span.span_id for span in spans]


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx_goes_on_working(spans: Spans, using: str) -> None:
    """respx answers, sync and async, and records the headers; spans are made where it mocks below the transport."""

    async def run() -> None:
        async with _async_client() as client:
            assert {"a": 1} == (await client.get("http://shop/a")).json()

    with respx.mock(using=using) as mock:
        route = mock.get("http://shop/a").mock(return_value=httpx.Response(200, json={"a": 1}))
        mock.get("http://shop/b").mock(side_effect=httpx.ConnectError)
        with _client() as client:
            assert {"a": 1} == client.get("http://shop/a").json()
            with pytest.raises(httpx.ConnectError):
                client.get("http://shop/b")
        asyncio.run(run())

    assert 2 == route.call_count
    assert [None, "ConnectError", None] == errors_of(spans)
    assert [spans[0].span_id, spans[2].span_id] == [call.request.headers.get("x-b3-spanid") for call in route.calls]


# Tracers


def test_any_tracer_of_the_api_is_served(loopback: LoopbackServer) -> None:
    """A MockTracer, too, gets the span, its tags, and its error without the query."""
    tracer = MockTracer()
    traced.uninstall()
    traced.install(HttpPolicy(tracer=tracer))
    with tracer.start_active_span("parent") as scope, _client() as client:
        client.get(loopback.url + "/a")
        with pytest.raises(httpx.ConnectError):
            client.get("http://127.0.0.1:1/b?secret=hunter2")
    first, refused, _ = tracer.finished_spans()

    assert ("GET", scope.span.context.span_id) == (first.operation_name, first.parent_id)
    assert {"span.kind": "client", "http.method": "GET", "http.path": "/a", "peer.address": loopback.address} == first.tags
    assert refused.tags["error"]
    assert "hunter2" not in repr(refused.tags)


def test_a_client_with_its_own_send_is_traced(loopback: LoopbackServer, spans: Spans) -> None:
    """A subclass with its own `send`, and a client whose `send` is replaced, are traced and keep their method."""
    sent: list[str] = []

    class Client(httpx.Client):
        def send(self, request: httpx.Request, **given: Any) -> httpx.Response:
            sent.append(request.url.path)
            return super().send(request, **given)

    with Client() as client:
        client.get(f"{loopback.url}/one")
        own = client.send
        client.send = lambda request, **given: own(request, **given)  # type: ignore[method-assign]
        client.get(f"{loopback.url}/two")

    assert ["/one", "/two"] == sent == [span.tags["http.path"] for span in spans]
