"""The CPU time that several ways of tracing add to a request, in the thread that serves it.

Rules: each way has its own process with the same service twice, traced and not traced, and their difference counts.  From one
second to the next, the machine's speed varies by more than tracing costs.  So all processes live at the same time and serve a
block of requests in turn: then a comparison covers only some milliseconds.  All processes are started several times.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from math import sqrt
from random import Random
from statistics import mean, stdev
from typing import NamedTuple

from ..environments import ROOT
from ..harness import count, sink
from ..turns import Worker
from .ways import SPANS

__all__ = [
    "COMPARED",
    "GROUPS",
    "MAX_BRIDGED_RATIO",
    "MAX_RATIOS",
    "WITHOUT",
    "Added",
    "Found",
    "Pair",
    "Ratio",
    "added",
    "measure",
    "missed",
    "missed_bridged",
    "ratio",
]

CYCLES = 80  # in each start; each has a block of every way
BLOCK = 8  # requests
FASTEST = 4  # one of this number of cycles counts: the fastest

FRAMEWORKS = ("flask", "fastapi")
# The percentage of sampled traces, and the ways that are measured in turn.
GROUPS: dict[str, tuple[str, ...]] = {
    "100%": ("headers", "extract", "spans", "ours", "otel", "bridged", "noop"),
    "1%": ("ours", "otel"),
}
# The highest allowed ratio of what ours adds to what OpenTelemetry adds, by framework and percentage.
MAX_RATIOS = {("flask", "100%"): 1 / 7, ("fastapi", "100%"): 1 / 5, ("flask", "1%"): 1 / 6, ("fastapi", "1%"): 1 / 5}

# The highest allowed ratio of what OpenTelemetry's instrumentations add on our provider to what they add on its SDK, at 100 %.
MAX_BRIDGED_RATIO = 0.70

WITHOUT = "without"

COMPARED = ("ours", "otel")

# way -> µs for each request, one number for each start
Added = Mapping[str, Sequence[float]]
# framework -> percentage -> Added
Found = Mapping[str, Mapping[str, Added]]


class Pair(NamedTuple):
    """Two blocks in succession, in µs for each request."""

    plain: float
    traced: float


class Ratio(NamedTuple):
    """The ratio of what one way adds to what OpenTelemetry adds, with its standard error."""

    value: float
    error: float


def measure(starts: int, cycles: int = CYCLES) -> tuple[Found, list[str]]:
    """`Found`, with the request itself as the way `WITHOUT`, and a list of the failures in words."""
    failures: list[str] = []
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for framework in FRAMEWORKS:
        for percent, ways in GROUPS.items():
            _say(f"requests, {framework}, {percent}, {starts} starts:")
            every: dict[str, list[float]] = {}
            for number in range(starts):
                try:
                    taken = _start(framework, percent, ways, cycles, Random(number))
                except RuntimeError as failure:
                    failures.append(f"{framework}, {percent}, start {number + 1}: {failure}")
                    continue
                for way, us in added(taken).items():
                    every.setdefault(way, []).append(us)
                _say(f" {number + 1}")
            _say("\n")
            found.setdefault(framework, {})[percent] = every
    return found, failures


def added(cycles: Sequence[Mapping[str, Pair]]) -> dict[str, float]:
    """For each way, the time that a traced block takes more than the plain one next to it: the mean of the fastest cycles.

    A cycle is as fast as all its blocks together, so the choice of cycles does not favour one way.
    """
    fastest = sorted(cycles, key=lambda cycle: sum(map(sum, cycle.values())))[: max(1, len(cycles) // FASTEST)]
    more = {way: mean(cycle[way].traced - cycle[way].plain for cycle in fastest) for way in fastest[0]}
    return {WITHOUT: mean(pair.plain for cycle in fastest for pair in cycle.values()), **more}


def ratio(of: Added, way: str = "ours") -> Ratio:
    ours, otel = of[way], of["otel"]
    value = mean(ours) / mean(otel)
    if len(ours) == 1:
        return Ratio(value, 0.0)
    return Ratio(value, value * sqrt(sum((stdev(each) / mean(each)) ** 2 / len(each) for each in (ours, otel))))


def missed(found: Found) -> list[str]:
    """The frameworks and percentages whose target is missed."""
    return [
        f"{framework}, {percent}"
        for (framework, percent), max_ratio in MAX_RATIOS.items()
        if ratio(found[framework][percent]).value > max_ratio
    ]


def missed_bridged(found: Found) -> list[str]:
    """The frameworks whose OpenTelemetry instrumentations cost too much on our provider."""
    return [framework for framework, of in found.items() if ratio(of["100%"], "bridged").value > MAX_BRIDGED_RATIO]


def _start(framework: str, percent: str, ways: Sequence[str], cycles: int, order: Random) -> list[dict[str, Pair]]:
    """The pairs measured in turn, one mapping for each cycle."""
    rate = float(percent.rstrip("%")) / 100
    with sink() as port, contextlib.ExitStack() as stack:
        workers = {way: stack.enter_context(_worker(way, framework, rate, port)) for way in ways}
        for worker in workers.values():
            worker.await_ready()
        found = [{way: _pair(workers[way]) for way in order.sample(ways, len(ways))} for _ in range(cycles)]
        spans = sum(worker.end() * SPANS[way].get(framework, 0) for way, worker in workers.items())
        arrived = count(port)
    if rate == 1.0 and arrived != spans:
        raise RuntimeError(f"{spans} spans were made and {arrived} arrived")
    return found


def _worker(way: str, framework: str, rate: float, port: int) -> contextlib.AbstractContextManager[Worker]:
    source = str(ROOT) if way in ("ours", "noop", "extract", "spans", "bridged") else ""
    file = ROOT / "bench" / "instrumented" / "worker.py"
    return Worker.started("instrumented", file, way, framework, str(rate), f"http://127.0.0.1:{port}", source)


def _pair(worker: Worker) -> Pair:
    return Pair(*(int(ns) / BLOCK / 1000 for ns in worker.answer(BLOCK).split()))


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
