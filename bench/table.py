"""Ratios of the measured costs, as Markdown.

Rules: a ratio compares the medians of two tracers over the rounds of one run, for each cost.  So less is better, and 1.00 is
equal.  Absolute times are shown for information only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from .tasks import TASKS, Measured

__all__ = ["OURS", "Bridged", "Results", "Row", "bounded", "bridged", "line", "markdown", "number", "ratio", "rows"]

Results = Mapping[str, Mapping[str, Sequence[Measured]]]  # task -> adapter -> one entry for each round

OURS = "ours"

# The highest allowed ratio of our cost to each other tracer's, by task and measure.
MAX_RATIOS: dict[tuple[str, str], dict[str, float]] = {
    ("root", "least"): {"limit": 1.5, "otel": 1 / 11, "py_zipkin": 1 / 14, "aiozipkin": 1 / 7},
    ("root", "cpu"): {"limit": 1.3, "otel": 1 / 5.5, "py_zipkin": 1 / 4, "aiozipkin": 1 / 3.2},
    ("active", "least"): {"limit": 2.0, "otel": 1 / 8, "py_zipkin": 1 / 10},
    ("request", "least"): {"limit": 1.5, "otel": 1 / 7, "py_zipkin": 1 / 6, "aiozipkin": 1 / 3.8},
    ("unsampled", "least"): {"limit": 1.4, "otel": 1 / 7, "py_zipkin": 1 / 8, "aiozipkin": 1 / 4.5},
    ("noop", "least"): {"upstream_noop": 1.0},
    ("extract", "least"): {"limit": 1.3, "otel": 0.30, "py_zipkin": 1.3, "aiozipkin": 0.55},
    ("inject", "least"): {"limit": 1.5, "otel": 0.25, "py_zipkin": 0.75, "aiozipkin": 1.5},
    ("encode_json", "least"): {"limit": 1 / 0.85, "otel": 1 / 6, "py_zipkin": 1 / 2.8, "aiozipkin": 1 / 2.3},
    ("encode_thrift", "least"): {"limit": 1 / 0.85, "py_zipkin": 1 / 6},
    ("encode_proto3", "least"): {"limit": 1 / 0.85, "otel": 1 / 25, "py_zipkin": 1 / 2.5},
    ("burst", "least"): {"otel": 1 / 6, "py_zipkin": 1 / 2.5, "aiozipkin": 1 / 2},
    ("memory", "least"): {"limit": 1.2, "otel": 1 / 5, "aiozipkin": 1 / 2},
    ("import", "least"): {"otel": 0.75},
}

# The highest allowed ratio of the cost of OpenTelemetry's API on our provider to its cost on its SDK, by task and measure.
MAX_BRIDGED_RATIOS = {("root", "least"): 1 / 4}

# The highest allowed difference between our cost and another's, in the task's unit.
MAX_ADDED: dict[tuple[str, str], dict[str, float]] = {("import", "least"): {"bare": 20.0}}

# Adapters that are a part of another tracer but need an environment of their own.
PART_OF = {"otel_proto": "otel", "py_zipkin_thrift": "py_zipkin"}

_MEASURES = {
    "paced": {
        "least": "caller, least burst",
        "median": "caller, median burst",
        "cpu": "CPU of the whole process, delivered",
    },
    "burst": {"least": "until delivered", "median": "caller", "cpu": "CPU of the whole process"},
}


class Row(NamedTuple):
    """One cost of all tracers: `costs` in the task's unit, and `ratios` of our cost to each other tracer's."""

    task: str
    measure: str
    costs: dict[str, float]
    ratios: dict[str, float]

    @property
    def title(self) -> str:
        task = TASKS[self.task]
        measure = _MEASURES.get(task.manner, {}).get(self.measure)
        return f"{task.title}; {measure}, {task.cost}" if measure else f"{task.title}, {task.cost}"

    @property
    def targets(self) -> dict[str, float]:
        return MAX_RATIOS.get((self.task, self.measure), {})

    @property
    def allowances(self) -> dict[str, float]:
        return MAX_ADDED.get((self.task, self.measure), {})

    @property
    def missed_names(self) -> list[str]:
        """The names of the tracers whose target is missed."""
        dearer = [name for name, added in self.allowances.items() if name in self.ratios and self.more_than(name) > added]
        return dearer + [name for name, ratio in self.targets.items() if name in self.ratios and self.ratios[name] > ratio]

    def more_than(self, other: str) -> float:
        """The difference between our cost and the other's, in the task's unit."""
        return self.costs[OURS] - self.costs[other]


def rows(results: Results) -> list[Row]:
    return [_row(name, measure, results[name]) for name in results for measure in _measures(name)]


def _measures(task: str) -> Iterable[str]:
    return _MEASURES.get(TASKS[task].manner, ("least",))


def _row(task: str, measure: str, of_adapters: Mapping[str, Sequence[Measured]]) -> Row:
    costs = {
        PART_OF.get(adapter, adapter): median(getattr(measured, measure) for measured in rounds)
        for adapter, rounds in of_adapters.items()
        if rounds
    }
    ours = costs.get(OURS)
    ratios = {} if ours is None else {name: ours / cost for name, cost in costs.items() if name != OURS and cost > 0}
    return Row(task, measure, costs, ratios)


def markdown(table: Sequence[Row], adapters: Sequence[str]) -> str:
    """A table with a column for each adapter's ratio and its target, in bold if it is missed; then the absolute costs."""
    shown = [adapter for adapter in adapters if any(adapter in row.costs for row in table)]
    others = [adapter for adapter in shown if adapter != OURS]
    head = ["work", *(f"{OURS} / {other}" for other in others), *shown]
    return "\n".join([line(head), line(["---", *["--:"] * (len(head) - 1)]), *(_cells(row, shown, others) for row in table)])


