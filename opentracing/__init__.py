"""The OpenTracing API for Python: a no-op until `opentracing.tracer` is replaced.

Two vocabularies share one model: `start_span`, `inject` and `extract` of 2.4, and `start_trace`, `join_trace` and
`trace_context_to_text` of 0.5.  Read `opentracing.tracer` at the place of use.  Do not import the name: the import would keep
the tracer of that moment.

(PYTEST_DONT_REWRITE: without this mark, pytest warns when the package is imported before pytest starts.)
"""

from __future__ import annotations

from .context import TraceContextDecoder, TraceContextEncoder, TraceContextSource
from .continuation import detached, wrap
from .propagation import Format, InvalidCarrierException, SpanContextCorruptedException, UnsupportedFormatException
from .scope import Scope
from .scope_manager import ScopeManager
from .span import Span, SpanContext
from .tracer import Reference, ReferenceType, Tracer, child_of, follows_from, start_child_span

__all__ = [
    "Format",
    "InvalidCarrierException",
    "Reference",
    "ReferenceType",
    "Scope",
    "ScopeManager",
    "Span",
    "SpanContext",
    "SpanContextCorruptedException",
    "TraceContext",
    "TraceContextDecoder",
    "TraceContextEncoder",
    "TraceContextSource",
    "Tracer",
    "UnsupportedFormatException",
    "child_of",
    "detached",
    "follows_from",
    "global_tracer",
    "is_global_tracer_registered",
    "is_tracer_registered",
    "set_global_tracer",
    "start_child_span",
    "tracer",
    "wrap",
]

TraceContext = SpanContext

_noop_tracer = Tracer()
is_tracer_registered = False


def global_tracer() -> Tracer:
    """The tracer that `opentracing.tracer` is now."""
    return tracer


def set_global_tracer(value: Tracer) -> None:
    """Replace `opentracing.tracer`; None raises ValueError."""
    if value is None:
        raise ValueError("the global tracer cannot be None; use opentracing.Tracer(), which does nothing")
    global tracer, is_tracer_registered
    tracer = value
    is_tracer_registered = True


def is_global_tracer_registered() -> bool:
    """Whether the no-op was replaced, by `set_global_tracer` or by assignment."""
    return is_tracer_registered or tracer is not _noop_tracer


def _reset_global_tracer() -> None:
    """Put the no-op back; for tests."""
    global tracer, is_tracer_registered
    tracer = _noop_tracer
    is_tracer_registered = False


# This line comes last: the name hides the submodule `opentracing.tracer`, which the imports above needed.
tracer: Tracer = _noop_tracer
