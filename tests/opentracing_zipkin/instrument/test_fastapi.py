"""FastAPI and Starlette: span names by route, errors with their status, spans that last as long as the answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import requests
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from opentracing_zipkin.instrument import asgi, fastapi, starlette

from .servers import TestClient, Traced, served_by_uvicorn


@pytest.fixture
def traced() -> Iterator[Traced]:
    yield Traced()
    fastapi.uninstall()
    starlette.uninstall()


def call(app: Any, method: str, path: str, **settings: Any) -> Any:
    """Return the answer; the application's exceptions stay in the server, and redirects are not followed."""
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        return client.request(method, path, **settings)


def shop(**settings: Any) -> FastAPI:
    app = FastAPI(**settings)

    @app.get("/users/{id}")
    async def user(id: int) -> int:
        return id

    @app.get("/boom")
    async def boom() -> None:
        raise ValueError("no such order")

    @app.get("/sync-boom")
    def sync_boom() -> None:
        raise ValueError("no such order")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    inner = APIRouter(prefix="/inner")

    @inner.get("/slashed/{key}/")
    def slashed(key: int) -> int:
        return key

    orders = APIRouter(prefix="/orders")

    @orders.get("/{key}")
    def order(key: int) -> int:
        return key

    orders.include_router(inner)
    app.include_router(orders, prefix="/{tenant}")
    below = FastAPI()

    @below.get("/items/{key}/")
    def item(key: int) -> int:
        return key

    app.mount("/below/{shop}", below)
    return app


ROUTES = [
    ("GET", "/users/1", 200, "get /users/{id}"),
    ("GET", "/users/x", 422, "get /users/{id}"),
    ("POST", "/users/1", 405, "post /users/{id}"),
    ("GET", "/users/1/", 307, "get /users/{id}"),
    ("GET", "/nowhere", 404, "get not_found"),
    ("GET", "/boom", 500, "get /boom"),
    ("GET", "/sync-boom", 500, "get /sync-boom"),
    ("GET", "/teapot", 418, "get /teapot"),
    ("GET", "/unavailable", 503, "get /unavailable"),
    ("GET", "/acme/orders/3", 200, "get /{tenant}/orders/{key}"),
    ("GET", "/acme/orders/x", 422, "get /{tenant}/orders/{key}"),
    ("PUT", "/acme/orders/3", 405, "put /{tenant}/orders/{key}"),
    ("GET", "/acme/orders/3/", 307, "get /{tenant}/orders/{key}"),
    ("GET", "/acme/orders/inner/slashed/3/", 200, "get /{tenant}/orders/inner/slashed/{key}/"),
    ("GET", "/acme/orders/inner/slashed/3", 307, "get /{tenant}/orders/inner/slashed/{key}/"),
    ("GET", "/below/acme/items/1/", 200, "get /below/{shop}/items/{key}/"),
    ("GET", "/below/acme/items/1", 307, "get /below/{shop}/items/{key}/"),
    ("DELETE", "/below/acme/items/1/", 405, "delete /below/{shop}/items/{key}/"),
    ("GET", "/below/acme/nowhere", 404, "get /below/{shop}/{path}"),
]
ERRORS = {
    "/boom": "ValueError: no such order",
    "/sync-boom": "ValueError: no such order",
    "/unavailable": "HTTPException: 503: Service Unavailable",
}


@pytest.mark.parametrize("way", ["install", "install-app", "add-middleware", "around", "all-of-them"])
@pytest.mark.parametrize(("method", "path", "status", "name"), ROUTES)
def test_an_answer_of_any_status_is_named_by_its_route(
    traced: Traced, way: str, method: str, path: str, status: int, name: str
) -> None:
    """Answers 3xx, 4xx and 5xx are named by route as a 200 is, with all prefixes, however tracing is installed."""
    app: Any = shop()
    if way in ("install", "all-of-them"):
        fastapi.install(policy=traced.policy)
        fastapi.install(policy=traced.policy)
    if way in ("install-app", "all-of-them"):
        fastapi.install(app, traced.policy)
    if way in ("add-middleware", "all-of-them"):
        app.add_middleware(asgi.TracingMiddleware, policy=traced.policy)
    if way in ("around", "all-of-them"):
        app = asgi.TracingMiddleware(app, traced.policy)

    assert status == call(app, method, path).status_code
    span = traced.one()
    assert (name, None if status == 200 else str(status)) == (span.name, span.tags.get("http.status_code"))
    if path in ERRORS and way != "add-middleware":
        assert ERRORS[path] == span.tags["error"]
    assert (status >= 500) == ("error" in span.tags)
    assert 0 == traced.policy.faults


