"""Accounting: every finished span is waiting, on its way, sent, or dropped for a cause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["CAUSES", "TracerStats"]

CAUSES = ("full", "closed", "too_large", "rejected", "expired", "handler", "interrupted", "fork")


class TracerStats(NamedTuple):
    """A snapshot that balances: `finished` is the sum of the other four.

    `queued` spans wait to be encoded, `in_flight` ones are being sent; `dropped` counts by cause: the queue was `full`, the
    tracer `closed`, the span alone `too_large` for a message or impossible to encode, the message `rejected` by the
    collector or `expired` before it took it, a `handler` said so, or a `fork` left it to the parent.
    """

    finished: int
    sent: int
    queued: int
    in_flight: int
    dropped: Mapping[str, int]

    def __reduce__(self) -> tuple[Any, ...]:
        # The mapping is a view that nobody can change, which Python does not pickle.
        return _restored, (*self[:-1], dict(self.dropped))

    def to_prometheus(self, **labels: str) -> str:
        """The account in Prometheus' text format, each sample with `labels`, for a `/metrics` page to append.

        Source: prometheus.io, "Exposition formats", "Text-based format".
        """
        common = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
        lines = []
        for name, kind, meaning, samples in (
            ("finished_total", "counter", "Spans that were finished.", {"": self.finished}),
            ("sent_total", "counter", "Spans that the collector accepted.", {"": self.sent}),
            ("dropped_total", "counter", "Spans that were lost, by cause.", self.dropped),
            ("queued", "gauge", "Spans that wait to be encoded.", {"": self.queued}),
            ("in_flight", "gauge", "Spans that are encoded and not accepted yet.", {"": self.in_flight}),
        ):
            lines += [f"# HELP zipkin_spans_{name} {meaning}", f"# TYPE zipkin_spans_{name} {kind}"]
            for cause, value in samples.items():
                own = [*common, f'cause="{cause}"'] if cause else common
                lines.append(f"zipkin_spans_{name}{'{' + ','.join(own) + '}' if own else ''} {value}")
        return "\n".join(lines) + "\n"


def _restored(finished: int, sent: int, queued: int, in_flight: int, dropped: dict[str, int]) -> TracerStats:
    return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
