"""A service of each framework that calls another service, driven without a server and without a network.

Rules: all code between the two ends is the libraries' own.  At the server's end the application is called with what a server
would pass to it.  At the client's end a connection discards all that is sent and returns the same response each time.
A service that is made before the instrumentation stays a plain one: its classes keep the functions that the libraries' classes
had at that time.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator,no-untyped-call"
# The libraries are only installed in a separate environment.

from __future__ import annotations

import asyncio
import io
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..samples import HEADERS

__all__ = ["APPLICATIONS"]

# Performs this number of requests.
Requests = Callable[[int], None]

URL = "http://payments.internal:8080/payments/7?currency=EUR"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 26 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 13\r\nConnection: keep-alive\r\n\r\n" + b'{"paid":true}'
)

_RECEIVED = {
    "host": "shop.example:8000",
    "user-agent": "python-requests/2.34.2",
    "accept-encoding": "gzip, deflate",
    "accept": "*/*",
    "connection": "keep-alive",
}
_B3 = {name: value for name, value in HEADERS.items() if name.startswith("x-b3-")}


@contextmanager
def flask(plain: bool, traced: bool) -> Iterator[Requests]:
    """Flask, with one call by requests; `traced` means that the caller has sent B3."""
    import flask
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    class Connection(HTTPConnection):
        def connect(self) -> None:
            self.sock = _Socket()

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    application: Any = flask.Flask
    new_session: Any = requests.Session
    new_adapter: Any = HTTPAdapter
    if plain:
        application = _keeping(flask.Flask, "__call__", "wsgi_app")
        new_session = _keeping(requests.Session, "send", "request", "get_adapter")
        new_adapter = _keeping(HTTPAdapter, "send")
    app, session, adapter = application("shop"), new_session(), new_adapter()
    session.trust_env = False
    adapter.poolmanager.pool_classes_by_scheme = {"http": Pool}
    session.mount("http://", adapter)

    @app.get("/orders/<int:number>")
    def order(number: int) -> Any:
        paid = session.get(URL).json()
        return flask.jsonify(order=number, paid=paid["paid"])

    headers = {**_RECEIVED, **(_B3 if traced else {})}
    given = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/orders/7",
        "QUERY_STRING": "all=1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "0.0.0.0",
        "SERVER_PORT": "8000",
        "SERVER_SOFTWARE": "bench",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }
    answers: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        answers.append(status)

    def requests_of(count: int) -> None:
        for _ in range(count):
            body: Any = app({**given, "wsgi.input": io.BytesIO()}, start_response)
            for _ in body:
                pass
            body.close()
        _check_answers([int(status[:3]) for status in answers], count)
        answers.clear()

    yield requests_of
    session.close()


class _Socket:
    """A socket that is always writable, and that has a response as soon as it is read."""

    def __init__(self) -> None:
        self._idle, self._other = socket.socketpair()  # never has data, like an idle connection

    def fileno(self) -> int:
        return self._idle.fileno()

    def sendall(self, data: bytes) -> None: ...

    def settimeout(self, timeout: float | None) -> None: ...

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(ANSWER)

    def close(self) -> None:
        self._idle.close()
        self._other.close()


@contextmanager
def fastapi(plain: bool, traced: bool) -> Iterator[Requests]:
    """FastAPI, with one call by httpx's asynchronous client; `traced` means that the caller has sent B3."""
    import fastapi
    import httpcore
    import httpx
    import starlette.applications

    class Stream(httpcore.AsyncNetworkStream):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return ANSWER

        async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

        async def aclose(self) -> None: ...

        def get_extra_info(self, info: str) -> Any:
            return None

    class Network(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, *_: Any, **__: Any) -> Stream:
            return Stream()

    application: Any = fastapi.FastAPI
    new_transport: Any = httpx.AsyncHTTPTransport
    if plain:
        # Placed between FastAPI and the class that it calls by `super()`.
        below = _keeping(starlette.applications.Starlette, "__call__")
        application = _keeping(fastapi.FastAPI, "__call__", below=below)
        new_transport = _keeping(httpx.AsyncHTTPTransport, "handle_async_request")
    app, transport = application(), new_transport()
    if plain:
        app._native_telemetry = _Disabled(app._native_telemetry)
        below = _keeping(starlette.routing.Route, "handle")
        app.router.route_class = _keeping(fastapi.routing.APIRoute, "handle", below=below)
    transport._pool = httpcore.AsyncConnectionPool(network_backend=Network())
    client = httpx.AsyncClient(transport=transport, trust_env=False)

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, Any]:
        paid = (await client.get(URL)).json()
        return {"order": number, "paid": paid["paid"]}

    headers = {**_RECEIVED, **(_B3 if traced else {})}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    given = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/orders/7",
        "raw_path": b"/orders/7",
        "query_string": b"all=1",
        "root_path": "",
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    answers: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def ask(count: int) -> None:
        for _ in range(count):  # each request in its own task, as servers do it
            await asyncio.create_task(app({**given, "state": {}, "headers": list(pairs)}, receive, send))

    loop = asyncio.new_event_loop()

    def requests_of(count: int) -> None:
        loop.run_until_complete(ask(count))
        _check_answers(answers, count)
        answers.clear()

    yield requests_of
    loop.run_until_complete(client.aclose())
    loop.close()


class _Disabled:
    """FastAPI's own telemetry, kept as it is without OpenTelemetry's SDK, even after the SDK is set up."""

    def __init__(self, telemetry: Any) -> None:
        self._telemetry = telemetry

    def enabled(self) -> bool:
        self._telemetry.enabled()
        return False


def _keeping(owner: Any, *names: str, below: Any = None) -> Any:
    """A subclass that keeps these functions as they are now."""
    bases = (owner,) if below is None else (owner, below)
    return type(owner.__name__, bases, {name: getattr(owner, name) for name in names})


def _check_answers(statuses: list[int], count: int) -> None:
    if statuses != [200] * count:
        raise RuntimeError(f"{count} requests were answered by {set(statuses)}")


APPLICATIONS: dict[str, Callable[[bool, bool], AbstractContextManager[Requests]]] = {"flask": flask, "fastapi": fastapi}
