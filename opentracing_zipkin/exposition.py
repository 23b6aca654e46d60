"""Metrics in the text formats of Prometheus and OpenMetrics.

Source: prometheus.io, "Exposition formats"; OpenMetrics 1.0, "Text Format".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["OPENMETRICS_TYPE", "PROMETHEUS_TYPE", "Metric", "openmetrics", "prometheus"]

# The `Content-Type` of a page with such a text.
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Metric(NamedTuple):
    """`kind` is "counter" or "gauge"; a counter's `name` has no `_total`.  `samples` are pairs of labels and a number."""

    name: str
    kind: str
    meaning: str
    samples: Sequence[tuple[Mapping[str, str], int]]

    @property
    def sample_name(self) -> str:
        return f"{self.name}_total" if self.kind == "counter" else self.name


def prometheus(metrics: Iterable[Metric], labels: Mapping[str, str]) -> str:
    """The metrics in Prometheus' text format, to which a page may append other metrics; each sample has `labels`."""
    lines: list[str] = []
    for metric in metrics:
        lines += _lines(metric, metric.sample_name, labels)
    return "\n".join(lines) + "\n"


def openmetrics(metrics: Iterable[Metric], labels: Mapping[str, str]) -> str:
    """The metrics in OpenMetrics' text format; it is a whole answer, and nothing may be appended."""
    lines: list[str] = []
    for metric in metrics:
        lines += _lines(metric, metric.name, labels)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _lines(metric: Metric, family: str, labels: Mapping[str, str]) -> Iterable[str]:
    yield f"# HELP {family} {metric.meaning}"
    yield f"# TYPE {family} {metric.kind}"
    for own, value in metric.samples:
        written = ",".join(f'{name}="{_escaped(text)}"' for name, text in {**labels, **own}.items())
        yield f"{metric.sample_name}{'{' + written + '}' if written else ''} {value}"


def _escaped(value: str) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
