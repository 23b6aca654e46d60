"""Django: a span for each request, through WSGI and ASGI, named by its route in the URL configuration.

Rules: `install` wraps the handlers, so that all middleware is inside the span; where only settings can be changed,
`opentracing_zipkin.instrument.django.TracingMiddleware` is the first entry of `MIDDLEWARE`.  An async chain stays async.  Only
the package `django` is imported before the program sets Django up: its handlers take 0.3 s, and load asyncio and ssl.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django

from . import asgi, wsgi
from .http import DEFAULT, HttpPolicy, check_policy
from .other_instrumentations import stand_back
from .patching import Patches
from .routes import route_of_pattern
from .server import MARK, Exchange

__all__ = ["TracingMiddleware", "install", "uninstall"]

_setup = Patches()
_handlers = Patches()
_policy: HttpPolicy | None = None  # None while not installed: another package's patch may keep our function inside it


def install(policy: HttpPolicy | None = None) -> None:
    """Trace all requests of this process; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("django") is not None:
        return
    _policy = policy or _policy or DEFAULT
    registry = sys.modules.get("django.apps.registry")
    if "django.core.handlers.base" in sys.modules or (registry is not None and registry.apps.ready):
        _watch_handlers()
    elif not _setup and registry is not None:  # `django.setup` may be running: it imports the settings, which may call us
        _setup.replace(registry.Apps, "populate", _setting_up)
    elif not _setup:
        _setup.replace(django, "setup", _setting_up)


def uninstall() -> None:
    """Put back the methods that `install` has replaced; a middleware in the settings stays."""
    global _policy
    _policy = None
    _setup.undo()
    _handlers.undo()


