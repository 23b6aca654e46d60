"""Flask: a span for each request of an application, named by its rule.

Rules: wraps the application's call, so the work before the view (sessions, `before_request`) and after it is inside the span.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, got_request_exception, request

from . import wsgi
from .http import DEFAULT, HttpPolicy
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = DEFAULT


def install(app: Flask | None = None, policy: HttpPolicy | None = None) -> None:
    """Trace an application, or all of them where none is given; `policy`: None for the one that `configure` fills."""
    global _policy
    got_request_exception.connect(_note_error)
    if app is not None:
        app.wsgi_app = wsgi.TracingMiddleware(app.wsgi_app, policy)
        return
    _policy = policy or DEFAULT
    if not _patches:
        _patches.replace(Flask, "__call__", _serving)
        _patches.replace(Flask, "wsgi_app", _serving)  # for those who call it past `__call__`


def uninstall() -> None:
    """Put back what `install` has replaced; an application that was given keeps its middleware."""
    _patches.undo()


def _serving(original: Any) -> Any:
    def call(self: Flask, environ: dict[str, Any], start_response: wsgi.StartResponse) -> Any:
        return wsgi.serve(_policy, original.__get__(self), environ, start_response)

    return call


def _note_error(sender: Any, exception: BaseException, **_: Any) -> None:
    """An exception that Flask turns into a 500 is the span's error."""
    exchange = wsgi.exchange_of(request.environ)
    if exchange is not None and exchange.error is None:
        exchange.error = exception
