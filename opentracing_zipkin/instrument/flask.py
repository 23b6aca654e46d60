"""Flask: a span for each request of an application, named by its rule.

Rules: the application's call is wrapped, so the work before the view (sessions, `before_request`) and after it is in the span.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from weakref import WeakSet

from flask import Flask, got_request_exception, has_request_context, request

from . import wsgi
from .checks import check_application
from .http import HttpPolicy, check_policy
from .other_instrumentations import OPENTELEMETRY_MARK, is_left_to_opentelemetry, stand_back
from .patching import Patches
from .routes import wsgi_route
from .server import MARK, policy_or_default

__all__ = ["install", "uninstall"]

_REMEDY = "use a Flask application; for another WSGI application, use opentracing_zipkin.instrument.wsgi.TracingMiddleware(app)"
_POLICY = "_opentracing_zipkin_policy"  # an attribute of an application, or of the class Flask for all applications
_patches = Patches()
_traced: WeakSet[Any] = WeakSet()


def install(app: Flask | None = None, policy: HttpPolicy | None = None) -> None:
    """Trace one application, or all of them where `app` is None; `policy`: None for the policy that `configure` fills."""
    check_policy(policy)
    owner = Flask if app is None else check_application(app, Flask, _REMEDY)
    if stand_back("flask") is not None:
        return
    if policy is not None or _POLICY not in vars(owner):
        setattr(owner, _POLICY, policy_or_default(policy))
    _traced.add(owner)
    if not _patches:
        _watch_errors()
        _patches.replace(Flask, "__call__", _serving)
        _patches.replace(Flask, "wsgi_app", _serving)  # for servers and middleware that call it directly


def uninstall() -> None:
    """Put back what `install` has replaced."""
    while _traced:
        owner = _traced.pop()
        if _POLICY in vars(owner):
            delattr(owner, _POLICY)
    _patches.undo()
    with suppress(RuntimeError):  # no signals, see `_watch_errors`
        got_request_exception.disconnect(_note_error)


def _watch_errors() -> None:
    """Note errors by Flask's signal, which extensions send, too; Flask before 2.3 has no signals where blinker is missing."""
    try:
        got_request_exception.connect(_note_error)
    except RuntimeError:
        _patches.replace(Flask, "handle_exception", _noting_error)


def _noting_error(original: Any) -> Any:
    def handle_exception(self: Flask, e: Exception) -> Any:
        _note_error(self, e)
        return original(self, e)

    return handle_exception


def _serving(original: Any) -> Any:
    def call(self: Flask, environ: dict[str, Any], start_response: wsgi.StartResponse) -> Any:
        policy, exchange = getattr(self, _POLICY, None), environ.get(MARK)
        if (
            policy is None
            or (exchange is not None and not exchange.ended)
            or (OPENTELEMETRY_MARK in vars(self) and is_left_to_opentelemetry(self))
        ):
            return original(self, environ, start_response)
        return wsgi.serve(policy, original.__get__(self), environ, start_response)

    return call


def _note_error(sender: Any, exception: BaseException, **_: Any) -> None:
    """Note an exception that Flask turns into a 500 as the span's error."""
    exchange = wsgi.exchange_of(request.environ) if has_request_context() else None
    if exchange is not None:
        if exchange.error is None:
            exchange.error = exception
        # The route is set now, because no answer follows if Flask raises the exception again.
        exchange.route = exchange.route or wsgi_route(request.environ)
