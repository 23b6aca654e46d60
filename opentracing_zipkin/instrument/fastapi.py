"""FastAPI: a span for each request and each websocket of an application, named by its route.

Rules: the same as for Starlette, on which FastAPI is built; a route has the prefixes of all routers that include it.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.applications import Starlette

from .checks import check_application
from .http import HttpPolicy, check_policy
from .other_instrumentations import stand_back
from .starlette import Applications

__all__ = ["install", "uninstall"]

_REMEDY = (
    "use a FastAPI application; for another ASGI application, use opentracing_zipkin.instrument.asgi.TracingMiddleware(app)"
)
_applications = Applications()


def install(app: FastAPI | None = None, policy: HttpPolicy | None = None) -> None:
    """Trace one application, or all of them where `app` is None; `policy`: None for the policy that `configure` fills."""
    check_policy(policy)
    owner = FastAPI if app is None else check_application(app, Starlette, _REMEDY)
    if stand_back("fastapi") is None:
        _applications.trace(owner, policy)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    _applications.release()
