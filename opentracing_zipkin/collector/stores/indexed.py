"""The answers that both stores give from their index alone.

Rules: one thread at a time uses the index: a store holds `_indexing` whenever it uses `_index`.  The methods for names are here
and in `Index` on purpose: these take the lock, and `Index` knows no lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock

from ...model import FinishedSpan
from ..dependencies import links_of
from ..query import Window
from . import Encoded
from .calls import KnownCalls
from .index import Index
from .reading import read_back

__all__ = ["Indexed"]


class Indexed:
    """A base of both stores with names and links.  A store adds `trace_json` and `_spans_of`, which read its spans."""

    _index: Index
    _indexing: Lock
    _known_calls: KnownCalls

    def _spans_of(self, traces: Sequence[int]) -> list[Encoded]:
        """The spans of each of these traces, as JSON; empty for a trace that was dropped."""
        raise NotImplementedError

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of one trace, as JSON."""
        raise NotImplementedError

    def trace(self, trace_id: str) -> list[FinishedSpan]:
        """The spans of one trace."""
        return read_back(self.trace_json(trace_id))

    def _read(self, trace: int) -> list[FinishedSpan]:
        return read_back(self._spans_of([trace])[0])

    def links(self, window: Window) -> list[dict[str, object]]:
        """The calls between services in the traces that began in a window; a trace that is dropped meanwhile has none."""
        with self._indexing:
            traces = self._index.in_window(window)
        return links_of(self._known_calls.of(trace, partial(self._read, trace)) for trace in traces)

    def service_names(self) -> list[str]:
        """The services that sent spans."""
        with self._indexing:
            return self._index.service_names()

    def span_names(self, service_name: str) -> list[str]:
        """The names of a service's spans."""
        with self._indexing:
            return self._index.span_names(service_name.lower())

    def remote_service_names(self, service_name: str) -> list[str]:
        """The names of services that a service's spans have as their remote endpoint."""
        with self._indexing:
            return self._index.remote_service_names(service_name.lower())

    def tag_values(self, key: str) -> list[str]:
        """The values of a listed tag."""
        with self._indexing:
            return self._index.tag_values(key)
