"""Middleware for any ASGI application: a span from the request's headers to the answer's last byte, or a websocket's close.

Rules: every message passes as it is.  The span is the active one as long as the application runs, so background tasks are its
children; it ends with the last byte.  A client that leaves, or a task that is cancelled, is no error.
Source: ASGI 3.0, HTTP & WebSocket.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .http import HttpPolicy, is_silent
from .lifespan import sending_at_shutdown
from .routes import route_of_template
from .server import MARK, Exchange, forwarded_address, policy_or_default, serving

__all__ = ["AsgiApplication", "AsgiExchange", "TracingMiddleware", "begin", "exchange_of", "serve"]

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
        _watch_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._policy, self.app, scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # while it is being copied
            raise AttributeError(name)
        return getattr(self.app, name)  # for applications that have attributes


def _watch_routes() -> None:
    """Starlette tells nobody where a request is mounted, so its routes are watched as soon as they may be used."""
    if "starlette.routing" in sys.modules:
        from . import starlette_routes

        starlette_routes.watch()


def exchange_of(scope: Scope) -> AsgiExchange | None:
    """The request that is being served, None where it is not traced."""
    return scope.get(MARK)


async def serve(policy: HttpPolicy, app: AsgiApplication, scope: Scope, receive: Receive, send: Send) -> None:
    """The application's run, traced."""
    exchange = begin(policy, scope, send)
    if exchange is None:
        await app(scope, receive, sending_at_shutdown(policy, scope, send))
        return
    active = exchange.serving.activate(exchange.span, False)
    try:
        await app(scope, receive, send if exchange.is_silent else exchange.send)
    except BaseException as error:
        active.close()
        if _is_disconnect(error, exchange.gone):
            exchange.end_unanswered()
        else:
            exchange.end(_only_one(error))
        raise
    active.close()
    exchange.end()


def begin(policy: HttpPolicy, scope: Scope, send: Send) -> AsgiExchange | None:
    """Begin the exchange of a request or a websocket.

    None where there is nothing to trace (it has a span already, or is a lifespan), and where that fails, which is told.
    """
    previous = scope.get(MARK)
    if previous is not None and not previous.ended:
        return None
    served = serving(policy)
    if served is None:
        return None
    kind = scope["type"]
    if kind != "http" and kind != "websocket":
        return None
    try:
        method = scope["method"] if kind == "http" else "WEBSOCKET"
        path = scope["path"]
        exchange = AsgiExchange()
        exchange.serving = served
        exchange.method = method
        exchange.path = path
        exchange.native = scope
        exchange._send = send
        headers = scope["headers"]
        if type(headers) is not list and iter(headers) is headers:  # can be read once
            scope["headers"] = headers = list(headers)
        carrier = headers if served.reads_raw else _headers(scope)
        exchange.span = span = served.start(carrier, scope, method, path, _address(scope, served.trust_forwarded), _header)
        exchange.is_silent = is_silent(policy, span)
        scope[MARK] = exchange
        return exchange
    except Exception as fault:
        served.policy.tell("the start of a served request's span", fault)
        return None


def _only_one(error: BaseException) -> BaseException:
    """The exception in a group of one, as older Starlettes raise for what has happened in a stream."""
    parts = getattr(error, "exceptions", None)
    return _only_one(parts[0]) if type(parts) is tuple and len(parts) == 1 else error


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted), None)


class AsgiExchange(Exchange):
    """`prefix`: the templates of all mounts that the request has passed; `mount`: the innermost one of Starlette."""

    prefix = ""
    mount: Any = None  # where it is not mounted
    gone: OSError | None = None  # the server's exception, where the client had left
    _send: Send

    header = staticmethod(_header)

    async def send(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            self.gone = error
            raise
        try:
            kind = message["type"]
            if kind == "http.response.body":
                # A framework raises an exception again after it has sent the 500 that it stands for: the span waits for it.
                if self.status < 500 and not message.get("more_body", False):
                    self.end()
            elif kind == "http.response.start" or kind == "websocket.http.response.start":
                self.status = status = int(message["status"])
                if status >= 500 and self.error is None:
                    self.error = sys.exc_info()[1]  # an exception handler gives this answer
            elif kind == "websocket.close" and not self.status:
                self.status = 403  # a handshake that is refused
            elif kind == "websocket.accept":
                self.status = 101
        except Exception as fault:  # a message that only this server understands
            self.serving.policy.tell("the reading of an ASGI message", fault)

    def end_unanswered(self) -> None:
        """The client has left: no error, and a 500 that a framework made of that has reached nobody."""
        self.error = None
        if self.status >= 500:
            self.status = 0
        self.end()

    def _find_route(self) -> str | None:
        template = self.native.get("path_template")  # Litestar's
        if template:
            return self.prefix + route_of_template(template)
        if "starlette.routing" not in sys.modules:
            return None
        from . import starlette_routes

        return starlette_routes.find(self)


def _is_disconnect(error: BaseException, gone: OSError | None) -> bool:
    """Whether the client has left: by what the server raised, or in the words of Starlette, Uvicorn and others."""
    if error is gone or type(error).__name__ in ("ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"):
        return True
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())  # a group's
    return type(parts) is tuple and bool(parts) and all(_is_disconnect(part, gone) for part in parts)


def _address(scope: Scope, trust_forwarded: bool) -> str:
    if trust_forwarded:
        forwarded = forwarded_address(_header(scope, "x-forwarded-for"))
        if forwarded:
            return forwarded
    client = scope.get("client")
    if not client or not client[0]:
        return ""
    host, port = client[0], client[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
