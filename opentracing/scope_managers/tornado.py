"""The scope manager under its name for Tornado, and a replacement for stack contexts, which Tornado 6 no longer has.

Rules: Tornado itself is not imported.  Tornado runs on asyncio, where coroutines and callbacks inherit the context.  So a stack
context has only one task left: to keep the span that is active outside from being the parent of a request's spans.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from .contextvars import ContextVarsScopeManager, no_parent_scope

__all__ = ["ThreadSafeStackContext", "TornadoScopeManager", "tracer_stack_context"]

TornadoScopeManager = ContextVarsScopeManager


class ThreadSafeStackContext:
    """Calls `context_factory` and enters the result, each time it is entered; several threads may enter it at the same time."""

    def __init__(self, context_factory: Callable[[], AbstractContextManager[Any]]) -> None:
        self.context_factory = context_factory
        self._entered = threading.local()

    def __enter__(self) -> Callable[[], None]:
        """Enter a new context, and return a function that does nothing.

        Tornado's function deactivated the context for callbacks; now each callback has its own copy of the context.
        """
        context = self.context_factory()
        context.__enter__()
        self._stack().append(context)
        return _deactivate

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        context: AbstractContextManager[Any] = self._stack().pop()
        return context.__exit__(exc_type, exc_val, exc_tb)

    def _stack(self) -> list[AbstractContextManager[Any]]:
        try:
            stack: list[AbstractContextManager[Any]] = self._entered.stack
        except AttributeError:
            stack = self._entered.stack = []
        return stack


def _deactivate() -> None:
    pass


def tracer_stack_context() -> ThreadSafeStackContext:
    """A block that begins without an active span; after it, the span that was active before is active again."""
    return ThreadSafeStackContext(no_parent_scope)
