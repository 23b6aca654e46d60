"""Ratios of what was measured, as Markdown.

Rules: a ratio is of two tracers' medians over the rounds of one run, cost by cost, so less is better and 1.00 is equal;
absolute times are told beside it for information and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from .tasks import TASKS, Measured

__all__ = ["Results", "Row", "markdown", "rows"]

Results = Mapping[str, Mapping[str, Sequence[Measured]]]  # task -> adapter -> one for each round

OURS = "ours"

# The most that ours may cost of a peer's, by task and measure: what is realistic with all the checks a product needs.
TARGETS: dict[tuple[str, str], tuple[str, float]] = {
    ("root", "least"): ("otel", 0.10),
    ("root", "cpu"): ("otel", 0.18),
    ("request", "least"): ("otel", 0.15),
    ("request", "cpu"): ("otel", 0.18),
    ("unsampled", "least"): ("otel", 0.15),
    ("noop", "least"): ("upstream_noop", 1.10),
    ("extract", "least"): ("otel", 0.30),
    ("inject", "least"): ("otel", 0.20),
    ("encode_json", "least"): ("otel", 0.17),
}

_MEASURES = {"least": "caller, least burst", "median": "caller, median burst", "cpu": "CPU of the whole process, delivered"}


class Row(NamedTuple):
    """One cost of all tracers: `costs` in µs, `ratios` of ours to each other one."""

    task: str
    measure: str
    costs: dict[str, float]
    ratios: dict[str, float]

    @property
    def title(self) -> str:
        title = TASKS[self.task].title
        return f"{title}; {_MEASURES[self.measure]}" if TASKS[self.task].paced else title

    @property
    def target(self) -> tuple[str, float] | None:
        return TARGETS.get((self.task, self.measure))

    @property
    def met(self) -> bool | None:
        """None where there is no target, or nothing to compare with it."""
        if self.target is None or self.target[0] not in self.ratios:
            return None
        return self.ratios[self.target[0]] <= self.target[1]


def rows(results: Results) -> list[Row]:
    return [_row(name, measure, results[name]) for name in results for measure in _measures(name)]


def _measures(task: str) -> Iterable[str]:
    return _MEASURES if TASKS[task].paced else ("least",)


def _row(task: str, measure: str, of_adapters: Mapping[str, Sequence[Measured]]) -> Row:
    costs = {
        adapter: median(getattr(measured, measure) for measured in rounds) for adapter, rounds in of_adapters.items() if rounds
    }
    ours = costs.get(OURS)
    ratios = {} if ours is None else {name: ours / cost for name, cost in costs.items() if name != OURS and cost > 0}
    return Row(task, measure, costs, ratios)


def markdown(table: Sequence[Row], adapters: Sequence[str]) -> str:
    """A column for each adapter's ratio, then the target, then the raw costs."""
    others = [adapter for adapter in adapters if adapter != OURS]
    head = ["work", *(f"{OURS} / {other}" for other in others), "target", *(f"{adapter}, µs" for adapter in adapters)]
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for row in table:
        ratios = [_number(row.ratios.get(other)) for other in others]
        lines.append(_line([row.title, *ratios, _target(row), *(_number(row.costs.get(adapter)) for adapter in adapters)]))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None) -> str:
    """Two digits behind the point, three where the first of them would say nothing."""
    if value is None:
        return ""
    return f"{value:.2f}" if value >= 0.2 else f"{value:.3f}"


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    peer, most = row.target
    verdict = {True: "met", False: "**missed**", None: "not measured"}[row.met]
    return f"≤ {most:.2f} {peer}: {verdict}"
