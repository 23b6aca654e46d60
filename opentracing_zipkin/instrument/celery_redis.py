"""Celery's own connections to Redis, hidden from OpenTelemetry's instrumentation of redis.

A worker asks its broker many times a minute, and each question would become a separate trace; code that waits for a result asks
the backend again and again.  The PRODUCER and CONSUMER spans already show everything that a user looks for.

Rules: nothing is imported, neither Redis nor OpenTelemetry.  Clients that the application makes itself are left alone.
Source: kombu/transport/redis.py; celery/backends/redis.py.
"""

from __future__ import annotations

import sys
from typing import Any

from .hooks import when_imported
from .patching import Patches
from .suppression import call_suppressed

__all__ = ["install", "uninstall"]

_OWNERS = {"kombu.transport.redis": "Channel", "celery.backends.redis": "RedisBackend"}  # each has `_create_client`

_patches = Patches()
_is_installed = False
_classes: dict[type, type] = {}


def install() -> None:
    """Hide each client that Celery makes from now on."""
    global _is_installed
    if not _is_installed:
        _is_installed = True
        for module in _OWNERS:
            when_imported(module, _Hook(module))


def uninstall() -> None:
    """Stop hiding clients that are made from now on; existing clients stay hidden."""
    global _is_installed
    _is_installed = False
    _patches.undo()


class _Hook:
    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self) -> None:
        owner = getattr(sys.modules[self._module], _OWNERS[self._module])
        # Between `install` and the import of the module, `uninstall` and another `install` may have been called.
        if _is_installed and getattr(owner._create_client, "__wrapped__", None) is None:
            _patches.replace(owner, "_create_client", _hiding)


def _hiding(original: Any) -> Any:
    def _create_client(*args: Any, **kwargs: Any) -> Any:
        return _hide(original(*args, **kwargs))

    return _create_client


def _hide(client: Any) -> Any:
    """The same client or pipeline, whose commands OpenTelemetry no longer sees."""
    try:
        cls = type(client)
        client.__class__ = _classes.get(cls) or _hidden_class(cls)
    except TypeError:  # not a plain object: a mock, or a client of another package
        pass
    return client


def _hidden_class(cls: type) -> type:
    base: Any = cls

    class Hidden(base):  # type: ignore[misc]
        def execute_command(self, *args: Any, **kwargs: Any) -> Any:
            return call_suppressed(super().execute_command, args, kwargs)

        def execute(self, *args: Any, **kwargs: Any) -> Any:  # only pipelines have it
            return call_suppressed(super().execute, args, kwargs)

        def pipeline(self, *args: Any, **kwargs: Any) -> Any:
            return _hide(super().pipeline(*args, **kwargs))

    Hidden.__name__, Hidden.__qualname__, Hidden.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    _classes[cls] = Hidden
    return Hidden
