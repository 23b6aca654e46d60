"""FastAPI's own spans of a request: left out if we trace the request and our provider would get FastAPI's spans as well.

FastAPI makes spans by OpenTelemetry, outside of the functions that we wrap, as soon as a tracer provider is set.  If that
provider is ours, each request would have two server spans.

Rules: only the tracing of an application that we trace is switched off.  Its metrics and logs go on, and so does its tracing
into a provider that its own configuration names.
Source: FastAPI 0.165, `fastapi/telemetry/_asgi.py`, `NativeTelemetry`.
"""

from __future__ import annotations

import sys
from typing import Any

from .patching import Patches
from .server import MARK, POLICY

__all__ = ["unwatch", "watch"]

_OUR_PROVIDERS = "opentracing_zipkin."  # the beginning of their module's name
_telemetry = Patches()
_switched_off: list[dict[str, Any]] = []  # the configurations of applications


def watch() -> None:
    """Switch FastAPI's own tracing off where ours serves a request, if this FastAPI has one."""
    native: Any = getattr(sys.modules.get("fastapi.telemetry._asgi"), "NativeTelemetry", None)
    if not _telemetry and hasattr(native, "__call__"):  # noqa: B004  # not whether it can be called, but the method
        _telemetry.replace(native, "__call__", _without_second_spans)


def unwatch() -> None:
    """Put back what `watch` has replaced, and switch the tracing on again."""
    _telemetry.undo()
    while _switched_off:
        _switched_off.pop()["tracing"] = True


def _without_second_spans(original: Any) -> Any:
    def call(self: Any, *args: Any, **given: Any) -> Any:
        try:
            config = self.config
            if config["tracing"] and config["tracer_provider"] is None and _is_ours(given["scope"]) and _is_recorded_by_us():
                config["tracing"] = False
                _switched_off.append(config)
        except Exception:  # another version of FastAPI, in which these names have another meaning
            pass
        return original(self, *args, **given)

    return call


def _is_ours(scope: Any) -> bool:
    """Whether we trace this request, or this application."""
    app = scope["app"]
    if scope.get(MARK) is not None or getattr(app, POLICY, None) is not None:
        return True
    return any(getattr(middleware.cls, "makes_server_spans", False) for middleware in app.user_middleware)


def _is_recorded_by_us() -> bool:
    provider = sys.modules["opentelemetry.trace"].get_tracer_provider()
    return type(provider).__module__.startswith(_OUR_PROVIDERS)
