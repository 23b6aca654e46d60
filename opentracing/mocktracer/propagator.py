"""Propagator: carries a context in and out of one format; give yours to `MockTracer.register_propagator`."""

from __future__ import annotations

from typing import Any

from .context import SpanContext

__all__ = ["Propagator"]


class Propagator:
    """By itself it carries nothing."""

    def inject(self, span_context: Any, carrier: Any) -> None:
        """Write the context into the carrier.  Raises InvalidCarrierException."""

    def extract(self, carrier: Any) -> SpanContext | None:
        """The context in the carrier.  Raises InvalidCarrierException, and SpanContextCorruptedException where it is none."""
        return None


def identifies(span_context: Any) -> bool:
    """Whether it is a MockTracer's context and has an identity; in another's, say the no-op's, nothing could be written."""
    return (
        issubclass(type(span_context), SpanContext)
        and isinstance(span_context.trace_id, int)
        and isinstance(span_context.span_id, int)
    )
