"""Propagator: writes a context in one format and reads it; give your own to `MockTracer.register_propagator`."""

from __future__ import annotations

from typing import Any

from .context import SpanContext

__all__ = ["Propagator"]


class Propagator:
    """The base class: it writes and reads nothing."""

    def inject(self, span_context: Any, carrier: Any) -> None:
        """Write the context into the carrier.  Raises InvalidCarrierException."""

    def extract(self, carrier: Any) -> SpanContext | None:
        """The context in the carrier.

        Raises InvalidCarrierException; raises SpanContextCorruptedException if the carrier holds no readable context.
        """
        return None


def has_identity(span_context: Any) -> bool:
    """Whether this is a MockTracer's context with both ids; the context of another tracer has nothing that could be written."""
    return (
        issubclass(type(span_context), SpanContext)
        and isinstance(span_context.trace_id, int)
        and isinstance(span_context.span_id, int)
    )
