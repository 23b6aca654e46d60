"""Compares our exporter with OpenTelemetry's deprecated one by the CPU time of the whole process for each exported span.

Rules: each exporter has its own process and the same spans.  Both processes live at the same time and export some batches in
turn, so that a comparison covers only some milliseconds.  The least of the turns counts.  All processes are started several
times.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from statistics import mean

from ..environments import ROOT
from ..harness import count, sink
from ..turns import Worker

__all__ = ["FORMATS", "MAX_RATIOS", "Found", "measure", "missed", "ratio"]

TURNS = 12  # in each start
BATCHES = 4  # in each turn
SPANS = 512  # in each batch
WAYS = ("ours", "old")

# For each format, the environment in which the deprecated exporter can be installed.
FORMATS = {"proto3": "otel_proto", "json": "otel"}
# The highest allowed ratio of our cost to the deprecated exporter's.
MAX_RATIOS = {"proto3": 1 / 4, "json": 1 / 4}

# format -> way -> µs for each span, one number for each start
Found = Mapping[str, Mapping[str, Sequence[float]]]


def measure(starts: int, turns: int = TURNS) -> tuple[Found, list[str]]:
    """`Found`, and a list of the failures in words."""
    failures: list[str] = []
    found: dict[str, dict[str, list[float]]] = {}
    for encoding in FORMATS:
        print(f"exports, {encoding}, {starts} starts", file=sys.stderr, flush=True)
        every: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(starts):
            try:
                for way, us in _start(encoding, turns).items():
                    every[way].append(us)
            except RuntimeError as failure:
                failures.append(f"exports, {encoding}, start {number + 1}: {failure}")
        found[encoding] = every
    return found, failures


def ratio(of: Mapping[str, Sequence[float]]) -> float:
    """The ratio of our cost to the deprecated exporter's."""
    return mean(of["ours"]) / mean(of["old"])


def missed(found: Found) -> list[str]:
    """The formats whose target is missed."""
    return [encoding for encoding, max_ratio in MAX_RATIOS.items() if ratio(found[encoding]) > max_ratio]


def _start(encoding: str, turns: int) -> dict[str, float]:
    with sink() as port, contextlib.ExitStack() as stack:
        workers = {way: stack.enter_context(_worker(way, encoding, port)) for way in WAYS}
        for worker in workers.values():
            worker.await_ready()
        taken = [{way: _turn_us(workers[way]) for way in (WAYS if turn % 2 else WAYS[::-1])} for turn in range(turns)]
        exported = sum(worker.end() for worker in workers.values())
        arrived = count(port)
    if encoding == "json" and arrived != exported:  # the sink counts spans by a word that only JSON has
        raise RuntimeError(f"{exported} spans were exported and {arrived} arrived")
    return {way: min(turn[way] for turn in taken) for way in WAYS}


def _worker(way: str, encoding: str, port: int) -> contextlib.AbstractContextManager[Worker]:
    source = str(ROOT) if way == "ours" else ""
    file = ROOT / "bench" / "exporting" / "worker.py"
    return Worker.started(FORMATS[encoding], file, way, encoding, f"http://127.0.0.1:{port}", source)


def _turn_us(worker: Worker) -> float:
    """The cost of a span in µs."""
    return int(worker.answer(BATCHES)) / (BATCHES * SPANS) / 1000
