"""Celery's own connections to Redis, hidden from OpenTelemetry's instrumentation of redis.

A worker asks its broker many times a minute, and each question would be a trace of its own.  A message that is sent or run has
its PRODUCER or CONSUMER span already.  So commands to the broker make no spans, and commands to the result backend make
spans only inside a trace.

Rules: nothing is imported, neither Redis nor OpenTelemetry.  Clients that the application makes itself are left alone.
Source: kombu/transport/redis.py; celery/backends/redis.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .hooks import when_imported
from .out_of_sight import call_out_of_sight
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_is_installed: list[bool] = []
_classes: dict[tuple[type, Any], type] = {}


def install(is_in_a_trace: Callable[[], bool]) -> None:
    """From now on, for each client that Celery makes; `is_in_a_trace` says whether a span is active."""
    if not _is_installed:
        _is_installed.append(True)
        when_imported("kombu.transport.redis", lambda: _hide("kombu.transport.redis", "Channel", _never))
        when_imported("celery.backends.redis", lambda: _hide("celery.backends.redis", "RedisBackend", is_in_a_trace))


def uninstall() -> None:
    """Clients that are made from now on are seen; those that exist stay hidden."""
    _is_installed.clear()
    _patches.undo()


def _never() -> bool:
    return False


def _hide(module: str, owner: str, is_visible: Callable[[], bool]) -> None:
    if not _is_installed:  # uninstalled before the program has imported the module
        return

    def hiding(original: Any) -> Any:
        def _create_client(*args: Any, **kwargs: Any) -> Any:
            return _hidden(original(*args, **kwargs), is_visible)

        return _create_client

    _patches.replace(getattr(sys.modules[module], owner), "_create_client", hiding)


def _hidden(client: Any, is_visible: Callable[[], bool]) -> Any:
    """The same client or pipeline, with commands that are hidden unless `is_visible()`."""
    try:
        cls = type(client)
        client.__class__ = _classes.get((cls, is_visible)) or _hidden_class(cls, is_visible)
    except TypeError:  # not a plain object: a mock, or a client of another package
        pass
    return client


def _hidden_class(cls: type, is_visible: Callable[[], bool]) -> type:
    base: Any = cls

    class Hidden(base):  # type: ignore[misc]
        def execute_command(self, *args: Any, **kwargs: Any) -> Any:
            call = super().execute_command
            return call(*args, **kwargs) if is_visible() else call_out_of_sight(call, args, kwargs)

        def execute(self, *args: Any, **kwargs: Any) -> Any:  # of pipelines
            call = super().execute
            return call(*args, **kwargs) if is_visible() else call_out_of_sight(call, args, kwargs)

        def pipeline(self, *args: Any, **kwargs: Any) -> Any:
            return _hidden(super().pipeline(*args, **kwargs), is_visible)

    Hidden.__name__, Hidden.__qualname__, Hidden.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    _classes[cls, is_visible] = Hidden
    return Hidden