class Bridged(NamedTuple):
    """One cost of OpenTelemetry's API, in the task's unit; `max_ratio` is the highest allowed one, or None for no target."""

    title: str
    on_ours: float
    on_sdk: float
    max_ratio: float | None

    @property
    def ratio(self) -> float:
        return self.on_ours / self.on_sdk

    @property
    def is_missed(self) -> bool:
        return self.max_ratio is not None and self.ratio > self.max_ratio


def bridged(table: Iterable[Row]) -> list[Bridged]:
    """The costs of OpenTelemetry's API on our provider and on its SDK."""
    return [
        Bridged(row.title, row.costs["bridged"], row.costs["otel"], MAX_BRIDGED_RATIOS.get((row.task, row.measure)))
        for row in table
        if "bridged" in row.costs and row.costs.get("otel")
    ]


def _cells(row: Row, shown: Sequence[str], others: Sequence[str]) -> str:
    ratios = [ratio(row, other) for other in others]
    return line([row.title, *ratios, *(number(row.costs.get(adapter)) for adapter in shown)])


def line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ratio(row: Row, other: str) -> str:
    """A ratio and its target, in bold if it is missed; where the target is a difference, the difference is shown instead."""
    shown, max_ratio = number(row.ratios.get(other)), row.targets.get(other)
    if not shown:
        return ""
    if other in row.allowances:
        shown, bound = f"{row.more_than(other):+.0f} {TASKS[row.task].cost}", f"{row.allowances[other]:+.0f}"
    elif max_ratio is not None:
        bound = number(max_ratio)
    else:
        return shown
    return f"**{shown}** (≤ {bound})" if other in row.missed_names else f"{shown} (≤ {bound})"


def number(value: float | None) -> str:
    """The number as text: two decimals, three below 0.2, none from 100 on; "" for None."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.2 else f"{value:.3f}"


def bounded(ratio: float, max_ratio: float | None, error: float | None = None) -> str:
    """A ratio in a table: in bold if it is above its target."""
    shown = f"{ratio:.3f}" if error is None else f"{ratio:.3f} ± {error:.3f}"
    if max_ratio is None:
        return shown
    return f"**{shown}** (≤ {max_ratio:.3f})" if ratio > max_ratio else f"{shown} (≤ {max_ratio:.3f})"
