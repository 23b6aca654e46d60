"""Converts between our context of a span, which holds more, and OpenTelemetry's.

Rules: nothing here makes a sampling decision.  OpenTelemetry only knows "sampled" and "not sampled", so a context whose
decision is still open counts as not sampled there; our context keeps the decision open.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, TraceFlags, TraceState

from ..context import DECIDED, LOW_64_BITS, REMOTE, SAMPLED, W3C_FLAGS, ZipkinContext
from ..propagation.attributes import TRACESTATE

__all__ = ["from_otel", "to_otel"]

# One object for each of the two most frequent values of the flags: making one takes 0.2 µs.
_NOT_SAMPLED, _SAMPLED = TraceFlags(0), TraceFlags(1)
_NO_STATE = TraceState()


def to_otel(context: ZipkinContext) -> SpanContext:
    """Our context as OpenTelemetry's: the ids as numbers, the flags and the trace state; invalid if the context has no ids."""
    trace_id: Any = context._trace_id
    span_id: Any = context._span_id
    if trace_id is None or span_id is None:
        return INVALID_SPAN_CONTEXT
    if type(trace_id) is str:
        trace_id = int(trace_id, 16)
    span_id = int(span_id, 16) if type(span_id) is str else span_id & LOW_64_BITS
    state = context._state
    flags = _SAMPLED if state & SAMPLED else _NOT_SAMPLED
    if state & W3C_FLAGS:
        flags = TraceFlags(flags | (state & W3C_FLAGS) >> 8)
    baggage = context._baggage
    trace_state = _NO_STATE
    if baggage and TRACESTATE in baggage:
        trace_state = TraceState.from_header([str(baggage[TRACESTATE])])
    return SpanContext(trace_id, span_id, state & REMOTE != 0, flags, trace_state)


def from_otel(context: Any) -> ZipkinContext | None:
    """OpenTelemetry's `SpanContext` as our context, with its decision made; None if it is not usable."""
    try:
        if not context.is_valid:
            return None
        trace_id, span_id, flags = int(context.trace_id), int(context.span_id), int(context.trace_flags)
        state = DECIDED | (SAMPLED if flags & 1 else 0) | (flags << 8 & W3C_FLAGS) | (REMOTE if context.is_remote else 0)
        header = context.trace_state.to_header() if context.trace_state else ""
        return ZipkinContext(trace_id, span_id, None, state, {TRACESTATE: header} if header else None)
    except Exception:  # an object of another library may raise anything
        return None