@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_is_the_error_of_a_span_of_add_middleware(traced: Traced, debug: bool) -> None:
    """A middleware inside the one that makes the 500 records the exception's text, and the status."""
    app = shop(debug=debug)
    app.add_middleware(asgi.TracingMiddleware, policy=traced.policy)

    call(app, "GET", "/boom")
    span = traced.one()
    assert ("ValueError: no such order", "500") == (span.tags["error"], span.tags["http.status_code"])


def test_an_exception_handler_is_inside_the_span(traced: Traced) -> None:
    """An exception handler runs inside the span and sets its status; from 500 on, the exception is the error."""
    app = shop()
    seen: list[str | None] = []

    @app.exception_handler(ValueError)
    async def on_value_error(request: Request, error: Exception) -> JSONResponse:
        seen.append(traced.active_id())
        return JSONResponse({}, 503 if "late" in request.query_params else 400)

    fastapi.install(app, traced.policy)
    call(app, "GET", "/boom")
    call(app, "GET", "/boom?late")

    refused, failed = traced.spans
    assert [refused.span_id, failed.span_id] == seen
    assert ("400", None) == (refused.tags["http.status_code"], refused.tags.get("error"))
    assert ("503", "ValueError: no such order") == (failed.tags["http.status_code"], failed.tags["error"])


def test_all_that_serves_a_request_has_its_span(traced: Traced) -> None:
    """The span is active in middleware, dependencies, sync and async endpoints, gathered tasks and background tasks."""
    app = FastAPI()
    seen: dict[str, str | None] = {}

    async def note(name: str) -> None:
        await asyncio.sleep(0)
        seen[name] = traced.active_id()

    class Around(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            await note("middleware")
            return await call_next(request)

    app.add_middleware(Around)

    async def dependency() -> AsyncIterator[None]:
        await note("dependency")
        yield
        await note("end of dependency")

    @app.get("/async", dependencies=[Depends(dependency)])
    async def run(tasks: BackgroundTasks) -> None:
        tasks.add_task(note, "background")
        await asyncio.gather(note("first"), note("second"))
        seen["thread"] = await asyncio.to_thread(traced.active_id)

    @app.get("/sync")
    def run_in_pool() -> None:
        seen["sync endpoint"] = traced.active_id()

    fastapi.install(app, traced.policy)
    call(app, "GET", "/async")
    id = traced.one().span_id

    assert dict.fromkeys(
        ["middleware", "dependency", "end of dependency", "first", "second", "thread", "background"], id
    ) == dict(seen)
    call(app, "GET", "/sync")

    assert traced.one().span_id == seen["sync endpoint"]


def test_a_background_task_does_not_lengthen_the_span(traced: Traced) -> None:
    """The span ends with the answer's last byte; a background task that runs longer is its child."""
    app = FastAPI()
    recorded: list[int] = []

    def later() -> None:
        recorded.append(len(traced.spans))
        with traced.tracer.start_active_span("clean up"):
            pass

    @app.get("/")
    def index(tasks: BackgroundTasks) -> None:
        tasks.add_task(later)

    fastapi.install(app, traced.policy)
    call(app, "GET", "/")
    server, child = traced.spans

    assert [1] == recorded
    assert (server.trace_id, server.span_id) == (child.trace_id, child.parent_id)


def test_a_stream_lasts_until_its_last_byte(traced: Traced) -> None:
    """The span of a streamed answer ends after its last chunk, and work between chunks is its child."""
    app = FastAPI()
    during: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3):
            during.append(len(traced.spans))
            with traced.tracer.start_active_span(f"chunk {number}"):
                yield b"x"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(chunks())

    fastapi.install(app, traced.policy)
    assert b"xxx" == call(app, "GET", "/stream").content
    *parts, server = traced.spans

    assert [0, 1, 2] == during
    assert [server.span_id] * 3 == [part.parent_id for part in parts]
    assert "get /stream" == server.name


