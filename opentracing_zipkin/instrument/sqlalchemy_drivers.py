"""Hides SQLAlchemy's statements from the instrumentation of the database's driver, so that a statement has one span.

OpenTelemetry instruments SQLAlchemy and the drivers below it.  Both make a span for the same statement, as siblings, so the
dependency graph would count each statement twice.  Statements that the application sends to a driver itself are still seen.

Rules: switched on together with the instrumentation of SQLAlchemy; it has an effect on engines that are made from then on.
Source: sqlalchemy/engine/default.py, `DefaultDialect`.
"""

from __future__ import annotations

from typing import Any

from .patching import Patches
from .suppression import call_suppressed

__all__ = ["install", "uninstall"]

# `initialize` asks a database for its version and settings at the first connection.
_METHODS = ("do_execute", "do_execute_no_params", "do_executemany", "initialize")

_patches = Patches()


def install() -> None:
    if not _patches:
        from sqlalchemy.engine.default import DefaultDialect

        _patches.replace(DefaultDialect, "__init__", _hiding)


def uninstall() -> None:
    _patches.undo()


def _hiding(original: Any) -> Any:
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        for name in _METHODS:
            method = getattr(self, name, None)
            if method is not None:
                setattr(self, name, _hidden(method))

    return construct


def _hidden(method: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return call_suppressed(method, args, kwargs) if _patches else method(*args, **kwargs)

    return call
