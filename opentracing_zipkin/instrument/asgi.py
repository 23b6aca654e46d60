"""Middleware for any ASGI application: a span from the request's headers to the answer's last byte, or a websocket's close.

Rules: every message passes unchanged.  The span is active as long as the application runs, so background tasks are its
children; it ends with the last byte.  A client that leaves, or a task that is cancelled, is no error.  This file repeats the
steps of `wsgi` as coroutines.  They are not shared, because a shared function would cost one more call for each request.
Source: ASGI 3.0, HTTP & WebSocket.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .http import HttpPolicy, is_silent
from .lifespan import flushing_at_shutdown
from .routes import route_of_template
from .server import MARK, Exchange, forwarded_address, policy_or_default, serving

__all__ = ["AsgiApplication", "AsgiExchange", "TracingMiddleware", "begin", "exchange_of", "serve"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class TracingMiddleware:
    """An ASGI application around another; it makes no span for a lifespan, or for a request that has one already.

    `policy`: None for the policy that `configure` fills.
    """

    makes_server_spans = True  # read by `fastapi_telemetry`

    def __init__(self, app: AsgiApplication, policy: HttpPolicy | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app is of type {type(app).__name__}; use an ASGI application")
        self.app = app
        self._policy = policy_or_default(policy)
        _watch_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._policy, self.app, scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # `copy` asks for attributes before `app` is set
            raise AttributeError(name)
        return getattr(self.app, name)  # the application's attributes are the middleware's, too


def _watch_routes() -> None:
    """Watch Starlette's routes, if it is imported, because Starlette itself does not tell where a request is mounted."""
    if "starlette.routing" in sys.modules:
        from . import starlette_routes

        starlette_routes.watch()


def exchange_of(scope: Scope) -> AsgiExchange | None:
    """The exchange of the request that is being served; None where the request is not traced."""
    return scope.get(MARK)


async def serve(policy: HttpPolicy, app: AsgiApplication, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the application with a span around it."""
    exchange = begin(policy, scope, send)
    if exchange is None:
        await app(scope, receive, flushing_at_shutdown(policy, scope, send))
        return
    active = exchange.serving.activate(exchange.span, False)
    try:
        await app(scope, receive, send if exchange.is_silent else exchange.send)
    except BaseException as error:
        active.close()
        if _is_disconnect(error, exchange.disconnect_error):
            exchange.end_unanswered()
        else:
            exchange.end(_single_cause(error))
        raise
    active.close()
    exchange.end()


def begin(policy: HttpPolicy, scope: Scope, send: Send) -> AsgiExchange | None:
    """Begin the exchange of a request or a websocket.

    None where there is nothing to trace (a lifespan, a request with a span), and where the start fails, which is logged once.
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
        if type(headers) is not list and iter(headers) is headers:  # an iterator can be read only once
            scope["headers"] = headers = list(headers)
        carrier = headers if served.reads_raw else _headers(scope)
        exchange.span = span = served.start(carrier, scope, method, path, _address(scope, served.trust_forwarded), _header)
        exchange.is_silent = is_silent(policy, span)
        scope[MARK] = exchange
        return exchange
    except Exception as fault:
        served.policy.log_fault("the start of a served request's span", fault)
        return None


def _single_cause(error: BaseException) -> BaseException:
    """The exception inside a group of one; older Starlettes raise such a group for an exception in a stream."""
    parts = getattr(error, "exceptions", None)
    return _single_cause(parts[0]) if type(parts) is tuple and len(parts) == 1 else error


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.lower().encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted), None)


class AsgiExchange(Exchange):
    """A request through ASGI.

    `prefix`: the templates of all mounts that the request has passed; `mount`: Starlette's innermost Mount among them.
    """

    prefix = ""
    mount: Any = None  # None where the application is not mounted
    disconnect_error: OSError | None = None  # the server's exception when the client has left
    _send: Send

    header = staticmethod(_header)

    async def send(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            self.disconnect_error = error
            raise
        try:
            kind = message["type"]
            if kind == "http.response.body":
                # After a 500, a framework raises the exception that caused it, so the span waits for the exception.
                if self.status < 500 and not message.get("more_body", False):
                    self.end()
            elif kind == "http.response.start" or kind == "websocket.http.response.start":
                self.status = status = int(message["status"])
                if status >= 500 and self.error is None:
                    self.error = sys.exc_info()[1]  # an exception handler sends this answer
            elif kind == "websocket.close" and not self.status:
                self.status = 403  # the handshake is refused
            elif kind == "websocket.accept":
                self.status = 101
        except Exception as fault:  # the server may understand a message that we do not
            self.serving.policy.log_fault("the reading of an ASGI message", fault)

    def end_unanswered(self) -> None:
        """End after the client has left: this is no error, and a 500 that a framework made of it has reached nobody."""
        self.error = None
        if self.status >= 500:
            self.status = 0
        self.end()

    def _find_route(self) -> str | None:
        template = self.native.get("path_template")  # Litestar sets it
        if template:
            return self.prefix + route_of_template(template)
        if "starlette.routing" not in sys.modules:
            return None
        from . import starlette_routes

        return starlette_routes.find(self)


def _is_disconnect(error: BaseException, disconnect_error: OSError | None) -> bool:
    """Whether the client has left: the server's own exception, or one that Starlette, Uvicorn or others raise for that."""
    if error is disconnect_error or type(error).__name__ in ("ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"):
        return True
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())  # the parts of an exception group
    return type(parts) is tuple and bool(parts) and all(_is_disconnect(part, disconnect_error) for part in parts)


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