def test_a_stream_that_fails_in_the_middle_has_the_exception(traced: Traced) -> None:
    """An exception after the first byte is the span's error; the span keeps the status that was sent."""
    app = FastAPI()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        raise ValueError("half")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(chunks())

    fastapi.install(app, traced.policy)
    call(app, "GET", "/stream")
    span = traced.one()

    assert ("ValueError: half", None) == (span.tags["error"], span.tags.get("http.status_code"))


def test_a_websocket_is_one_span(traced: Traced) -> None:
    """A websocket is one span from its handshake to its close, with its route, whatever messages it carries."""
    app = FastAPI()
    below = FastAPI()

    @below.websocket("/chat/{room}")
    async def chat(socket: WebSocket, room: str) -> None:
        await socket.accept()
        while True:
            text = await socket.receive_text()
            with traced.tracer.start_active_span("answer"):
                await socket.send_text(text)

    app.mount("/below", below)
    fastapi.install(policy=traced.policy)
    with suppress(WebSocketDisconnect), TestClient(app).websocket_connect("/below/chat/1") as client:
        for _ in range(2):
            client.send_text("hello")
            client.receive_text()
    *answers, server = traced.spans

    assert "websocket /below/chat/{room}" == server.name
    assert {server.span_id} == {answer.parent_id for answer in answers}
    assert "error" not in server.tags


def test_a_refused_handshake_is_a_403(traced: Traced) -> None:
    """A websocket that is closed before it is accepted has the status that the client gets, 403."""
    app = FastAPI()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.close()

    fastapi.install(app, traced.policy)
    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect("/chat"):
        pass
    span = traced.one()

    assert ("websocket /chat", "403") == (span.name, span.tags["http.status_code"])


def test_a_websocket_that_fails_has_the_exception(traced: Traced) -> None:
    """An exception of a websocket's endpoint is its span's error."""
    app = FastAPI()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        raise ValueError("no such room")

    fastapi.install(app, traced.policy)
    with pytest.raises(ValueError, match="room"), TestClient(app).websocket_connect("/chat"):
        pass

    assert "ValueError: no such room" == traced.one().tags["error"]


def test_lifespan_runs_untraced(traced: Traced) -> None:
    """Start-up and shutdown of an application run as they do without tracing, and make no spans."""
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        events.append("start")
        yield {"pool": 7}
        events.append("stop")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    def index(request: Request) -> int:
        found: int = request.state.pool
        return found

    fastapi.install(app, traced.policy)

    assert 7 == call(asgi.TracingMiddleware(app, traced.policy), "GET", "/").json()
    assert (["start", "stop"], 1) == (events, len(traced.spans))


@pytest.mark.parametrize("fails", [False, True])
def test_what_waits_is_sent_at_shutdown(traced: Traced, fails: bool) -> None:
    """At the end of the lifespan the tracer is flushed before the server gets the last message; a failure is counted."""
    events: list[str] = []

    def flush(timeout: float | None = None) -> bool:
        events.append("flush")
        if fails:
            raise OSError("no collector")
        return True

    traced.tracer.flush = flush  # type: ignore[method-assign]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        events.append("stop")

    app = FastAPI(lifespan=lifespan)
    fastapi.install(app, traced.policy)
    with served_by_uvicorn(app):
        pass

    assert (["stop", "flush"], int(fails)) == (events, traced.policy.faults)


def test_starlette_has_routes_of_its_own(traced: Traced) -> None:
    """Starlette's routes, mounts and endpoint classes name spans as FastAPI's routes do."""

    def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    app = Starlette(
        routes=[
            Route("/users/{id:int}", answer),
            Mount("/v1/{tenant}", routes=[Route("/x/{y:path}", answer), WebSocketRoute("/chat/{z}", chat)]),
            Mount("/app", Starlette(routes=[Mount("/deeper", Starlette(routes=[Route("/", answer)]))])),
        ]
    )
    starlette.install(app, traced.policy)
    for path in ("/users/1", "/v1/acme/x/a/b", "/app/deeper/", "/app/deeper", "/app/nowhere", "/nowhere"):
        call(app, "GET", path)
    with TestClient(app).websocket_connect("/v1/acme/chat/1"):
        pass

    assert [
        "get /users/{id}",
        "get /v1/{tenant}/x/{y}",
        "get /app/deeper/",
        "get /app/deeper/{path}",
        "get /app/{path}",
        "get not_found",
        "websocket /v1/{tenant}/chat/{z}",
    ] == traced.names


