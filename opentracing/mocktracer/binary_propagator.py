"""A MockTracer's context as bytes: pickled, because opentracing 2.4.0's mock tracer writes and reads pickles.

Rules: only one thing is written or read: the context class, under its public name, with a state of three entries.  A pickle
may name any callable in Python, so the reader finds this one class and refuses all others.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from ..propagation import InvalidCarrierException, SpanContextCorruptedException
from ..text import text_of
from .context import SpanContext
from .propagator import Propagator, has_identity

__all__ = ["BinaryPropagator"]

PICKLE_PROTOCOL = 2  # the lowest protocol with a compact form for new-style classes; every Python can read it


class BinaryPropagator(Propagator):
    """Works for Format.BINARY; a carrier is a bytearray, or also bytes for `extract`."""

    def inject(self, span_context: Any, carrier: Any) -> None:
        if not issubclass(type(carrier), bytearray):
            raise InvalidCarrierException(f"a binary carrier is a bytearray, not {text_of(type(carrier))}")
        if has_identity(span_context):
            baggage = {key: text_of(value) for key, value in span_context.baggage.items()}
            written = SpanContext(span_context.trace_id, span_context.span_id, baggage)
            carrier.extend(pickle.dumps(written, PICKLE_PROTOCOL))

    def extract(self, carrier: Any) -> SpanContext:
        if not issubclass(type(carrier), (bytearray, bytes)):
            raise InvalidCarrierException(f"a binary carrier is a bytearray, not {text_of(type(carrier))}")
        try:
            return _checked_context(_ContextUnpickler(io.BytesIO(carrier)).load())
        except Exception as error:  # reading a damaged pickle raises nearly any class of exception
            raise SpanContextCorruptedException("the bytes are not a pickled context of a MockTracer") from error


class _ContextUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (SpanContext.__module__, SpanContext.__name__):
            return SpanContext
        raise pickle.UnpicklingError(f"{module}.{name} is not a context")


def _checked_context(context: Any) -> SpanContext:
    """A new context with the unpickled one's parts, without attributes that a stranger added.  Raises UnpicklingError."""
    if not has_identity(context):
        raise pickle.UnpicklingError("no identity")
    baggage = context.baggage
    if not all(isinstance(text, str) for item in baggage.items() for text in item):
        raise pickle.UnpicklingError("a baggage item that is not text")
    return SpanContext(context.trace_id, context.span_id, baggage)
