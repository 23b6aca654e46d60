"""What both stores answer from their index alone.

Rules: the index is used by one thread at a time: a store holds `_indexing` whenever it touches `_index`.
"""

from __future__ import annotations

from threading import Lock

from ...model import FinishedSpan
from . import Encoded
from .index import Index
from .reading import read_back

__all__ = ["Indexed"]


class Indexed:
    """A store's names.  Its `trace_json` is where the spans are."""

    _index: Index
    _indexing: Lock

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        raise NotImplementedError

    def trace(self, trace_id: str) -> list[FinishedSpan]:
        """The spans of one trace."""
        return read_back(self.trace_json(trace_id))

    def service_names(self) -> list[str]:
        """Who sent spans."""
        with self._indexing:
            return self._index.service_names()

    def span_names(self, service_name: str) -> list[str]:
        """The names of a service's spans."""
        with self._indexing:
            return self._index.span_names(service_name.lower())

    def remote_service_names(self, service_name: str) -> list[str]:
        """Whom a service's spans name as their other side."""
        with self._indexing:
            return self._index.remote_service_names(service_name.lower())

    def tag_values(self, key: str) -> list[str]:
        """The values of a listed tag."""
        with self._indexing:
            return self._index.tag_values(key)
