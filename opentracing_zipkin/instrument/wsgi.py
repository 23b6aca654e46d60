"""Middleware for any WSGI application: a span from the request's headers to the answer's last byte.

Rules: the server and the client get the same bytes with the middleware as without it: a list stays a list, a sized answer keeps
its length, `wsgi.file_wrapper` keeps its sendfile, and an application's mistakes reach the server unchanged.
Source: PEP 3333.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import IOBase
from typing import Any

from .http import HttpPolicy, is_silent
from .routes import wsgi_route, wsgi_text
from .server import MARK, Exchange, forwarded_address, policy_or_default, serving

__all__ = ["TracingMiddleware", "WsgiApplication", "WsgiExchange", "begin", "exchange_of", "serve"]

MAX_REMEMBERED = 100  # classes of bodies

StartResponse = Callable[..., Any]
WsgiApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class TracingMiddleware:
    """A WSGI application around another; it makes no second span for a request that has one already.

    `policy`: None for the policy that `configure` fills.
    """

    def __init__(self, app: WsgiApplication, policy: HttpPolicy | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app is of type {type(app).__name__}; use a WSGI application")
        self._app = app
        self._policy = policy_or_default(policy)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return serve(self._policy, self._app, environ, start_response)

    def __getattr__(self, name: str) -> Any:
        if name == "_app":  # `copy` asks for attributes before `_app` is set
            raise AttributeError(name)
        return getattr(self._app, name)  # the application's attributes are the middleware's, too


def exchange_of(environ: dict[str, Any]) -> WsgiExchange | None:
    """The exchange of the request that is being served; None where the request is not traced."""
    return environ.get(MARK)


def serve(policy: HttpPolicy, app: WsgiApplication, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Run the application with a span around it, and return its answer."""
    exchange = begin(policy, environ, start_response)
    if exchange is None:
        return app(environ, start_response)
    scope = exchange.serving.activate(exchange.span, False)
    try:
        body = app(environ, start_response if exchange.is_silent else exchange.start_response)
    except BaseException as error:
        scope.close()
        exchange.end(error)
        raise
    scope.close()
    if hasattr(scope, "run_again"):
        exchange.run = scope.run_again  # type: ignore[method-assign]
    answer: Iterable[bytes] = exchange.answer(body)
    return answer


def begin(
    policy: HttpPolicy, environ: dict[str, Any], start_response: StartResponse | None, path: str | None = None
) -> WsgiExchange | None:
    """Begin the exchange of a request; None where it has one already, and where the start fails, which is logged once.

    `path`: the decoded path, where a framework has changed the environ; None where the environ is as the server made it.
    """
    previous = environ.get(MARK)
    if previous is not None and not previous.ended:
        return None
    served = serving(policy)
    if served is None:
        return None
    try:
        method = environ["REQUEST_METHOD"]
        if path is None:
            path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
            if not path.isascii():
                path = wsgi_text(path)
        exchange = WsgiExchange()
        exchange.serving = served
        exchange.method = method
        exchange.path = path
        exchange.native = environ
        exchange._send = start_response
        carrier = environ if served.reads_raw else _headers(environ)
        exchange.span = span = served.start(carrier, environ, method, path, _address(environ, served.trust_forwarded), _header)
        exchange.is_silent = is_silent(policy, span)
        environ[MARK] = exchange
        return exchange
    except Exception as fault:
        served.policy.log_fault("the start of a served request's span", fault)
        return None


def _header(environ: dict[str, Any], name: str) -> str | None:
    key = name.upper().replace("-", "_")
    found: str | None = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
    return found


