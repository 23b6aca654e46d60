"""Routes of Starlette and FastAPI: the template of a route, after the templates of all mounts above it.

Rules: only methods of routes and mounts are wrapped, each with a note before the original; a route that cannot be read costs
the span its name, never the request.  `scope["root_path"]` holds the path of the request, not a template, so the template of a
mount is noted when a request passes the mount.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.routing import Match, Mount, Route, WebSocketRoute

from . import fastapi_telemetry
from .patching import Patches
from .server import MARK

__all__ = ["find", "unwatch", "watch"]

_starlette = Patches()
_fastapi = Patches()


def watch() -> None:
    """Note the route of each traced request from now on; call it again when FastAPI has been imported."""
    if not _starlette:
        _starlette.replace(Route, "handle", _noting)
        _starlette.replace(WebSocketRoute, "handle", _noting)
        _starlette.replace(Mount, "handle", _noting_mount)
    if not _fastapi and "fastapi.routing" in sys.modules:
        api_route: Any = getattr(sys.modules["fastapi.routing"], "APIRoute", None)
        if "handle" in vars(api_route):  # newer FastAPI, which keeps included routers apart
            _fastapi.replace(api_route, "handle", _noting_included)
    fastapi_telemetry.watch()


def unwatch() -> None:
    """Put back what `watch` has replaced."""
    fastapi_telemetry.unwatch()
    _fastapi.undo()
    _starlette.undo()


def _noting(original: Any) -> Any:
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        exchange = scope.get(MARK)
        if exchange is not None:
            exchange.route = exchange.prefix + getattr(self, "path_format", "")
        return original(self, scope, receive, send)

    return handle


def _noting_mount(original: Any) -> Any:
    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        exchange = scope.get(MARK)
        if exchange is not None:
            exchange.prefix += getattr(self, "path_format", "").removesuffix("/{path}")
            exchange.mount = self
        return original(self, scope, receive, send)

    return handle


def _noting_included(original: Any) -> Any:
    """Note a route of FastAPI, which keeps included routers apart.

    The route knows its path within its router only; the path with all prefixes is in the scope.
    """

    def handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        exchange = scope.get(MARK)
        if exchange is not None:
            included = scope.get("fastapi", _NOTHING).get("effective_route_context")
            route = included if getattr(included, "original_route", None) is self else self
            exchange.route = exchange.prefix + getattr(route, "path_format", "")
        return original(self, scope, receive, send)

    return handle


_NOTHING: dict[str, Any] = {}


def find(exchange: Any) -> str | None:
    """The route of a request that no route has handled: the target of a redirect, else the mount."""
    watch()
    route = _redirected(exchange) if exchange.status in (307, 308) else None
    if route is None and exchange.mount is not None:
        route = "/{path}"
    return None if route is None else str(exchange.prefix + route)


def _redirected(exchange: Any) -> str | None:
    """The route to which a redirect of Starlette leads: the one for the same path with, or without, its last slash."""
    scope = dict(exchange.native)
    path: str = scope["path"]
    scope["path"] = path.rstrip("/") if path.endswith("/") else f"{path}/"
    scope.pop("fastapi", None)
    owner = scope.get("app") if exchange.mount is None else exchange.mount
    for route in _with_included(getattr(owner, "routes", ())):
        if route.matches(scope)[0] is not Match.NONE:
            return getattr(getattr(route, "starlette_route", None) or route, "path_format", None)
    return None


def _with_included(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
        else:
            yield from included()
