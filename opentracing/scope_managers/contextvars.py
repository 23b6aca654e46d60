"""The active span on contextvars: right in threads, tasks, callbacks, greenlets and generators without a choice to make.

Rules: a variable per manager, so that two tracers never parent on each other's spans.  A scope closed while an inner one is
open waits for it; one whose `with` block is left finishes its span without waiting.  A scope closed elsewhere (another thread,
another task) finishes its span at once and is skipped where it was opened.  A task started inside a scope keeps it as parent
even after it was closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..scope import Scope
from ..scope_manager import ScopeManager
from ..span import Span

__all__ = ["ContextVarsScopeManager", "no_parent_scope"]

_T = TypeVar("_T")


class ContextVarsScopeManager(ScopeManager):
    """Owns one context variable; may be used from any thread and any event loop.

    `current()` is `active` for those in a hurry (20 ns against 100): a scope whose `closed_away` is True needs the longer way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._current: ContextVar[_ContextVarsScope | None] = ContextVar("active_scope", default=None)
        self.current = self._current.get

    def activate(self, span: Span, finish_on_close: bool) -> Scope:
        scope = _ContextVarsScope()
        scope._manager = self
        scope._span = span
        scope._finish_on_close = finish_on_close
        scope._variable = variable = self._current
        scope._outer = variable.get()
        scope._token = variable.set(scope)
        return scope

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

    _manager: ContextVarsScopeManager
    _span: Span
    _finish_on_close: bool
    _variable: ContextVar[_ContextVarsScope | None]
    _outer: _ContextVarsScope | None
    _token: Any

    # The manager sets these: an eighth less for a scope.
    if TYPE_CHECKING:

        def __init__(self) -> None: ...

    else:
        __init__ = object.__init__

    def close(self) -> None:
        if not self._open:
            return
        variable = self._variable
        current = variable.get()
        if current is self:
            try:  # as `_reset` has it
                variable.reset(self._token)
                self._token = None
            except ValueError:
                self.closed_away = True
        elif self._is_outside(current):
            self._close_is_due = True
            return
        else:
            self.closed_away = True
        self._open = False
        # A closed scope may live long in a task's context, so it lets go of the older ones.
        outer, self._outer = self._outer, None
        if self._finish_on_close:
            self._finish_on_close = False
            self._span.finish()
        if outer is not None and outer._close_is_due:
            outer.close()

    def run_again(self, function: Callable[[], _T]) -> _T:
        """`function()`, with this scope as the active one, also after it was closed: a quarter of what another scope costs.

        For work that comes in pieces, each in the context and the thread that asks for it, as a streamed response does.
        """
        variable = self._variable
        token = variable.set(self)
        try:
            return function()
        finally:
            variable.reset(token)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            super().__exit__(exc_type, exc_val, exc_tb)
        # The block is over, even if a generator that was left half-way keeps an inner scope open, perhaps for ever.
        if self._finish_on_close:
            self._finish()

    def _finish(self) -> None:
        if self._finish_on_close:
            self._finish_on_close = False
            self._span.finish()

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


_block: ContextVar[None] = ContextVar("no_parent_scope")
# What hides, for such a block, the active span of an API that is bridged to this one.
hidden_in_block: list[Callable[[], AbstractContextManager[None]]] = []


@contextmanager
def no_parent_scope() -> Iterator[None]:
    """Inside the block no span is active, of any manager: what starts there is nobody's child, and may outlive its starter."""
    before = _active_scopes()
    for variable in before:
        variable.set(None)
    token = _block.set(None)
    try:
        with ExitStack() as others:
            for hide in hidden_in_block:
                others.enter_context(hide())
            yield
    finally:
        with suppress(ValueError):  # left in another context, where nothing was hidden
            _block.reset(token)
            # Those too that were activated inside and never closed, as code written for Tornado's stack contexts leaves them.
            for variable in {**before, **_active_scopes()}:
                variable.set(before.get(variable))


def _active_scopes() -> dict[ContextVar[Any], _ContextVarsScope]:
    return {variable: value for variable, value in copy_context().items() if isinstance(value, _ContextVarsScope)}
