"""Both APIs share the active span: a span that one makes active is the parent of spans that the other starts.

Rules: both APIs read OpenTelemetry's context.  So code that takes the context along (its instrumentation of threads, a task, a
copied context) takes both active spans along.  For that, each activation of a scope also attaches its span to that context, and
the current span there is the active span.  A tracer without `install` runs none of this code.  A token is used in the context
where it was made; in another context the former current span is attached instead.
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

__all__ = ["nest", "zipkin_context_of"]

_T = TypeVar("_T")

_OUR_TYPES = (Span, TimedSpan, QuietSpan)
_NESTED = "_nested_in_opentelemetry"  # an attribute that marks a scope manager which has been changed

# Classes of scopes and of managers, and the subclasses made of them.
_scope_types: dict[type, type] = {}
_manager_types: dict[type, type] = {}


def zipkin_context_of(span: Any) -> ZipkinContext | None:
    """The context, in our form, of one of OpenTelemetry's spans; None if it has no valid one."""
    kind = type(span)
    if kind in _OUR_TYPES:
        found: ZipkinContext = span.context
        return found
    if kind is SpanView:
        if getattr(span.scope, "closed_elsewhere", False):
            active = span.scope.manager.active
            return None if active is None else context_of(active.span)
        return context_of(span.span)
    if span is INVALID_SPAN:
        return None
    try:
        return from_otel(span.get_span_context())
    except Exception:  # a span of another library
        return None


def nest(tracer: ZipkinTracer) -> None:
    """Connect a tracer's scope manager with OpenTelemetry's context, unless that is done already."""
    manager: Any = tracer.scope_manager
    if not hasattr(manager, _NESTED):
        _nest_manager(manager, tracer)
    tracer._current_scope = manager.current
    hooks = getattr(scopes, "no_parent_hooks", None)  # upstream's package `opentracing` has no such list
    if hooks is not None and _no_current_span not in hooks:
        hooks.append(_no_current_span)


def _nest_manager(manager: Any, tracer: ZipkinTracer) -> None:
    activate: Callable[[Any, bool], Scope] = manager.activate
    kind = type(manager)
    inner: Callable[[], Any] = getattr(manager, "current", lambda: kind.active.__get__(manager))  # unchanged by the code below

    @wraps(activate)
    def nested_activate(span: Any, finish_on_close: bool) -> Scope:
        scope: Any = activate(span, finish_on_close)
        before = type(scope)
        nested = _scope_types.get(before) or _scope_types.setdefault(before, _nested_scope(before))
        try:
            scope.__class__ = nested  # a class of the same layout, with another `close`
        except TypeError:  # the scope's class has no room for these attributes: only OpenTracing sees this scope
            return scope  # type: ignore[no-any-return]
        current = span_of(current_context())
        scope._otel_former = current
        scope._otel_is_closed = False
        scope._otel_span = view = span if type(span) in _OUR_TYPES else SpanView(span, scope)
        scope._otel_token = attach_span(view)
        return scope  # type: ignore[no-any-return]  # a Scope, with attributes of ours

    def current() -> Any:
        """The scope of the current span in OpenTelemetry's context; the manager's own scope if there is no current span."""
        span: Any = span_of(current_context())
        if span is INVALID_SPAN:
            return inner()
        if type(span) is SpanView:
            return inner() if getattr(span.scope, "closed_elsewhere", False) else span.scope
        scope = inner()
        if type(span) not in _OUR_TYPES:
            context = zipkin_context_of(span)
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
            return super().active if getattr(scope, "closed_elsewhere", False) else scope

    NestedManager.__name__ = NestedManager.__qualname__ = kind.__name__
    return NestedManager


def _nested_scope(kind: Any) -> type:
    class NestedScope(kind):  # type: ignore[misc]  # any scope manager's
        __slots__ = ()

        _otel_is_closed: bool  # closed, but a scope opened inside it may still be open
        _otel_former: Any
        _otel_span: Any
        _otel_token: Any

        def close(self) -> None:
            # The manager's own method comes first, because it may ask for the active span.
            try:
                super().close()
            finally:
                if self._otel_token is not None:
                    self._otel_is_closed = True  # type: ignore[misc]  # a scope has a dict
                    _restore_closed(self)

        def run_again(self, function: Callable[[], _T]) -> _T:
            span: Any = self.span
            token = attach_span(span if type(span) in _OUR_TYPES else SpanView(span, self))
            try:
                again: _T = super().run_again(function)
                return again
            finally:
                restore(token)

    NestedScope.__name__ = NestedScope.__qualname__ = kind.__name__
    return NestedScope


def _restore_closed(scope: Any) -> None:
    """Restore the former current span, as long as the current one belongs to a closed scope: this one or one around it."""
    while True:
        span: Any = span_of(current_context())
        if span is not scope._otel_span:
            scope = span.scope if type(span) is SpanView else None
            if not getattr(scope, "_otel_is_closed", False) or scope._otel_token is None:
                return
        if not restore(scope._otel_token):
            attach_span(scope._otel_former)
        scope._otel_token = scope._otel_former = scope._otel_span = None  # the view holds the scope: this breaks the cycle


@contextmanager
def _no_current_span() -> Iterator[None]:
    token = attach_span(INVALID_SPAN)
    try:
        yield
    finally:
        restore(token)
