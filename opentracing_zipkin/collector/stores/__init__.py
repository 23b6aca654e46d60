"""The stores of the collector: one interface, a store in memory and a store in a file.

Rules: a store keeps each span as its JSON, version 2, which is written once, so that an answer only joins kept texts.  Any
method may be called from any thread.  The low 64 bits of a trace id identify the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from ...model import FinishedSpan
from ..query import TraceQuery, Window

__all__ = ["Counts", "Encoded", "Store", "StoreUnavailable"]

# The spans of a trace in the order of arrival, each as a JSON object (`json_v2.join` makes a list of them).
Encoded: TypeAlias = Sequence[bytes]


class StoreUnavailable(Exception):
    """The store cannot be opened, written or read now; the message is one line that names the remedy.

    An answer then has status 503.  Spans that were to be added are not kept, but counted in `Counts.lost`.
    """


class Counts(NamedTuple):
    """The amounts in the store, and those that it dropped since it was opened."""

    spans: int
    traces: int
    kept_bytes: int
    max_bytes: int
    evicted: int  # spans that made room for newer ones, or were too old
    lost: int  # spans that could not be kept, because of a full disk or a damaged file


class Store(Protocol):
    """Spans by trace; the oldest traces are dropped first.  A span is kept once, however often it was sent.

    `Collector(store=...)` accepts any store; the collector closes only a store that it made itself.  Each method may raise
    `StoreUnavailable`.
    """

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep all of the spans, or none."""

    def trace(self, trace_id: str) -> list[FinishedSpan]:
        """The spans of the trace with this id (16 or 32 lower-hex characters); an empty list if it is not kept."""

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, in the order in which the traces arrived.  Reads all that is kept, so it is for tests."""

    def trace_json(self, trace_id: str) -> Encoded:
        """The spans of `trace` as JSON, for an answer."""

    def find(self, query: TraceQuery) -> list[Encoded]:
        """The matching traces, the latest first, at most as many as the query's limit."""

    def links(self, window: Window) -> list[dict[str, object]]:
        """The result of `dependency_links` for the traces that began in a window; it is remembered for unchanged traces."""

    def service_names(self) -> list[str]:
        """The services that sent spans, sorted."""

    def span_names(self, service_name: str) -> list[str]:
        """The names of a service's spans, sorted."""

    def remote_service_names(self, service_name: str) -> list[str]:
        """The names of services that a service's spans have as their remote endpoint, sorted."""

    def tag_values(self, key: str) -> list[str]:
        """The values of a tag, sorted; an empty list where the store was not told to list this key."""

    def counts(self) -> Counts:
        """The counts for `/metrics`; this method is cheap."""

    def clear(self) -> None:
        """Forget every span."""

    def close(self) -> None:
        """Write unwritten data and close the files; a second call has no effect."""
