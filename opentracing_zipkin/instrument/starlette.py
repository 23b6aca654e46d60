"""Starlette: a span for each request and each websocket of an application, named by its route, with the prefixes of all mounts.

Rules: the application's call is wrapped, outside of all its middleware, so the span sees both an exception and its 500.
"""

from __future__ import annotations

from typing import Any, ClassVar
from weakref import WeakSet

from starlette.applications import Starlette

from . import asgi, starlette_routes
from .checks import check_application
from .http import HttpPolicy, check_policy
from .other_instrumentations import OPENTELEMETRY_MARK, is_left_to_opentelemetry, stand_back
from .patching import Patches
from .server import POLICY, policy_or_default

__all__ = ["Applications", "install", "uninstall"]

_REMEDY = (
    "use a Starlette application; for another ASGI application, use opentracing_zipkin.instrument.asgi.TracingMiddleware(app)"
)
_patches = Patches()


class Applications:
    """The applications, or classes of applications, that one module traces.  Their call is wrapped once, for all modules."""

    _all: ClassVar[list[Applications]] = []

    def __init__(self) -> None:
        self._traced: WeakSet[Any] = WeakSet()
        self._all.append(self)

    def trace(self, owner: Any, policy: HttpPolicy | None) -> None:
        """Trace the application or class `owner` with this policy from now on."""
        if policy is not None or POLICY not in vars(owner):
            setattr(owner, POLICY, policy_or_default(policy))
        self._traced.add(owner)
        if not _patches:
            _patches.replace(Starlette, "__call__", _serving)
        starlette_routes.watch()

    def release(self) -> None:
        """Stop tracing these applications."""
        while self._traced:
            owner = self._traced.pop()
            if POLICY in vars(owner):
                delattr(owner, POLICY)
        if not any(applications._traced for applications in self._all):
            _patches.undo()
            starlette_routes.unwatch()


def _serving(original: Any) -> Any:
    # `async def`, because servers ask whether the call is a coroutine function.
    async def call(self: Starlette, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        policy = getattr(self, POLICY, None)
        if policy is None or (OPENTELEMETRY_MARK in vars(self) and is_left_to_opentelemetry(self)):
            await original(self, scope, receive, send)
        else:
            await asgi.serve(policy, original.__get__(self), scope, receive, send)

    return call


_applications = Applications()


def install(app: Starlette | None = None, policy: HttpPolicy | None = None) -> None:
    """Trace one application, or all of them where `app` is None; `policy`: None for the policy that `configure` fills."""
    check_policy(policy)
    owner = Starlette if app is None else check_application(app, Starlette, _REMEDY)
    if stand_back("starlette") is None:
        _applications.trace(owner, policy)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    _applications.release()
