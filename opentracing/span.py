"""Span and SpanContext: the base classes for the spans and contexts of every tracer; they record nothing.

Rules: no method here raises because of a value.  Both constructors of the API's history work: `Span(tracer, context)` and
`Span(trace_context)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import logs, tags
from .classic import PYTHON_EXCEPTION, ClassicContext, ClassicSpan
from .planned import is_planned
from .text import format_message

_S = TypeVar("_S", bound="Span")
_C = TypeVar("_C", bound="SpanContext", covariant=True)

if TYPE_CHECKING:
    from typing import Protocol

    from .tracer import Tracer

    class _HasContext(Protocol[_C]):
        """A span, typed by its context: a subclass that narrows the type of `context` also narrows that of `trace_context`."""

        @property
        def context(self) -> _C: ...


__all__ = ["Span", "SpanContext"]


class SpanContext(ClassicContext):
    """The part of a span that travels between processes: its identity, which each tracer defines, and its baggage."""

    __slots__ = ()

    EMPTY_BAGGAGE: Mapping[str, str] = MappingProxyType({})

    @property
    def baggage(self) -> Mapping[str, str]:
        """The baggage items, each key in the spelling that was given; do not change the mapping."""
        return SpanContext.EMPTY_BAGGAGE


class Span(ClassicSpan):
    """A unit of work in a trace; as a context manager it records an exception that was raised, and finishes the span.

    A copy of a span is the span itself, so that an object that holds one can be copied.
    """

    # Defaults on the class, so that the properties work in a subclass which never calls this constructor.
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
            tracer, context = None, tracer  # this was `Span(trace_context)`: 2.x always passes two arguments
        self._tracer = tracer
        self._context = context if trace_context is None else trace_context

    @property
    def context(self) -> SpanContext:
        """The SpanContext; children and other processes need it."""
        return self._context  # type: ignore[no-any-return]  # a local variable with a type would make every call slower

    @property
    def trace_context(self: _HasContext[_C]) -> _C:
        """`context` under its name in 0.5; subclasses written for 0.5 assign to it."""
        return self.context

    @trace_context.setter
    def trace_context(self, value: Any) -> None:
        self._context = value

    @property
    def tracer(self) -> Tracer:
        """The tracer that started this span; the global tracer if no tracer did."""
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
        """A new span of the same tracer and a child of this one, even if another span is active."""
        tracer: Tracer | None
        if type(self) is Span or (self._tracer is None and type(self).tracer is Span.tracer):
            tracer = self._tracer  # not the property: it costs 50 ns and would return the global tracer for None
            if tracer is None:
                return self  # a span without tracer, as 0.5's no-op has it
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
        """Attach an item that travels to all children started from now on.  It is sent with each call, so keep it short."""
        return self

    def get_baggage_item(self, key: str) -> str | None:
        """The item with this key; None if the span has no such item."""
        return None

    def finish(self, finish_time: float | None = None) -> None:
        """End the span, now or at `finish_time` (seconds since the epoch); a second call does nothing."""

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None and not is_planned(exc_val):
            own = type(self)
            if own.error is not Span.error and own.log_kv is not Span.log_kv:
                # A 2.x span whose own `error` means something else, such as jaeger_client's: that method would lose the
                # stack.
                self._on_error(self, exc_type, exc_val, exc_tb)
            else:
                self.error(PYTHON_EXCEPTION, {"type": exc_type, "val": exc_val, "tb": exc_tb})
        self.finish()

    @staticmethod
    def _on_error(span: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        """Mark `span` as failed by an exception; a hook of 2.4, also called when an exception leaves a scope's block."""
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
        """Deprecated since 2.0; use `log_kv`."""
        return self.log_kv({logs.EVENT: event} if payload is None else {logs.EVENT: event, "payload": payload})

    def log(self: _S, **kwargs: Any) -> _S:
        """Deprecated since 2.0; use `log_kv`.  It reads `event`, `payload` and `timestamp`."""
        fields = {key: kwargs[key] for key in (logs.EVENT, "payload") if key in kwargs}
        return self.log_kv(fields, kwargs.get("timestamp"))