def test_one_application_of_two_is_traced(traced: Traced) -> None:
    """`install` with an application traces only that one, and its own policy outranks the policy for all."""
    first, second, other = FastAPI(), FastAPI(), Traced()
    fastapi.install(first, traced.policy)
    call(first, "GET", "/")
    call(second, "GET", "/")

    assert 1 == len(traced.spans)
    fastapi.install(policy=other.policy)
    call(first, "GET", "/")
    call(second, "GET", "/")

    assert (2, 1) == (len(traced.spans), len(other.spans))


def test_uninstall_restores(traced: Traced) -> None:
    """`uninstall` puts back the original classes."""
    before = [Starlette.__call__, FastAPI.__call__, Route.handle, Mount.handle, WebSocketRoute.handle]
    app = FastAPI()
    fastapi.install(policy=traced.policy)
    starlette.install(policy=traced.policy)
    fastapi.install(app, policy=traced.policy)
    fastapi.uninstall()
    call(app, "GET", "/")

    assert 1 == len(traced.spans)
    starlette.uninstall()
    call(app, "GET", "/")

    assert before == [Starlette.__call__, FastAPI.__call__, Route.handle, Mount.handle, WebSocketRoute.handle]
    assert 1 == len(traced.spans)


def test_a_middleware_may_copy_the_scope(traced: Traced) -> None:
    """A route is found although a middleware passes a copy of the scope to the application."""
    app = shop()
    fastapi.install(app, traced.policy)

    class Copying:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(dict(scope), receive, send)

    app.add_middleware(Copying)
    for path in ("/acme/orders/3", "/below/acme/items/1/"):
        call(app, "GET", path)

    assert ["get /{tenant}/orders/{key}", "get /below/{shop}/items/{key}/"] == traced.names


def test_a_real_server_serves_what_it_would(traced: Traced) -> None:
    """On uvicorn, an answer has the same bytes, and a hundred requests have a hundred spans with the client's address."""
    app = shop()
    with served_by_uvicorn(app) as address:
        plain = requests.get(f"http://{address}/users/1", timeout=10)
    fastapi.install(app, traced.policy)
    with served_by_uvicorn(app) as address, requests.Session() as session:
        for number in range(100):
            answer = session.get(f"http://{address}/users/{number}", timeout=10)

    assert (plain.status_code, sorted(plain.headers)) == (answer.status_code, sorted(answer.headers))
    assert b"99" == answer.content
    assert ["get /users/{id}"] * 100 == traced.names
    assert "127.0.0.1" == traced.spans[0].remote.ipv4


@pytest.mark.parametrize("kind", ["stream", "receive", "asleep"])
def test_a_client_that_leaves_is_no_error(traced: Traced, kind: str) -> None:
    """A client that closes its connection in the middle of an answer ends the span, without an error."""
    app = FastAPI()
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(endless())

    @app.post("/receive")
    async def receive(request: Request) -> None:
        try:
            await request.body()
        finally:
            ended.set()

    @app.post("/asleep")
    async def asleep(request: Request) -> int:
        while not await request.is_disconnected():
            await asyncio.sleep(0.001)
        ended.set()
        return 1

    fastapi.install(app, traced.policy)
    with served_by_uvicorn(app) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port))) as client:
            head = f"POST /{kind} HTTP/1.1\r\nHost: x\r\nContent-Length: {9 if kind == 'receive' else 0}\r\n\r\n"
            client.sendall(head.encode())
            if kind == "stream":
                client.recv(10)
        assert ended.wait(20)
    span = traced.one()

    assert (f"post /{kind}", None) == (span.name, span.tags.get("error"))


def test_a_request_that_is_cancelled_is_no_error(traced: Traced) -> None:
    """A task that is cancelled while it serves ends its span, without an error."""
    started = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        started.set()
        await asyncio.sleep(60)

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        task = asyncio.ensure_future(asgi.serve(traced.policy, endless, scope, None, None))  # type: ignore[arg-type]
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert "error" not in traced.one().tags
