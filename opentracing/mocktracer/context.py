"""The context of a MockSpan: two numbers and the baggage.

Rules: baggage is copied on write, so children share what they started with, and a context carries no lock; that also keeps it
picklable, which is how it travels in binary.  The names of its three attributes are part of that wire format.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from threading import Lock
from typing import TypeVar

from .. import span
from ..text import format_message, normalize_key

__all__ = ["SpanContext"]

_C = TypeVar("_C", bound="SpanContext")

_baggage_lock = Lock()


class SpanContext(span.SpanContext):
    """`trace_id` and `span_id` count from 1, None where there is no identity; may be used from any thread."""

    def __init__(
        self, trace_id: int | None = None, span_id: int | None = None, baggage: Mapping[str, str] | None = None
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self._baggage: dict[str, str] = {} if baggage is None else dict(baggage)

    @property
    def baggage(self) -> dict[str, str]:
        """A copy of the items, in the spelling they were given."""
        return dict(self._baggage)

    def with_baggage_item(self: _C, key: str, value: str) -> _C:
        """A copy of this context that also has the item."""
        copied = copy(self)
        copied._set_item(key, value)
        return copied

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        self._set_item(normalize_key(_text(key)), value)
        return self

    def _set_item(self, key: str, value: str) -> None:
        """Replaces every item whose normalised key is that of `key`."""
        key = _text(key)
        name = normalize_key(key)
        with _baggage_lock:
            kept = {spelling: item for spelling, item in self._baggage.items() if normalize_key(spelling) != name}
            kept[key] = value
            self._baggage = kept

    def _get_item(self, key: str) -> str | None:
        """The item in exactly this spelling, or else in another one."""
        key = _text(key)
        baggage = self._baggage
        return baggage[key] if key in baggage else self.get_trace_attribute(key)

    def __repr__(self) -> str:
        return f"SpanContext(trace_id={self.trace_id}, span_id={self.span_id})"


def _text(key: object) -> str:
    return key if isinstance(key, str) else format_message(key, ())
