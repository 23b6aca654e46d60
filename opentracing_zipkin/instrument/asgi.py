"""Middleware for any ASGI application: a span from the request's headers to the answer's last byte, or a websocket's close.

Rules: every message passes as it is.  The span is the active one as long as the application runs, so background tasks are its
children; it ends with the last byte.  A client that leaves, or a task that is cancelled, is no error.
Source: ASGI 3.0, HTTP & WebSocket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .http import HttpPolicy
from .lifespan import sending_at_shutdown
from .server import MARK, Exchange, Serving, policy_or_default, serving

__all__ = ["AsgiApplication", "TracingMiddleware", "exchange_of", "serve"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class TracingMiddleware:
    """An ASGI application around another; a request that is traced already passes through, and so does the lifespan.

    `policy`: None for the one that `configure` fills.
    """

    def __init__(self, app: AsgiApplication, policy: HttpPolicy | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app is of type {type(app).__name__}; use an ASGI application")
        self.app = app
        self._policy = policy_or_default(policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._policy, self.app, scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.app, name)  # of an application that has more to it than a call


def exchange_of(scope: Scope) -> Exchange | None:
    """The request that is being served, None where it is not traced."""
    return scope.get(MARK)


async def serve(policy: HttpPolicy, app: AsgiApplication, scope: Scope, receive: Receive, send: Send) -> None:
    """The application's run, traced."""
    kind = scope["type"]
    served = serving(policy)
    if served is None or MARK in scope or (kind != "http" and kind != "websocket"):
        await app(scope, receive, sending_at_shutdown(policy, scope, send))
        return
    exchange = _begin(served, scope, send, kind)
    if exchange is None:
        await app(scope, receive, send)
        return
    active = served.activate(exchange.span, False)
    try:
        await app(scope, receive, exchange.send)
    except BaseException as error:
        active.close()
        exchange.end(None if _is_disconnect(error) else error)
        raise
    active.close()
    exchange.end()


def _begin(served: Serving, scope: Scope, send: Send, kind: str) -> _AsgiExchange | None:
    """None where something about the request, or the tracer, is beyond us: then it goes untraced."""
    try:
        method = scope["method"] if kind == "http" else "WEBSOCKET"
        exchange = _AsgiExchange(served, method, _path(scope))
        exchange.native = scope
        exchange.header = _header
        exchange._send = send
        carrier = scope["headers"] if served.reads_raw else _headers(scope)
        exchange.span = served.start(carrier, scope, method, exchange.path, _address(scope, served.trust_forwarded), _header)
        scope[MARK] = exchange
        return exchange
    except Exception as fault:
        served.policy.tell("the start of a served request's span", fault)
        return None


class _AsgiExchange(Exchange):
    __slots__ = ("_send",)

    _send: Send

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            # A framework raises an exception again after it has sent the 500 that it stands for: there the span waits for it.
            if self.status < 500 and not message.get("more_body", False):
                await self._send(message)
                self.end()
                return
        elif kind == "http.response.start" or kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close" and not self.status:
            self.status = 403  # a handshake that is refused
        elif kind == "websocket.accept":
            self.status = 101
        await self._send(message)


def _is_disconnect(error: BaseException) -> bool:
    """Whether the client has left, in the words of Starlette, Uvicorn and others."""
    return type(error).__name__ in ("ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect")


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path


def _address(scope: Scope, trust_forwarded: bool) -> str:
    if trust_forwarded:
        forwarded = _header(scope, "x-forwarded-for")
        if forwarded:
            return forwarded.partition(",")[0].strip()
    client = scope.get("client")
    if not client or not client[0]:
        return ""
    host, port = client[0], client[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted), None)
