"""Middleware for any WSGI application: a span from the request's headers to the answer's last byte.

Rules: the server and the client get byte for byte what they get without it: a list stays a list, a sized answer keeps its
length, `wsgi.file_wrapper` its sendfile, and an application's mistakes stay the application's.
Source: PEP 3333.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from .http import HttpPolicy
from .routes import wsgi_route
from .server import MARK, Exchange, Serving, policy_or_default, serving

__all__ = ["TracingMiddleware", "WsgiApplication", "exchange_of", "serve"]

StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class TracingMiddleware:
    """A WSGI application around another; a request that is traced already passes through.

    `policy`: None for the one that `configure` fills.
    """

    def __init__(self, app: WsgiApplication, policy: HttpPolicy | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app is of type {type(app).__name__}; use a WSGI application")
        self._app = app
        self._policy = policy_or_default(policy)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return serve(self._policy, self._app, environ, start_response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)  # of an application that has more to it than a call


def exchange_of(environ: dict[str, Any]) -> Exchange | None:
    """The request that is being served, None where it is not traced."""
    return environ.get(MARK)


def serve(policy: HttpPolicy, app: WsgiApplication, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The application's answer, traced."""
    served = serving(policy)
    if served is None or MARK in environ:
        return app(environ, start_response)
    exchange = _begin(served, environ, start_response)
    if exchange is None:
        return app(environ, start_response)
    scope = served.activate(exchange.span, False)
    try:
        body = app(environ, exchange.start_response)
    except BaseException as error:
        scope.close()
        exchange.end(error)
        raise
    scope.close()
    answer: Iterable[bytes] = exchange.answer(body)
    return answer


def _begin(served: Serving, environ: dict[str, Any], start_response: StartResponse) -> _WsgiExchange | None:
    """None where something about the request, or the tracer, is beyond us: then it goes untraced."""
    try:
        method = environ["REQUEST_METHOD"]
        exchange = _WsgiExchange(served, method, _path(environ))
        exchange.native = environ
        exchange.header = _header
        exchange._send = start_response
        exchange._left = -1
        carrier = environ if served.reads_raw else _headers(environ)
        address = _address(environ, served.trust_forwarded)
        exchange.span = served.start(carrier, environ, method, exchange.path, address, _header)
        environ[MARK] = exchange
        return exchange
    except Exception as fault:
        served.policy.tell("the start of a served request's span", fault)
        return None


class _WsgiExchange(Exchange):
    """Also the iterator that a server gets in place of one that is streamed."""

    __slots__ = ("_body", "_left", "_next", "_send")

    _body: Any
    _left: int  # bytes of Content-Length that were not sent yet; -1 where it is not known
    _next: Callable[[], bytes]
    _send: StartResponse

    def start_response(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        with suppress(Exception):  # no status, or no headers: the server says so
            self._note(status, headers, exc_info)
        return self._send(status, headers, *exc_info)

    def _note(self, status: str, headers: list[tuple[str, str]], exc_info: tuple[Any, ...]) -> None:
        self.status = int(status[:3])
        if self.route is None and self.native is not None:  # now, because Flask takes it out of the environ again
            self.route = wsgi_route(self.native)
        if exc_info and exc_info[0] and self.error is None:
            self.error = exc_info[0][1]
        for name, value in headers:
            if len(name) == 14 and name.lower() == "content-length":
                self._left = int(value) if self.method != "HEAD" else -1

    def answer(self, body: Any) -> Any:
        """The body as the server may have it; ends the span where all of it is there already."""
        kind = type(body)
        if kind is list or kind is tuple or not hasattr(kind, "__iter__"):
            self.end()
            return body
        wrapper = self.native.get("wsgi.file_wrapper") if self.native is not None else None
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            return self._end_at_close(body)
        self._body = body
        try:
            self._next = iter(body).__next__
        except BaseException as error:
            self.end(error)
            raise
        return _SizedBody(self) if hasattr(kind, "__len__") else self

    def _end_at_close(self, body: Any) -> Any:
        """A file that the server may send by itself: it has to stay what it is, so its `close` is watched."""
        close = getattr(body, "close", None)

        def close_and_end() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self.end()

        try:
            body.close = close_and_end
        except (AttributeError, TypeError):  # a type in C
            self.end()
        return body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        scope = self.serving.activate(self.span, False)
        try:
            chunk = self._next()
        except StopIteration:
            scope.close()
            self.end()
            raise
        except BaseException as error:
            scope.close()
            self.end(error)
            raise
        scope.close()
        if self._left > 0:
            self._left -= len(chunk)
            # Some servers read from the client before they call `close`, which can take long.
            if self._left <= 0:
                self.end()
        return chunk

    def close(self) -> None:
        scope = self.serving.activate(self.span, False)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            scope.close()
            self.end()


class _SizedBody:
    """An answer with a length, by which a server may know Content-Length."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: _WsgiExchange) -> None:
        self._exchange = exchange

    def __len__(self) -> int:
        return len(self._exchange._body)

    def __iter__(self) -> Iterator[bytes]:
        return self._exchange

    def close(self) -> None:
        self._exchange.close()


def _path(environ: dict[str, Any]) -> str:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    # PEP 3333: bytes in the shape of ISO 8859-1.
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


def _address(environ: dict[str, Any], trust_forwarded: bool) -> str:
    if trust_forwarded and "HTTP_X_FORWARDED_FOR" in environ:
        forwarded: str = environ["HTTP_X_FORWARDED_FOR"].partition(",")[0].strip()
        return forwarded
    host: str = environ.get("REMOTE_ADDR") or ""
    port = environ.get("REMOTE_PORT")
    if not host or not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    return {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}


def _header(environ: dict[str, Any], name: str) -> str | None:
    key = name.upper().replace("-", "_")
    found: str | None = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
    return found
