"""Compares our exporter with OpenTelemetry's deprecated one by the CPU time of the whole process for each exported span.

Rules: each exporter has its own process and the same spans.  Both processes live at the same time and export some batches in
turn, so that a comparison covers only some milliseconds.  The least of the turns counts.  All processes are started several
times.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from ..environments import ROOT, python_of
from ..harness import count, environment, sink

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
            _read(worker)  # wait until it is ready
        taken = [{way: _turn(workers[way]) for way in (WAYS if turn % 2 else WAYS[::-1])} for turn in range(turns)]
        exported = sum(_end(worker) for worker in workers.values())
        arrived = count(port)
    if encoding == "json" and arrived != exported:  # the sink counts spans by a word that only JSON has
        raise RuntimeError(f"{exported} spans were exported and {arrived} arrived")
    return {way: min(turn[way] for turn in taken) for way in WAYS}


@contextlib.contextmanager
def _worker(way: str, encoding: str, port: int) -> Iterator[subprocess.Popen[str]]:
    file = str(ROOT / "bench" / "exporting" / "worker.py")
    source = str(ROOT) if way == "ours" else ""
    command = [str(python_of(FORMATS[encoding])), "-I", file, way, encoding, f"http://127.0.0.1:{port}", source]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _read(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"the exporter's process ended with status {worker.wait()}")
    return line


def _turn(worker: subprocess.Popen[str]) -> float:
    """The cost of a span in µs."""
    assert worker.stdin is not None
    worker.stdin.write(f"{BATCHES}\n")
    return int(_read(worker)) / (BATCHES * SPANS) / 1000


def _end(worker: subprocess.Popen[str]) -> int:
    """The number of spans that the worker has exported."""
    assert worker.stdin is not None
    worker.stdin.close()
    return int(_read(worker))
