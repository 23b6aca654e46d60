"""A context that keeps trace attributes, and nothing else: the base for contexts with an identity."""

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
    """Owns a store of attributes; may be used from any thread.

    `trace_attributes` is taken as it is, without a copy; None while there are none.
    """

    def __init__(self, trace_attributes: dict[str, str] | None = None) -> None:
        self.trace_attributes = trace_attributes
        self._locks: dict[int, RLock] = {}

    @property
    def lock(self) -> RLock:
        """Held while attributes are read or changed; its own thread may take it twice, in a signal's handler for instance.

        Each process has its own: a fork copies a lock that another thread holds, and nobody would release it in the child.
        """
        return self._locks.setdefault(os.getpid(), RLock())

    def normalize_key(self, key: str) -> str:
        """The spelling under which a key is kept: lower case, `-` for `_`."""
        return normalize_key(key)

    def set_trace_attribute(self: _T, key: str, value: str) -> _T:
        with self.lock:
            empty: dict[str, str] = {}  # made first, because making it may run the garbage collector, and that any code
            self.trace_attributes = empty if self.trace_attributes is None else self.trace_attributes
            self.trace_attributes[self.normalize_key(key)] = value
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        with self.lock:
            return None if self.trace_attributes is None else self.trace_attributes.get(self.normalize_key(key))

    def trace_attributes_as_dict(self) -> dict[str, str] | None:
        """A copy, None where there are none."""
        with self.lock:
            return None if self.trace_attributes is None else dict(self.trace_attributes)

    @property
    def baggage(self) -> Mapping[str, str]:
        return self.trace_attributes_as_dict() or {}
