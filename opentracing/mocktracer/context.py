"""The context of a MockSpan: two numbers and the baggage.

Rules: each change replaces the baggage by a changed copy.  So children share the baggage that they started with, and no lock
is needed; without a lock a context can also be pickled, which is its binary form.  The names of its three attributes are part
of that wire format.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TypeVar

from .. import span
from ..text import normalize_key, text_of, with_item

__all__ = ["SpanContext"]

_C = TypeVar("_C", bound="SpanContext")


class SpanContext(span.SpanContext):
    """Has a `trace_id` and a `span_id`, which count from 1 and are None without an identity; may be used from any thread."""

    def __init__(
        self, trace_id: int | None = None, span_id: int | None = None, baggage: Mapping[str, str] | None = None
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self._baggage: dict[str, str] = {} if baggage is None else dict(baggage)

    @property
    def baggage(self) -> dict[str, str]:
        """A copy of the items, each key in the spelling that was given."""
        return dict(self._baggage)

    def with_baggage_item(self: _C, key: str, value: str) -> _C:
        """A copy of this context that also has the item."""
        copied = copy(self)
        copied._set_item(key, value)
        return copied

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        self._set_item(normalize_key(key), value)
        return self

    def _set_item(self, key: str, value: str) -> None:
        """Replace every item whose normalised key is that of `key`; items that other threads set at the same time are kept."""
        while True:
            before = self._baggage
            after = with_item(before, key, value)
            # A compare-and-swap without a lock.  standard/tracer.py has the same and says why it must be one line.
            if self._baggage is before: self._baggage = after; return  # noqa: E701, E702  # fmt: skip

    def _get_item(self, key: str) -> str | None:
        """The item with exactly this spelling, or otherwise with another spelling of the same key."""
        key = text_of(key)
        baggage = self._baggage
        return baggage[key] if key in baggage else self.get_trace_attribute(key)

    def __repr__(self) -> str:
        return f"SpanContext(trace_id={self.trace_id}, span_id={self.span_id})"
