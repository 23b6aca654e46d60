"""Where the collector keeps spans: one seam, a store in memory and one in a file.

Rules: a store keeps each span as its JSON, version 2, written once, so that an answer joins what is kept.  Any method may be
called from any thread.  A trace is known by the low 64 bits of its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from ...model import FinishedSpan
from ..query import TraceQuery, Window

__all__ = ["Counts", "Encoded", "Store", "StoreUnavailable"]

# The spans of a trace in the order in which they came, each as a JSON object (`json_v2.join` makes a list of them).
Encoded: TypeAlias = Sequence[bytes]


class StoreUnavailable(Exception):
    """The store cannot be opened, written or read now; the message is one line that names the remedy.

    For an answer: 503.  What was to be added is not kept, and counted in `Counts.lost`.
    """


class Counts(NamedTuple):
    """The amounts that are here, and that went since the store was opened."""

    spans: int
    traces: int
    kept_bytes: int
    max_bytes: int
    evicted: int  # spans that made room for newer ones, or were too old
    lost: int  # spans that could not be kept: a full disk, a damaged file


class Store(Protocol):
    """Spans by trace, the oldest traces go first.  A span is kept once, however often it was sent.

    `Collector(store=...)` takes any; it closes the one that it made itself.  `StoreUnavailable` may come from each method.
    """

    def add(self, spans: Iterable[FinishedSpan]) -> None:
        """Keep spans, all or none of them."""

    def trace(self, trace_id: str) -> list[FinishedSpan]:
        """The spans of the trace of this id (16 or 32 lower-hex characters); none if it is not here."""

    def traces(self) -> list[list[FinishedSpan]]:
        """The spans of each trace, the trace that arrived first at the front.  Reads all that is kept: for tests."""

    def trace_json(self, trace_id: str) -> Encoded:
        """`trace`, as it is answered."""

    def find(self, query: TraceQuery) -> list[Encoded]:
        """The traces that match, the latest first, not more than the query's limit."""

    def within(self, window: Window) -> Iterator[list[FinishedSpan]]:
        """The traces that began in a window, one after the other."""

    def links(self, window: Window) -> list[dict[str, object]]:
        """`dependency_links` of the traces that began in a window; those of traces that did not change are remembered."""

    def service_names(self) -> list[str]:
        """The services that sent spans, sorted."""

    def span_names(self, service_name: str) -> list[str]:
        """The names of a service's spans, sorted."""

    def remote_service_names(self, service_name: str) -> list[str]:
        """Whom a service's spans name as their other side, sorted."""

    def tag_values(self, key: str) -> list[str]:
        """The values of a tag, sorted; none where the key is not one of those that the store was told to list."""

    def counts(self) -> Counts:
        """For `/metrics`; cheap."""

    def clear(self) -> None:
        """Forget every span."""

    def close(self) -> None:
        """Write what is to be written and let go of files; twice does no harm."""
