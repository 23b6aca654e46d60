"""Runs each task of each adapter in a fresh process, round by round, and checks that no span is lost.

Rules: each round runs all adapters, so that a slow minute of the machine affects all of them.  Tight loops take little time, so
they are measured twice in a round.  Only one process is measured at a time.  A process that fails or loses a span makes the run
fail, but the others are still measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import quiet
from .environments import ROOT, python_of
from .sink import capacity
from .tasks import TASKS, Measured

__all__ = ["ADAPTERS", "QUICK_ADAPTERS", "Contestant", "Outcome", "count", "environment", "measure", "run_worker", "sink"]

WORKER = ROOT / "bench" / "worker.py"
TIMEOUT_S = 90
MIN_SPANS_PER_S = 5_000


class Contestant(NamedTuple):
    """An adapter and its tasks; `source` is the directory to import its tracer from, or None if the tracer is installed."""

    module: str
    tasks: frozenset[str]
    source: Path | None = None


_ALL = frozenset(TASKS)

ADAPTERS = {
    "ours": Contestant("ours", _ALL, ROOT),
    "limit": Contestant("limit", _ALL),
    "otel": Contestant("otel", _ALL - {"encode_thrift", "encode_proto3"}),
    "otel_proto": Contestant("otel_proto", frozenset({"encode_proto3"})),
    "bridged": Contestant("bridged", frozenset({"root", "active", "request", "unsampled", "extract", "inject"}), ROOT),
    "py_zipkin": Contestant("py_zipkin", _ALL - {"noop", "encode_thrift"}),
    "py_zipkin_thrift": Contestant("py_zipkin_thrift", frozenset({"encode_thrift"})),
    "aiozipkin": Contestant("aiozipkin", _ALL - {"noop", "active", "encode_thrift", "encode_proto3"}),
    "upstream_noop": Contestant("upstream_noop", frozenset({"noop"})),
    "bare": Contestant("bare", frozenset({"import"})),
}

QUICK_ADAPTERS = ["ours", "limit", "otel", "bridged", "upstream_noop"]


class Outcome(NamedTuple):
    """`results` by task and adapter, with one entry for each round; `failures` in words; `sink_capacity` in spans a second."""

    results: dict[str, dict[str, list[Measured]]]
    failures: list[str]
    sink_capacity: float


def measure(contestants: Mapping[str, Contestant], tasks: Sequence[str], rounds: int, bursts: int) -> Outcome:
    pythons = {name: python_of(contestant.module) for name, contestant in contestants.items()}
    results: dict[str, dict[str, list[Measured]]] = {
        task: {name: [] for name, contestant in contestants.items() if task in contestant.tasks} for task in tasks
    }
    failures: list[str] = []
    with sink() as port:
        able = capacity(port)
        for number in range(rounds):
            _say(f"round {number + 1} of {rounds}:")
            for task in tasks:
                _say(f" {task}")
                for name in _turned(list(results[task]), number) * (2 if TASKS[task].manner == "tight" else 1):
                    measured = _measure_once(pythons[name], contestants[name], task, port, bursts)
                    if isinstance(measured, Measured):
                        results[task][name].append(measured)
                    else:
                        failures.append(f"{name}, {task}, round {number + 1}: {measured}")
            _say("\n")
    return Outcome(results, failures, able)


def _turned(names: list[str], by: int) -> list[str]:
    """The names in another order, so that another one is first in each round."""
    by %= len(names) or 1
    return names[by:] + names[:by]


def run_worker(python: Path, contestant: Contestant, task: str, port: int, size: int) -> dict[str, Any] | str:
    """The result of a worker process, or in words why it has none; `size` is a number of bursts, or of a curve's spans."""
    # -I ignores PYTHONPATH and the file's directory: with these, this checkout's packages would come before the adapter's.
    source = "" if contestant.source is None else str(contestant.source)
    command = [str(python), "-I", str(WORKER), contestant.module, task, f"http://127.0.0.1:{port}", str(size), source]
    settings = {**environment(), quiet.VARIABLE: str(quiet.fastest_ns())}
    timeout_s = TIMEOUT_S + size / MIN_SPANS_PER_S
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=settings)
    except subprocess.TimeoutExpired:
        return f"took longer than {timeout_s:.0f} s"
    if done.returncode:
        return f"exit status {done.returncode}\n{done.stderr.strip()}"
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _measure_once(python: Path, contestant: Contestant, task: str, port: int, bursts: int) -> Measured | str:
    """The result of one task in a worker process; a missing span counts as a failure."""
    before = count(port)
    found = run_worker(python, contestant, task, port, bursts)
    if isinstance(found, str):
        return found
    measured = Measured(**found)
    arrived = count(port) - before
    if TASKS[task].manner != "memory" and arrived != measured.delivered:
        return f"{measured.delivered} spans were finished and {arrived} arrived"
    return measured


def environment() -> dict[str, str]:
    """The environment without variables that configure a tracer or send its requests elsewhere."""
    foreign = ("OTEL_", "ZIPKIN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}


def count(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return int(answer.read())


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Start a sink in its own process; the value of the block is the sink's port."""
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
