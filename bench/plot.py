"""The pictures of the page, as SVG.

Rules: the same numbers make the same file, so a file contains neither a date nor a random name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from .table import Row

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "bench"

from matplotlib import pyplot as plt  # noqa: E402  # only after the backend is chosen

__all__ = ["ratios", "services"]

COLORS = {"limit": "#888888", "otel": "#3b6fb6", "py_zipkin": "#c9762b", "aiozipkin": "#4c9a61", "upstream_noop": "#8a63a8"}
NAMES = {"otel": "OpenTelemetry", "upstream_noop": "opentracing 2.4"}


def ratios(rows: Sequence[Row], path: Path) -> None:
    """One line for each kind of work that has a target: a point for each ratio, and a bar for the highest allowed ratio."""
    shown = [row for row in rows if row.targets]
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(shown) + 1.2))
    for place, row in enumerate(reversed(shown)):
        for lane, name in enumerate(name for name in COLORS if name in row.targets and name in row.ratios):
            at = place + 0.24 - 0.16 * lane
            axes.plot([1, row.ratios[name]], [at, at], color=COLORS[name], linewidth=1.5, alpha=0.5)
            axes.plot(row.ratios[name], at, "o", color=COLORS[name], markersize=5)
            axes.plot(row.targets[name], at, "|", color="black", markersize=9)
    axes.set_xscale("log")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
    axes.set_xticks(ticks, [f"1/{1 / tick:.0f}" if tick < 1 else str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [row.title.rpartition(", ")[0] for row in reversed(shown)], fontsize=8)
    axes.set_xlabel("our cost divided by theirs; left is better; the black bar is the most that it should be")
    for name, color in COLORS.items():
        axes.plot([], [], "o", color=color, label=NAMES.get(name, name))
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.08), ncols=5, fontsize=8, frameon=False)
    _save(figure, path)


def services(found: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """Requests a second on the left, CPU time for each request on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for axes, measure, title in ((left, "requests_per_s", "requests a second, at most"), (right, "cpu_ms", "CPU ms a request")):
        for group, ways in enumerate(found.values()):
            for number, (way, values) in enumerate(ways.items()):
                axes.bar(group + 0.14 * number, values[measure], 0.13, color=_color(way), label=way if group == 0 else None)
        axes.set_xticks([group + 0.35 for group in range(len(found))], list(found))
        axes.set_title(title, fontsize=10)
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=6, fontsize=8, frameon=False)
    figure.subplots_adjust(bottom=0.18)
    _save(figure, path)


def _color(way: str) -> str:
    shade = {"ours": "#b03a48", "otel": COLORS["otel"], "headers alone": "#bbbbbb"}.get(way.partition(",")[0], "#888888")
    return shade + ("88" if way.endswith(" 1%") else "")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