class WsgiExchange(Exchange):
    """A request through WSGI; also the iterator that a server gets in place of a streamed body."""

    _unsent_bytes = -1  # bytes of Content-Length that are not sent yet; -1 where the length is unknown
    _body: Any
    _next: Callable[[], bytes]
    _send: Any

    header = staticmethod(_header)

    def start_response(self, *args: Any, **kwargs: Any) -> Any:
        """Call the server's `start_response`, then note status and headers; a call that the server refuses is not noted."""
        write = self._send(*args, **kwargs)
        try:
            self._read_start(*args, **kwargs)
        except Exception as fault:
            self.serving.policy.log_fault("the reading of a WSGI response", fault)
        return write

    def _read_start(self, status: str, headers: Any, exc_info: Any = None) -> None:
        self.status = int(status[:3])
        if self.route is None and not self.ended:  # read now, because Flask removes it from the environ later
            self.route = wsgi_route(self.native)
        if exc_info and self.error is None:
            self.error = exc_info[1]
        self._unsent_bytes = -1
        if type(headers) is list and self.method != "HEAD":
            for name, value in headers:
                if len(name) == 14 and name.lower() == "content-length":
                    self._unsent_bytes = int(value)

    def _find_route(self) -> str | None:
        return None if self.native is None else wsgi_route(self.native)

    def answer(self, body: Any) -> Any:
        """The body to hand to the server; ends the span at once where the body is complete."""
        kind: Any = type(body)
        if kind is list or kind is tuple:
            self.end()
            return body
        is_iterable, is_sized, is_of_werkzeug = _shape(kind)
        if not is_iterable or (is_of_werkzeug and _is_complete(body)):
            self.end()
            return body
        wrapper = None if self.native is None else self.native.get("wsgi.file_wrapper")
        # The wrapper may be a function, as uWSGI's is; then it returns the file itself.
        if wrapper is not None and isinstance(body, wrapper if isinstance(wrapper, type) else IOBase):
            return self._end_at_close(body)
        self._body = body
        self._next = self._next_first
        return _SizedBody(self) if is_sized else self

    def _end_at_close(self, body: Any) -> Any:
        """End the span at `close` of a file; the server may send the file itself, so it must not be wrapped."""
        if not hasattr(body, "close"):
            self.end()
            return body
        close = body.close

        def close_and_end() -> None:
            try:
                close()
            except BaseException as error:
                self.end(error)
                raise
            self.end()

        try:
            body.close = close_and_end
        except (AttributeError, TypeError):  # objects of C types do not take new attributes
            self.end()
        return body

    def __iter__(self) -> Iterator[bytes]:
        # `iter` is called only when the server iterates: where it raises, the server then calls `close`.
        try:
            self._next = iter(self._body).__next__
        except BaseException as error:
            self.end(error)
            raise
        return self

    def _next_first(self) -> bytes:
        """The first chunk, for a server that calls `next` without `iter`."""
        self.__iter__()
        return self._next()

    def __next__(self) -> bytes:
        if self.ended:
            return self._next()
        try:
            chunk: bytes = self.run(self._next)
        except StopIteration:
            self.end()
            raise
        except BaseException as error:
            self.end(error)
            raise
        if self._unsent_bytes > 0 and type(chunk) is bytes:
            self._unsent_bytes -= len(chunk)
            # Some servers read from the client before they call `close`, which can take a long time.
            if self._unsent_bytes <= 0:
                self.end()
        return chunk

    def close(self) -> None:
        if hasattr(self._body, "close"):
            try:
                self.run(self._body.close)
            except BaseException as error:
                self.end(error)
                raise
        self.end()


@lru_cache(MAX_REMEMBERED)
def _shape(kind: Any) -> tuple[bool, bool, bool]:
    """Whether a body of this class is iterable, has a length, and is Werkzeug's; kept, because finding out takes 1 µs."""
    is_of_werkzeug = (kind.__module__, kind.__name__) == ("werkzeug.wsgi", "ClosingIterator")
    return hasattr(kind, "__iter__"), hasattr(kind, "__len__"), is_of_werkzeug


def _is_complete(body: Any) -> bool:
    """Whether a body of Werkzeug is a response's list that only needs encoding, without a function that runs at its close.

    Nearly all bodies of Flask are: then the span can end at once, which takes 5 µs less than iterating over the body.
    """
    try:
        chunks, response = body._callbacks[0].__self__, body._callbacks[-1].__self__
        return chunks.gi_code.co_name == "_iter_encoded" and type(response.response) is list and not response._on_close
    except (AttributeError, IndexError):  # another kind of body, or a Werkzeug that differs
        return False


class _SizedBody:
    """A body with a length, from which a server may make Content-Length."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: WsgiExchange) -> None:
        self._exchange = exchange

    def __len__(self) -> int:
        return len(self._exchange._body)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._exchange)

    def close(self) -> None:
        self._exchange.close()


def _address(environ: dict[str, Any], trust_forwarded: bool) -> str:
    if trust_forwarded and "HTTP_X_FORWARDED_FOR" in environ:
        forwarded = forwarded_address(environ["HTTP_X_FORWARDED_FOR"])
        if forwarded:
            return forwarded
    host: str = environ.get("REMOTE_ADDR") or ""
    port = environ.get("REMOTE_PORT")
    if not host or not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    return {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
