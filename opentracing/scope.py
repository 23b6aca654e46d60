"""Scope: the time during which a span is the active one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from .span import Span

if TYPE_CHECKING:
    from .scope_manager import ScopeManager

__all__ = ["Scope"]

_S = TypeVar("_S", bound="Scope")


class Scope:
    """Made by a ScopeManager, and ended by `close` or by leaving its `with` block.  This base class manages nothing.

    A copy of a scope is the scope itself, so that an object that holds one can be copied.
    """

    def __init__(self, manager: ScopeManager, span: Span) -> None:
        self._manager = manager
        self._span = span

    @property
    def span(self) -> Span:
        """The span that is active while this scope is active."""
        return self._span

    @property
    def manager(self) -> ScopeManager:
        """The manager that made this scope."""
        return self._manager

    def close(self) -> None:
        """End the scope: the span that was active before is active again."""

    def __copy__(self: _S) -> _S:
        return self

    def __deepcopy__(self: _S, memo: object) -> _S:
        return self

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_type is not None:
            span = self.span
            # If the span has its own hook, that hook knows which exceptions are no errors.
            getattr(span, "_on_error", Span._on_error)(span, exc_type, exc_val, exc_tb)
        self.close()
