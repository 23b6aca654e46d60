"""ScopeManager: knows the active span; this base class always returns the same no-op scope."""

from __future__ import annotations

from .context import NOOP_CONTEXT
from .scope import Scope
from .span import Span

__all__ = ["ScopeManager"]


class ScopeManager:
    """Makes spans active, and knows which span is active."""

    def __init__(self) -> None:
        self._noop_span = Span(None, NOOP_CONTEXT)
        self._noop_scope = Scope(self, self._noop_span)

    def activate(self, span: Span, finish_on_close: bool) -> Scope:
        """Make `span` the active one until the returned scope is closed; closing also finishes the span if asked to."""
        return self._noop_scope

    @property
    def active(self) -> Scope | None:
        """The scope that is active in the calling thread or task; None if no scope is active."""
        return self._noop_scope
