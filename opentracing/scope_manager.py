"""ScopeManager: knows the active span; by itself it always answers with the same no-op."""

from __future__ import annotations

from .context import NOOP_CONTEXT
from .scope import Scope
from .span import Span

__all__ = ["ScopeManager"]


class ScopeManager:
    """Makes spans active and tells which one is."""

    def __init__(self) -> None:
        self._noop_span = Span(None, NOOP_CONTEXT)
        self._noop_scope = Scope(self, self._noop_span)

    def activate(self, span: Span, finish_on_close: bool) -> Scope:
        """Make `span` the active one until the returned scope is closed, which also finishes it if asked to."""
        return self._noop_scope

    @property
    def active(self) -> Scope | None:
        """The scope that is active here and now, None where there is none."""
        return self._noop_scope
