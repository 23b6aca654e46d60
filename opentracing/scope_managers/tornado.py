"""The scope manager under its name for Tornado, and what is left of stack contexts since Tornado 6 has none.

Rules: Tornado itself is not imported.  It runs on asyncio, whose contexts coroutines and callbacks inherit, so a block that
shields a request's spans from what was active outside is all that a stack context still has to be.
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
    """Enters what `context_factory` makes, anew at each entering; one object may be entered by several threads at a time."""

    def __init__(self, context_factory: Callable[[], AbstractContextManager[Any]]) -> None:
        self.context_factory = context_factory
        self._entered = threading.local()

    def __enter__(self) -> Callable[[], None]:
        """A function that once deactivated the context for callbacks; callbacks now have copies, so it does nothing."""
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
    """A block that begins without an active span, and after which what was active before is so again."""
    return ThreadSafeStackContext(no_parent_scope)
