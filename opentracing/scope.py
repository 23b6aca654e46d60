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
    """Made by a ScopeManager, ended by `close` or by leaving its `with` block; by itself it manages nothing.

    A copy of it is the scope itself, as it is copied with what holds it.
    """

    def __init__(self, manager: ScopeManager, span: Span) -> None:
        self._manager = manager
        self._span = span

    @property
    def span(self) -> Span:
        """The span that is active as long as this scope is."""
        return self._span

    @property
    def manager(self) -> ScopeManager:
        """The manager that made this scope."""
        return self._manager

    def close(self) -> None:
        """End the scope: what was active before is active again."""

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
            # A span's own hook, where it has one, knows which exceptions are no errors.
            getattr(span, "_on_error", Span._on_error)(span, exc_type, exc_val, exc_tb)
        self.close()
