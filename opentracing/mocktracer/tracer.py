"""MockTracer: makes spans that a test can look at, and keeps the finished ones.

Rules: ids are small numbers in the order in which they are made, so that a test can tell them apart.  A root takes two: first
the span's, then the trace's.  `extract` raises SpanContextCorruptedException if the context is missing or damaged, because
tests of instrumentation check how the instrumentation handles that exception.  The verbs of 0.5 return None in that case, as
on every tracer.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import parent_of
from ..propagation import Format, UnsupportedFormatException
from ..scope import Scope
from ..scope_manager import ScopeManager
from ..scope_managers import ContextVarsScopeManager
from ..text import format_message
from ..tracer import Reference, Tracer
from .binary_propagator import BinaryPropagator
from .context import SpanContext
from .propagator import Propagator
from .span import MockSpan
from .text_propagator import TextPropagator

if TYPE_CHECKING:
    from ..span import SpanContext as AnyContext

__all__ = ["MockTracer"]


class MockTracer(Tracer):
    """Owns the list of finished spans; may be used from any thread, also after a fork and in a signal's handler.

    So it has no lock: `append`, `copy` and `next` are single calls into C, which nothing can interrupt.
    """

    if TYPE_CHECKING:  # the inherited verbs return MockSpans too

        @property
        def active_span(self) -> MockSpan | None: ...
        def start_trace(self, operation_name: str, tags: dict[str, Any] | None = None) -> MockSpan: ...
        def join_trace(
            self, operation_name: str, parent_trace_context: AnyContext | None, tags: dict[str, Any] | None = None
        ) -> MockSpan: ...

    def __init__(self, scope_manager: ScopeManager | None = None) -> None:
        super().__init__(ContextVarsScopeManager() if scope_manager is None else scope_manager)
        self._propagators: dict[str, Propagator] = {}
        self._finished_spans: list[MockSpan] = []
        self._ids = itertools.count(1)
        self._register_required_propagators()

    def register_propagator(self, format: str, propagator: Propagator) -> None:
        """Use `propagator` for contexts in `format`, which may be one of your own or one of Format's."""
        self._propagators[format] = propagator

    def _register_required_propagators(self) -> None:
        self.register_propagator(Format.TEXT_MAP, TextPropagator())
        self.register_propagator(Format.HTTP_HEADERS, TextPropagator())
        self.register_propagator(Format.BINARY, BinaryPropagator())

    def finished_spans(self) -> list[MockSpan]:
        """A copy of the list of finished spans, in the order in which they finished."""
        return self._finished_spans.copy()

    def reset(self) -> None:
        """Forget the finished spans; spans that are still open are listed when they finish."""
        self._finished_spans = []

    def _append_finished_span(self, span: MockSpan) -> None:
        self._finished_spans.append(span)

    def _generate_id(self) -> int:
        return next(self._ids)

    def start_span(
        self,
        operation_name: str | None = None,
        child_of: Any = None,
        references: Sequence[Reference] | Reference | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
    ) -> MockSpan:
        parent = self._parent(child_of, references, ignore_active_span)
        return MockSpan(
            self,
            operation_name,
            context=self._child_context(parent),
            parent_id=parent.span_id,
            tags=tags,
            start_time=time.time() if start_time is None else start_time,
        )

    def start_active_span(
        self,
        operation_name: str,
        child_of: Any = None,
        references: Sequence[Reference] | Reference | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
        finish_on_close: bool = True,
    ) -> Scope:
        span = self.start_span(operation_name, child_of, references, tags, start_time, ignore_active_span)
        return self.scope_manager.activate(span, finish_on_close)

    def _parent(self, child_of: Any, references: Any, ignore_active_span: bool) -> SpanContext:
        """The first MockTracer's context among the given parents, else the active span's, else a context without identity."""
        parent = parent_of(SpanContext, child_of, references, None if ignore_active_span else self.active_span)
        return SpanContext() if parent is None else parent

    def _child_context(self, parent: SpanContext) -> SpanContext:
        span_id = self._generate_id()
        trace_id = self._generate_id() if parent.trace_id is None else parent.trace_id
        return SpanContext(trace_id, span_id, parent.baggage)

    def inject(self, span_context: Any, format: str, carrier: Any) -> None:
        self._propagator(format).inject(span_context, carrier)

    def extract(self, format: str, carrier: Any) -> SpanContext | None:
        """The context in a carrier; None only if a propagator of the user's returns it.

        Raises UnsupportedFormatException and InvalidCarrierException, and SpanContextCorruptedException if the context is
        missing or damaged.
        """
        return self._propagator(format).extract(carrier)

    def _propagator(self, format: str) -> Propagator:
        try:
            return self._propagators[format]
        except Exception:  # unknown, not hashable, or its comparison raises
            raise UnsupportedFormatException(
                format_message("%r is not registered; use register_propagator", (format,))
            ) from None
