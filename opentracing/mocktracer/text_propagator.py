"""A MockTracer's context as text: two entries with hexadecimal numbers, and one entry for each baggage item.

Rules: keys are read in any case, and unrelated entries are ignored.  The entries are the same as those of opentracing 2.4.0's
mock tracer, so the two can read each other's.  Like that tracer, this one raises if the carrier has no context.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..propagation import InvalidCarrierException, SpanContextCorruptedException
from ..text import text_of
from .context import SpanContext
from .propagator import Propagator, has_identity

__all__ = ["TextPropagator"]

prefix_tracer_state = "ot-tracer-"
prefix_baggage = "ot-baggage-"
field_name_trace_id = prefix_tracer_state + "traceid"
field_name_span_id = prefix_tracer_state + "spanid"
field_count = 2  # unused here; opentracing 2.4.0 has this public name, for the number of entries that a context must have


class TextPropagator(Propagator):
    """Works for Format.TEXT_MAP and Format.HTTP_HEADERS; a carrier is any object that can be assigned to and read by key."""

    def inject(self, span_context: Any, carrier: Any) -> None:
        try:
            if not hasattr(carrier, "__setitem__"):
                raise InvalidCarrierException(f"a text map is a mutable mapping, not {text_of(type(carrier))}")
            for key, value in _entries(span_context):
                carrier[key] = value
        except InvalidCarrierException:
            raise
        except Exception as error:  # a list or a bytearray, whose keys are numbers; or a mapping of the user's that raises
            raise InvalidCarrierException(
                f"the keys of a text map must be text; {text_of(type(carrier))} does not accept them"
            ) from error

    def extract(self, carrier: Any) -> SpanContext:
        entries = _lowered(carrier)
        try:
            trace_id, span_id = (int(entries[name], 16) for name in (field_name_trace_id, field_name_span_id))
        except (KeyError, TypeError, ValueError) as error:
            raise SpanContextCorruptedException(
                f"{field_name_trace_id} and {field_name_span_id} are missing or are not hexadecimal numbers"
            ) from error
        cut = len(prefix_baggage)
        return SpanContext(trace_id, span_id, {key[cut:]: entries[key] for key in entries if key.startswith(prefix_baggage)})


def _entries(span_context: Any) -> Iterator[tuple[str, str]]:
    if not has_identity(span_context):
        return
    yield field_name_trace_id, f"{span_context.trace_id:x}"
    yield field_name_span_id, f"{span_context.span_id:x}"
    for key, value in span_context.baggage.items():
        yield prefix_baggage + key, text_of(value)


def _lowered(carrier: Any) -> dict[str, Any]:
    if issubclass(type(carrier), (str, bytes, bytearray)):
        raise InvalidCarrierException(f"a text map is a mapping, not {text_of(type(carrier))}")
    try:
        # The headers of some frameworks iterate over pairs instead of keys; all of these have `items`.
        items = carrier.items() if hasattr(carrier, "items") else [(key, carrier[key]) for key in carrier]
        return {key.lower(): value for key, value in items if isinstance(key, str)}
    except Exception as error:  # a carrier of the user's may raise anything
        raise InvalidCarrierException(f"a text map is a mapping, not {text_of(type(carrier))}") from error