def _setting_up(original: Any) -> Any:
    def setup(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        if _policy is not None:
            try:
                _watch_handlers()
            except Exception as fault:
                _policy.log_fault("the instrumentation of Django", fault)

    return setup


def _watch_handlers() -> None:
    if _handlers:
        return
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.base import BaseHandler
    from django.core.handlers.wsgi import WSGIHandler

    _watch_errors()
    _handlers.replace(WSGIHandler, "__call__", _serving_wsgi)
    _handlers.replace(ASGIHandler, "__call__", _serving_asgi)
    # These note the route; without a server, as in Django's test clients, they trace the whole request.
    _handlers.replace(BaseHandler, "get_response", _answering)
    _handlers.replace(BaseHandler, "get_response_async", _answering_async)


def _watch_errors() -> None:
    from django.core.signals import got_request_exception

    got_request_exception.connect(_note_error)  # Django keeps one connection, however often this is called


class TracingMiddleware:
    """A middleware for the first place of `MIDDLEWARE`; a request that has a span already passes through.

    A subclass may set its own `policy`; None stands for the policy of `install`, or else the one that `configure` fills.
    """

    policy: HttpPolicy | None = None
    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction

        check_policy(self.policy)
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        _watch_errors()

    def __call__(self, request: Any) -> Any:
        return (_answer_async if self._is_async else _answer)(self._get_response, request, self.policy or _policy or DEFAULT)


def _serving_wsgi(original: Any) -> Any:
    def call(self: Any, environ: dict[str, Any], start_response: wsgi.StartResponse) -> Any:
        if _policy is None:
            return original(self, environ, start_response)
        return wsgi.serve(_policy, original.__get__(self), environ, start_response)

    return call


def _serving_asgi(original: Any) -> Any:
    # `async def`, because servers ask whether the call is a coroutine function.
    async def call(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if _policy is None:
            await original(self, scope, receive, send)
        else:
            await asgi.serve(_policy, original.__get__(self), scope, receive, send)

    return call


def _answering(original: Any) -> Any:
    def get_response(self: Any, request: Any) -> Any:
        if _policy is None:
            return original(self, request)
        return _answer(original.__get__(self), request, _policy)

    return get_response


def _answering_async(original: Any) -> Any:
    async def get_response_async(self: Any, request: Any) -> Any:
        if _policy is None:
            return await original(self, request)
        return await _answer_async(original.__get__(self), request, _policy)

    return get_response_async


def _answer(get_response: Any, request: Any, policy: HttpPolicy) -> Any:
    exchange = _exchange_of(request)
    if exchange is not None and not exchange.ended:  # the handler's call, or an outer middleware, has begun the exchange
        try:
            return get_response(request)
        finally:
            _note_route(request, exchange)
    exchange = _begin(request, policy)
    if exchange is None:
        return get_response(request)
    active = exchange.serving.activate(exchange.span, False)
    try:
        response = get_response(request)
    except BaseException as error:
        active.close()
        _note_route(request, exchange)
        exchange.end(error)
        raise
    active.close()
    _end_with(response, exchange, request)
    return response


# The same as `_answer`, with `await`.  One function for both would be a coroutine, which a synchronous chain cannot await.
async def _answer_async(get_response: Any, request: Any, policy: HttpPolicy) -> Any:
    exchange = _exchange_of(request)
    if exchange is not None and not exchange.ended:
        try:
            return await get_response(request)
        finally:
            _note_route(request, exchange)
    exchange = _begin(request, policy)
    if exchange is None:
        return await get_response(request)
    active = exchange.serving.activate(exchange.span, False)
    try:
        response = await get_response(request)
    except BaseException as error:
        active.close()
        _note_route(request, exchange)
        exchange.end(error)
        raise
    active.close()
    _end_with(response, exchange, request)
    return response


def _begin(request: Any, policy: HttpPolicy) -> Exchange | None:
    scope = getattr(request, "scope", None)
    if scope is not None:
        return asgi.begin(policy, scope, _send_nothing)
    return wsgi.begin(policy, request.META, None, request.path)  # Django has decoded the path in the environ by now


async def _send_nothing(message: asgi.Message) -> None:
    """Send nothing: an exchange that a middleware has begun does not send."""


def _exchange_of(request: Any) -> Exchange | None:
    native = getattr(request, "scope", None)
    found: Exchange | None = (getattr(request, "META", {}) if native is None else native).get(MARK)
    return found


def _note_route(request: Any, exchange: Exchange) -> None:
    try:
        match = request.resolver_match
        if match is not None:
            prefix = getattr(exchange, "prefix", None)  # only an ASGI exchange has it: the templates of its mounts
            if prefix is None:
                prefix = request.META.get("SCRIPT_NAME", "")
            exchange.route = f"{prefix.rstrip('/')}/{route_of_pattern(match.route)}"
    except Exception as fault:  # `request` may be an object that is not Django's
        exchange.serving.policy.log_fault("the route of a request", fault)


def _note_error(request: Any = None, **_: Any) -> None:
    """Note an exception that Django turns into a 500 as the span's error; Django sends this signal in its `except` block."""
    exchange = None if request is None else _exchange_of(request)
    if exchange is not None and exchange.error is None:
        exchange.error = sys.exc_info()[1]


def _end_with(response: Any, exchange: Exchange, request: Any) -> None:
    """End the span at once for a complete answer; else with the answer's last byte, or when the server closes it."""
    _note_route(request, exchange)
    exchange.status = getattr(response, "status_code", 0)
    if not getattr(response, "streaming", False):
        exchange.end()
        return
    response._resource_closers.append(exchange.end)
    if getattr(response, "file_to_stream", None) is None:  # a server may send a file itself, so its iterator must stay
        response._iterator = (
            _stream_async(response._iterator, exchange)
            if getattr(response, "is_async", False)  # Django 4.2 and newer have it
            else _stream(response._iterator, exchange)
        )


def _stream(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    try:
        while True:
            active = exchange.serving.activate(exchange.span, False)
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            finally:
                active.close()
            yield chunk
    except BaseException as error:
        exchange.end(error)
        raise
    finally:
        exchange.end()


# The same as `_stream`, with `await`.
async def _stream_async(chunks: AsyncIterator[bytes], exchange: Exchange) -> AsyncIterator[bytes]:
    try:
        while True:
            active = exchange.serving.activate(exchange.span, False)
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            finally:
                active.close()
            yield chunk
    except BaseException as error:
        exchange.end(error)
        raise
    finally:
        exchange.end()
