"""The active span of both APIs: what one makes active is the parent of what the other starts.

Rules: both look into OpenTelemetry's context, so that whatever carries it along (its instrumentation of threads, a task, a
copied context) carries both.  So each activation of a scope attaches its span there, too, and what is current there is the
active span.  A tracer without `install` runs none of this.  A token is used where it was made; elsewhere the span below is
attached in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from opentelemetry.trace import INVALID_SPAN, SpanKind

from opentracing import Scope
from opentracing.scope_managers import contextvars as scopes

from ..context import ZipkinContext
from ..span import context_of
from ..tracer import ZipkinTracer
from .contexts import from_otel
from .runtime import attach_span, current_context, restore, span_of
from .span import QuietSpan, Span, TimedSpan
from .view import SpanView

__all__ = ["nest", "position_of"]

_T = TypeVar("_T")

_OURS = (Span, TimedSpan, QuietSpan)
_NESTED = "_nested_in_opentelemetry"  # an attribute of a scope manager that has been changed

# Kinds of scopes and of managers, and the classes made of them.
_scope_types: dict[type, type] = {}
_manager_types: dict[type, type] = {}


def position_of(span: Any) -> ZipkinContext | None:
    """Where one of OpenTelemetry's spans stands; None where that is nowhere."""
    kind = type(span)
    if kind in _OURS:
        found: ZipkinContext = span.context
        return found
    if kind is SpanView:
        if getattr(span.scope, "closed_away", False):
            active = span.scope.manager.active
            return None if active is None else context_of(active.span)
        return context_of(span.span)
    if span is INVALID_SPAN:
        return None
    try:
        return from_otel(span.get_span_context())
    except Exception:  # another library's
        return None


def nest(tracer: ZipkinTracer) -> None:
    """Let a tracer's scope manager and OpenTelemetry's context know of each other; once for each manager."""
    manager: Any = tracer.scope_manager
    if not hasattr(manager, _NESTED):
        _change(manager, tracer)
    tracer._current_scope = manager.current
    hidden = getattr(scopes, "hidden_in_block", None)  # upstream's package has no such list
    if hidden is not None and _no_current_span not in hidden:
        hidden.append(_no_current_span)


def _change(manager: Any, tracer: ZipkinTracer) -> None:
    activate: Callable[[Any, bool], Scope] = manager.activate
    kind = type(manager)
    inner: Callable[[], Any] = getattr(manager, "current", lambda: kind.active.__get__(manager))  # past what is changed below

    @wraps(activate)
    def nested_activate(span: Any, finish_on_close: bool) -> Scope:
        scope: Any = activate(span, finish_on_close)
        before = type(scope)
        nested = _scope_types.get(before) or _scope_types.setdefault(before, _nested_scope(before))
        try:
            scope.__class__ = nested  # of the same layout, with another end
        except TypeError:  # a class without room for what follows: such a scope is OpenTracing's alone
            return scope  # type: ignore[no-any-return]
        current = span_of(current_context())
        scope._otel_below = current
        scope._otel_over = False
        scope._otel_span = view = span if type(span) in _OURS else SpanView(span, scope)
        scope._otel_token = attach_span(view)
        return scope  # type: ignore[no-any-return]  # a Scope, with attributes of ours

    def current() -> Any:
        """The scope of what is current in OpenTelemetry's context; where nothing is, that of the manager itself."""
        span: Any = span_of(current_context())
        if span is INVALID_SPAN:
            return inner()
        if type(span) is SpanView:
            return inner() if getattr(span.scope, "closed_away", False) else span.scope
        scope = inner()
        if type(span) not in _OURS:
            context = position_of(span)
            if context is None:
                return scope
            span = QuietSpan.of(tracer, context, context._state, SpanKind.INTERNAL)
        return scope if scope is not None and scope.span is span else Scope(manager, span)

    manager.activate = nested_activate
    manager.current = current
    manager.__class__ = _manager_types.get(kind) or _manager_types.setdefault(kind, _nested_manager(kind))
    setattr(manager, _NESTED, True)


def _nested_manager(kind: Any) -> type:
    class NestedManager(kind):  # type: ignore[misc]  # any scope manager's
        __slots__ = ()

        @property
        def active(self) -> Scope | None:
            scope: Scope | None = self.current()
            return super().active if getattr(scope, "closed_away", False) else scope

    NestedManager.__name__ = NestedManager.__qualname__ = kind.__name__
    return NestedManager


def _nested_scope(kind: Any) -> type:
    class NestedScope(kind):  # type: ignore[misc]  # any scope manager's
        __slots__ = ()

        _otel_over: bool  # closed, but perhaps below one that is open
        _otel_below: Any
        _otel_span: Any
        _otel_token: Any

        def close(self) -> None:
            # First the manager's own way, which may ask what is active.
            try:
                super().close()
            finally:
                if self._otel_token is not None:
                    self._otel_over = True  # type: ignore[misc]  # a scope has a dict
                    _restore_closed(self)

        def run_again(self, function: Callable[[], _T]) -> _T:
            span: Any = self.span
            token = attach_span(span if type(span) in _OURS else SpanView(span, self))
            try:
                again: _T = super().run_again(function)
                return again
            finally:
                restore(token)

    NestedScope.__name__ = NestedScope.__qualname__ = kind.__name__
    return NestedScope


def _restore_closed(scope: Any) -> None:
    """As long as the current span is that of a closed scope, this one or one around it: what was current before."""
    while True:
        span: Any = span_of(current_context())
        if span is not scope._otel_span:
            scope = span.scope if type(span) is SpanView else None
            if not getattr(scope, "_otel_over", False) or scope._otel_token is None:
                return
        if not restore(scope._otel_token):
            attach_span(scope._otel_below)
        scope._otel_token = scope._otel_below = scope._otel_span = None  # its view holds it: no cycle is left


@contextmanager
def _no_current_span() -> Iterator[None]:
    token = attach_span(INVALID_SPAN)
    try:
        yield
    finally:
        restore(token)
