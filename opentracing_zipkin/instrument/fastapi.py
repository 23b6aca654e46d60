"""FastAPI: a span for each request and each websocket of an application, named by its route.

Rules: as for Starlette, on which it is built; a route has the prefixes of all routers that it is included by.
"""

from __future__ import annotations

from fastapi import FastAPI

from .elsewhere import stands_back
from .http import HttpPolicy
from .starlette import Applications

__all__ = ["install", "uninstall"]

_applications = Applications()


def install(app: FastAPI | None = None, policy: HttpPolicy | None = None) -> None:
    """Trace an application, or all of them where none is given; `policy`: None for the one that `configure` fills."""
    if stands_back("fastapi") is None:
        _applications.trace(FastAPI if app is None else app, policy)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    _applications.release()
