"""The context of a MockSpan: two numbers and the baggage.

Rules: baggage is copied on write, so children share what they started with, and there is no lock; that also keeps a context
picklable, which is how it travels in binary.  The names of its three attributes are part of that wire format.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TypeVar

from .. import span
from ..text import normalize_key, text_of

__all__ = ["SpanContext"]

_C = TypeVar("_C", bound="SpanContext")


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
        """Replaces every item whose normalised key is that of `key`; what others set at the same time is kept."""
        key = _text(key)
        name = normalize_key(key)
        while True:
            baggage = self._baggage
            changed = {spelling: item for spelling, item in baggage.items() if normalize_key(spelling) != name}
            changed[key] = value
            # A compare-and-swap without a lock: CPython lets other threads and handlers in only at a call, at a function's
            # begin and at a jump back, and none of these is in this line.  One line, because trace functions run between two.
            if self._baggage is baggage: self._baggage = changed; return  # noqa: E701, E702  # fmt: skip

    def _get_item(self, key: str) -> str | None:
        """The item in exactly this spelling, or else in another one."""
        key = _text(key)
        baggage = self._baggage
        return baggage[key] if key in baggage else self.get_trace_attribute(key)

    def __repr__(self) -> str:
        return f"SpanContext(trace_id={self.trace_id}, span_id={self.span_id})"


def _text(key: object) -> str:
    return key if type(key) is str else text_of(key)
