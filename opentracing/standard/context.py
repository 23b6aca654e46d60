"""A context that keeps trace attributes and nothing else; contexts with an identity can derive from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import RLock
from typing import TypeVar

from ..span import SpanContext
from ..text import normalize_key

__all__ = ["TraceContext"]

_T = TypeVar("_T", bound="TraceContext")


class TraceContext(SpanContext):
    """Owns the trace attributes; may be used from any thread.

    `trace_attributes` is the dict that was given, not a copy; it is None while the context has no attributes.
    """

    def __init__(self, trace_attributes: dict[str, str] | None = None) -> None:
        self.trace_attributes = trace_attributes
        self._locks: dict[int, RLock] = {}

    @property
    def lock(self) -> RLock:
        """Held while attributes are read or changed.  Its thread may take it twice, for instance in a signal's handler.

        Each process has its own lock.  A fork also copies a lock that another thread holds, and in the child no thread would
        ever release that copy.
        """
        return self._locks.setdefault(os.getpid(), RLock())

    def normalize_key(self, key: str) -> str:
        """The spelling under which a key is kept: in lower case, with `-` in place of `_`."""
        return normalize_key(key)

    def set_trace_attribute(self: _T, key: str, value: str) -> _T:
        with self.lock:
            empty: dict[str, str] = {}  # made first: making it may run the garbage collector, which may run any code
            self.trace_attributes = empty if self.trace_attributes is None else self.trace_attributes
            self.trace_attributes[self.normalize_key(key)] = value
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        with self.lock:
            return None if self.trace_attributes is None else self.trace_attributes.get(self.normalize_key(key))

    def trace_attributes_as_dict(self) -> dict[str, str] | None:
        """A copy of the attributes; None if the context has none."""
        with self.lock:
            return None if self.trace_attributes is None else dict(self.trace_attributes)

    @property
    def baggage(self) -> Mapping[str, str]:
        return self.trace_attributes_as_dict() or {}
