"""The active span on contextvars: right in threads, tasks, callbacks and generators without a choice to make.

Rules: a variable per manager, so that two tracers never parent on each other's spans.  A scope closed while an inner one is
open waits for it.  A scope closed elsewhere (another thread, another task) finishes its span at once and is skipped where it
was opened.  A task started inside a scope keeps it as parent even after it was closed.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ..scope import Scope
from ..scope_manager import ScopeManager

__all__ = ["ContextVarsScopeManager"]


class ContextVarsScopeManager(ScopeManager):
    """Owns one context variable; may be used from any thread and any event loop.

    `current()` is `active` for those in a hurry (20 ns against 100): a scope whose `closed_away` is True needs the longer way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._current: ContextVar[_ContextVarsScope | None] = ContextVar("active_scope", default=None)
        self.current = self._current.get

    def activate(self, span: Any, finish_on_close: bool) -> Scope:
        return _ContextVarsScope(self, span, finish_on_close)

    @property
    def active(self) -> Scope | None:
        scope = self._current.get()
        while scope is not None and scope.closed_away and scope._reset():
            scope = self._current.get()
        return scope


class _ContextVarsScope(Scope):
    _open = True
    _close_is_due = False  # closed while an inner scope was open
    closed_away = False  # closed in another context than it was opened in

    def __init__(self, manager: ContextVarsScopeManager, span: Any, finish_on_close: bool) -> None:
        self._manager = manager
        self._span = span
        self._finish_on_close = finish_on_close
        self._variable = variable = manager._current
        self._outer = variable.get()
        self._token: Any = variable.set(self)

    def close(self) -> None:
        if not self._open:
            return
        current = self._variable.get()
        if current is not self and self._is_outside(current):
            self._close_is_due = True
            return
        self._open = False
        if current is not self or not self._reset():
            self.closed_away = True
        outer, self._outer = self._outer, None  # a closed scope may live long in a task's context, alone
        if self._finish_on_close:
            self._span.finish()
        if outer is not None and outer._close_is_due:
            outer.close()

    def _is_outside(self, scope: _ContextVarsScope | None) -> bool:
        while scope is not None:
            scope = scope._outer
            if scope is self:
                return True
        return False

    def _reset(self) -> bool:
        """Make active again what was so before this scope; False, and nothing done, in another context than its own."""
        try:
            self._variable.reset(self._token)
        except ValueError:  # the token belongs to another context: the cheapest way there is to ask
            return False
        self._token = None
        return True
