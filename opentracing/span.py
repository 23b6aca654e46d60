"""Span and SpanContext, the base classes of every tracer's own; by themselves they record nothing.

Rules: nothing here raises because of a value.  Both constructors of the API's history work: `Span(tracer, context)` and
`Span(trace_context)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import logs, tags
from .classic import PYTHON_EXCEPTION, ClassicContext, ClassicSpan
from .text import format_message, is_planned

_S = TypeVar("_S", bound="Span")
_C = TypeVar("_C", bound="SpanContext", covariant=True)

if TYPE_CHECKING:
    from typing import Protocol

    from .tracer import Tracer

    class _HasContext(Protocol[_C]):
        """A span, by the type of its context: a subclass that narrows `context` has narrowed `trace_context` as well."""

        @property
        def context(self) -> _C: ...


__all__ = ["Span", "SpanContext"]


class SpanContext(ClassicContext):
    """What of a span travels: its identity, which is the tracer's affair, and its baggage."""

    __slots__ = ()

    EMPTY_BAGGAGE: Mapping[str, str] = MappingProxyType({})

    @property
    def baggage(self) -> Mapping[str, str]:
        """The baggage items in the spelling they were given; not to be changed."""
        return SpanContext.EMPTY_BAGGAGE


class Span(ClassicSpan):
    """A unit of work on behalf of a trace; a context manager that finishes it and records what was raised.

    A copy of it is the span itself, as it is copied with what holds it.
    """

    # Class-level, so that a subclass which never calls this constructor still answers.
    _tracer: Any = None
    _context: Any = None

    @overload
    def __init__(self, tracer: Tracer | None, context: SpanContext) -> None: ...
    @overload
    def __init__(self, context: SpanContext, /) -> None: ...
    @overload
    def __init__(self, *, trace_context: SpanContext) -> None: ...

    def __init__(self, tracer: Any = None, context: Any = None, *, trace_context: Any = None) -> None:
        if trace_context is None and context is None:
            tracer, context = None, tracer  # Span(trace_context): 2.x always gives two arguments
        self._tracer = tracer
        self._context = context if trace_context is None else trace_context

    @property
    def context(self) -> SpanContext:
        """The SpanContext that children and other processes need to know."""
        return self._context  # type: ignore[no-any-return]  # a local variable with a type would cost every call

    @property
    def trace_context(self: _HasContext[_C]) -> _C:
        """`context` under its first name; 0.5's subclasses assign it."""
        return self.context

    @trace_context.setter
    def trace_context(self, value: Any) -> None:
        self._context = value

    @property
    def tracer(self) -> Tracer:
        """The tracer that started this span; the global one where none did."""
        tracer: Tracer = self._tracer
        if tracer is None:
            import opentracing

            return opentracing.global_tracer()
        return tracer

    @tracer.setter
    def tracer(self, value: Tracer | None) -> None:
        self._tracer = value

    def __copy__(self: _S) -> _S:
        return self

    def __deepcopy__(self: _S, memo: object) -> _S:
        return self

    def start_child(self, operation_name: str, tags: dict[str, Any] | None = None) -> Span:
        """A new span of the same tracer, child of this one, whatever span is active."""
        tracer: Tracer | None
        if type(self) is Span or (self._tracer is None and type(self).tracer is Span.tracer):
            tracer = self._tracer  # not by the property, which costs 50 ns and finds the global tracer where there is none
            if tracer is None:
                return self  # nobody's span, as 0.5 makes it for a no-op
        else:
            tracer = self.tracer
        return tracer.start_span(operation_name, child_of=self, tags=tags)

    def set_operation_name(self: _S, operation_name: str) -> _S:
        """Replace the name given at the start."""
        return self

    def set_tag(self: _S, key: str, value: Any) -> _S:
        """Describe the span; a later value of the same key replaces the earlier one."""
        return self

    def log_kv(self: _S, key_values: dict[str, Any], timestamp: float | None = None) -> _S:
        """Record an event, now or at `timestamp` (seconds since the epoch)."""
        return self

    def set_baggage_item(self: _S, key: str, value: str) -> _S:
        """Attach an item that travels to all children started from now on, in-band, so keep it short."""
        return self

    def get_baggage_item(self, key: str) -> str | None:
        """The item with this key, None where there is none."""
        return None

    def finish(self, finish_time: float | None = None) -> None:
        """The work is done, now or at `finish_time` (seconds since the epoch); a second call does nothing."""

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None and not is_planned(exc_val):
            own = type(self)
            if own.error is not Span.error and own.log_kv is not Span.log_kv:
                # A 2.x span whose `error` is its own affair, as jaeger_client's, which would lose the stack.
                self._on_error(self, exc_type, exc_val, exc_tb)
            else:
                self.error(PYTHON_EXCEPTION, {"type": exc_type, "val": exc_val, "tb": exc_tb})
        self.finish()

    @staticmethod
    def _on_error(span: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        """Mark `span` as failed by an exception; a hook of 2.4, also called when a scope is left by one."""
        if span is None or exc_val is None or is_planned(exc_val):
            return
        span.set_tag(tags.ERROR, True)
        span.log_kv(
            {
                logs.EVENT: tags.ERROR,
                logs.MESSAGE: format_message(exc_val, ()),
                logs.ERROR_OBJECT: exc_val,
                logs.ERROR_KIND: exc_type,
                logs.STACK: exc_tb,
            }
        )

    def log_event(self: _S, event: Any, payload: Any = None) -> _S:
        """Deprecated since 2.0: `log_kv`."""
        return self.log_kv({logs.EVENT: event} if payload is None else {logs.EVENT: event, "payload": payload})

    def log(self: _S, **kwargs: Any) -> _S:
        """Deprecated since 2.0: `log_kv`; knows `event`, `payload` and `timestamp`."""
        fields = {key: kwargs[key] for key in (logs.EVENT, "payload") if key in kwargs}
        return self.log_kv(fields, kwargs.get("timestamp"))
