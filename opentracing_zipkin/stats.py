"""Accounting: every finished span is waiting, on its way, sent, or dropped for a cause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .exposition import Metric, openmetrics, prometheus

__all__ = ["CAUSES", "TracerStats"]

CAUSES = ("full", "closed", "too_large", "rejected", "expired", "handler", "interrupted", "fork")


class TracerStats(NamedTuple):
    """A snapshot that balances: `finished` is the sum of the other four.

    `queued` spans wait to be encoded, `in_flight` ones are being sent.  `dropped` counts by cause: the queue was `full`; the
    tracer was `closed`; the span alone was `too_large` for a message or could not be encoded; the collector `rejected` the
    message; the message `expired` before the collector accepted it; a `handler` dropped the span or failed; an exception
    `interrupted` the reporter; the parent of a `fork` sends it.
    """

    finished: int
    sent: int
    queued: int
    in_flight: int
    dropped: Mapping[str, int]

    def __reduce__(self) -> tuple[Any, ...]:
        # The mapping is a view that nobody can change, which Python does not pickle.
        return _restored, (*self[:-1], dict(self.dropped))

    def metrics(self) -> list[Metric]:
        """The account as metrics of Prometheus."""
        dropped = [({"cause": cause}, number) for cause, number in self.dropped.items()]
        return [
            Metric("zipkin_spans_finished", "counter", "Spans that were finished.", [({}, self.finished)]),
            Metric("zipkin_spans_sent", "counter", "Spans that the collector accepted.", [({}, self.sent)]),
            Metric("zipkin_spans_dropped", "counter", "Spans that were lost, by cause.", dropped),
            Metric("zipkin_spans_queued", "gauge", "Spans that wait to be encoded.", [({}, self.queued)]),
            Metric("zipkin_spans_in_flight", "gauge", "Spans that are encoded and not accepted yet.", [({}, self.in_flight)]),
        ]

    def to_prometheus(self, **labels: str) -> str:
        """The account in Prometheus' text format, each sample with `labels`, for a `/metrics` page to append."""
        return prometheus(self.metrics(), labels)

    def to_openmetrics(self, **labels: str) -> str:
        """The account in OpenMetrics' text format, a whole answer of the type `application/openmetrics-text; version=1.0.0`."""
        return openmetrics(self.metrics(), labels)


def _restored(finished: int, sent: int, queued: int, in_flight: int, dropped: dict[str, int]) -> TracerStats:
    return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))
