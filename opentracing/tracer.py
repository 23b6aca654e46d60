"""Tracer, the base class of every tracer and by itself the no-op; and the references between spans.

Rules: a subclass need not call this constructor.  A tracer implements `start_span`, `inject` and `extract`; the verbs of 0.5
come from `classic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, overload

from .arguments import is_one_of
from .classic import ClassicTracer
from .context import NOOP_CONTEXT, TraceContextSource
from .decorator import traced
from .propagation import Format, UnsupportedFormatException
from .scope import Scope
from .scope_manager import ScopeManager
from .span import Span, SpanContext

__all__ = ["Reference", "ReferenceType", "Tracer", "child_of", "follows_from", "start_child_span"]

_F = TypeVar("_F")
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="Tracer")


class Tracer(ClassicTracer, TraceContextSource):
    """Starts spans, writes their contexts into carriers, and reads contexts from carriers."""

    _supported_formats = (Format.TEXT_MAP, Format.BINARY, Format.HTTP_HEADERS)

    singleton_noop_span = Span(None, NOOP_CONTEXT)
    _noop_span: Span
    _noop_span_context = NOOP_CONTEXT

    def __new__(cls: type[_Self], *args: Any, **kwargs: Any) -> _Self:
        # Set here and not in the constructor, because a subclass need not call the constructor.  They are plain attributes of
        # the instance: a default on the class that makes them on first use would cost the no-op 10 % of its time.
        tracer = super().__new__(cls)
        tracer._noop_span = Span(tracer, NOOP_CONTEXT)
        tracer._set_scope_manager(ScopeManager())
        return tracer

    def __init__(self, scope_manager: ScopeManager | None = None) -> None:
        if scope_manager is not None:
            self._set_scope_manager(scope_manager)

    def _set_scope_manager(self, scope_manager: ScopeManager) -> None:
        self._scope_manager = scope_manager
        self._noop_scope = Scope(scope_manager, self._noop_span)

    @property
    def scope_manager(self) -> ScopeManager:
        """The scope manager, which knows the active span."""
        return self._scope_manager

    @property
    def active_span(self) -> Span | None:
        """The span of the active scope; None if no scope is active."""
        scope = self.scope_manager.active
        return None if scope is None else scope.span

    def start_active_span(
        self,
        operation_name: str,
        child_of: Span | SpanContext | None = None,
        references: Sequence[Reference] | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
        finish_on_close: bool = True,
    ) -> Scope:
        """Start a span and make it active until the returned scope is closed."""
        return self._noop_scope

    def start_span(
        self,
        operation_name: str | None = None,
        child_of: Span | SpanContext | None = None,
        references: Sequence[Reference] | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
    ) -> Span:
        """A new span.  It is a child of `child_of` (a span or a context), else of the first reference, else of the active span.

        `start_time` is in seconds since the epoch; None means now.
        """
        return self._noop_span

    @overload
    def trace(self, operation_name: Callable[_P, _T], tags: None = None) -> Callable[_P, _T]: ...
    @overload
    def trace(self, operation_name: str | None = None, tags: dict[str, Any] | None = None) -> Callable[[_F], _F]: ...

    def trace(self, operation_name: Any = None, tags: dict[str, Any] | None = None) -> Any:
        """A decorator: each run of the function, coroutine, generator or async generator is a span, which is active inside.

        Use `@tracer.trace("name", tags={...})`, or `@tracer.trace` for the function's own name.  An exception that leaves the
        function sets the error tag.  A function decorated with the default no-op uses the `opentracing.tracer` of each run, so
        a module may decorate its functions before the application configures its tracer.
        """
        find_tracer = self._tracer_of_run
        if operation_name is None or isinstance(operation_name, str):
            return lambda function: traced(function, find_tracer, operation_name, tags)
        return traced(operation_name, find_tracer, None, tags)

    def _tracer_of_run(self) -> Tracer:
        """The tracer of a decorated function's run: this one, but for the default no-op the global tracer of that moment."""
        import opentracing

        return opentracing.global_tracer() if self is opentracing._noop_tracer else self

    def inject(self, span_context: SpanContext, format: str, carrier: Any) -> None:
        """Write a context into a carrier.  Raises UnsupportedFormatException, InvalidCarrierException."""
        if not is_one_of(format, Tracer._supported_formats):
            raise UnsupportedFormatException(format)

    def extract(self, format: str, carrier: Any) -> SpanContext | None:
        """The context in a carrier; None if the carrier holds none.

        Raises UnsupportedFormatException and InvalidCarrierException.  Some tracers also raise SpanContextCorruptedException;
        they say so.
        """
        if not is_one_of(format, Tracer._supported_formats):
            raise UnsupportedFormatException(format)
        return self._noop_span_context


class ReferenceType:
    """Names of the kinds of relation between a new span and another span."""

    CHILD_OF = "child_of"
    FOLLOWS_FROM = "follows_from"


class Reference(NamedTuple):
    """A relation of a new span to a context; a reference whose context is None is ignored."""

    type: str
    referenced_context: SpanContext | None


def child_of(referenced_context: SpanContext | None = None) -> Reference:
    """A reference which says that the new span's work is part of the referenced span's work."""
    return Reference(ReferenceType.CHILD_OF, referenced_context)


def follows_from(referenced_context: SpanContext | None = None) -> Reference:
    """A reference which says that the referenced span caused the new span's work but does not wait for it."""
    return Reference(ReferenceType.FOLLOWS_FROM, referenced_context)


def start_child_span(
    parent_span: Span, operation_name: str, tags: dict[str, Any] | None = None, start_time: float | None = None
) -> Span:
    """A child of `parent_span`, started by the same tracer."""
    return parent_span.tracer.start_span(operation_name, child_of=parent_span, tags=tags, start_time=start_time)


if TYPE_CHECKING:  # both base classes of Tracer have the verbs of 0.5; this checks that those of `classic` fit
    _: type[TraceContextSource] = Tracer
