"""Counting: the number of spans by name and kind, with and without an error.

Rules: the reporter's thread counts, and any thread reads.  The number of names is limited; spans with any further name are
counted together.  A forked child begins at zero.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..exposition import Metric, openmetrics, prometheus
from ..model import FinishedSpan

__all__ = ["Counted", "SpanCounts", "count", "total"]

DEFAULT_MAX_NAMES = 1000
OTHER = "(other)"  # the name for all spans beyond the limit of names


class Counted(NamedTuple):
    """The fields by which spans are counted; `kind` is "LOCAL" for a span without a kind."""

    name: str
    kind: str
    error: bool


def count(max_names: int = DEFAULT_MAX_NAMES) -> SpanCounts:
    """A handler that counts each span; `max_names` is the number of names that are counted separately."""
    if isinstance(max_names, bool) or not isinstance(max_names, int) or max_names < 1:
        raise ValueError(f"max_names is {max_names!r}; use a whole number, 1 or more")
    return SpanCounts(max_names)


class SpanCounts:
    """The handler that `count` returns; it is called on the reporter's thread, and any thread may read it."""

    __slots__ = ("_counts", "_max_names", "_names", "_pid")

    def __init__(self, max_names: int) -> None:
        self._max_names = max_names
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self._counts: dict[tuple[str, str, bool], int] = {}
        self._names: set[str] = set()

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan:
        """Count the span, and return it unchanged."""
        if self._pid != os.getpid():
            self._renew()
        name = span.name
        if name not in self._names:
            name = self._counted_name(name)
        key = (name, span.kind or "LOCAL", "error" in span.tags)
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        return span

    def _counted_name(self, name: str) -> str:
        if len(self._names) >= self._max_names:
            return OTHER
        self._names.add(name)
        return name

    def snapshot(self) -> Mapping[Counted, int]:
        """The numbers so far, in a new dict."""
        counts = self._counts.copy() if self._pid == os.getpid() else {}  # one C call, so no span is counted meanwhile
        return {Counted(*key): number for key, number in counts.items()}

    def metrics(self) -> list[Metric]:
        """The numbers as a metric of Prometheus."""
        return [total([self])]

    def to_prometheus(self, **labels: str) -> str:
        """The numbers in Prometheus' text format, to append to a `/metrics` page; each sample has `labels`."""
        return prometheus(self.metrics(), labels)

    def to_openmetrics(self, **labels: str) -> str:
        """The numbers in OpenMetrics' text format, as a whole answer."""
        return openmetrics(self.metrics(), labels)


def total(several: Iterable[SpanCounts]) -> Metric:
    """The sums of several counts as one metric, because a page may have each metric only once."""
    sums: Counter[Counted] = Counter()
    for counts in several:
        sums.update(counts.snapshot())
    samples = [
        ({"name": counted.name, "kind": counted.kind, "error": "true" if counted.error else "false"}, number)
        for counted, number in sums.items()
    ]
    return Metric("zipkin_spans_seen", "counter", "Spans by name, kind and whether they have an error.", samples)
