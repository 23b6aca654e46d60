"""Runs each task of each adapter in a fresh process, round by round, and sees that no span is lost.

Rules: rounds are interleaved over the adapters, so that a slow minute of the machine meets all of them; one process at a
time is measured; a process that fails or loses a span fails the run, and the others are still measured.
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
from typing import NamedTuple

from .environments import ROOT, python_of
from .sink import capacity
from .tasks import TASKS, Measured

__all__ = ["ADAPTERS", "QUICK_ADAPTERS", "Contestant", "Outcome", "measure"]

WORKER = ROOT / "bench" / "worker.py"
TIMEOUT_S = 90


class Contestant(NamedTuple):
    """An adapter under a name of its own; `source` is where its tracer is imported from if it is not installed."""

    module: str
    tasks: frozenset[str]
    source: Path | None = None


_ALL = frozenset(TASKS)

ADAPTERS = {
    "ours": Contestant("ours", _ALL, ROOT),
    "limit": Contestant("limit", _ALL - {"encode_proto3"}),
    "otel": Contestant("otel", _ALL - {"encode_thrift", "encode_proto3"}),
    "py_zipkin": Contestant("py_zipkin", _ALL - {"noop", "encode_thrift"}),
    "aiozipkin": Contestant("aiozipkin", _ALL - {"noop", "active", "encode_thrift", "encode_proto3"}),
    "upstream_noop": Contestant("upstream_noop", frozenset({"noop"})),
    "bare": Contestant("bare", frozenset({"import"})),
}


QUICK_ADAPTERS = ["ours", "limit", "otel", "upstream_noop"]


class Outcome(NamedTuple):
    """`results` by task and adapter, one entry a round; `failures` in words; `sink_capacity` in spans per second."""

    results: dict[str, dict[str, list[Measured]]]
    failures: list[str]
    sink_capacity: float


def measure(contestants: Mapping[str, Contestant], tasks: Sequence[str], rounds: int, bursts: int) -> Outcome:
    pythons = {name: python_of(contestant.module) for name, contestant in contestants.items()}
    results: dict[str, dict[str, list[Measured]]] = {
        task: {name: [] for name, contestant in contestants.items() if task in contestant.tasks} for task in tasks
    }
    failures: list[str] = []
    with _sink() as port:
        able = capacity(port)
        for number in range(rounds):
            _say(f"round {number + 1} of {rounds}:")
            for task in tasks:
                _say(f" {task}")
                for name in _turned(list(results[task]), number):
                    measured = _measure_once(pythons[name], contestants[name], task, port, bursts)
                    if isinstance(measured, Measured):
                        results[task][name].append(measured)
                    else:
                        failures.append(f"{name}, {task}, round {number + 1}: {measured}")
            _say("\n")
    return Outcome(results, failures, able)


def _turned(names: list[str], by: int) -> list[str]:
    """Another one begins each round."""
    by %= len(names) or 1
    return names[by:] + names[:by]


def _measure_once(python: Path, contestant: Contestant, task: str, port: int, bursts: int) -> Measured | str:
    """What was measured, or in words why it was not."""
    before = _count(port)
    # -I: neither PYTHONPATH nor the file's directory, which would put this checkout's packages before the adapter's own.
    command = [str(python), "-I", str(WORKER), contestant.module, task]
    command += ["--endpoint", f"http://127.0.0.1:{port}", "--bursts", str(bursts)]
    if contestant.source is not None:
        command += ["--source", str(contestant.source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=_environment())
    except subprocess.TimeoutExpired:
        return f"took longer than {TIMEOUT_S} s"
    if done.returncode:
        return f"exit status {done.returncode}\n{done.stderr.strip()}"
    measured = Measured(**json.loads(done.stdout))
    arrived = _count(port) - before
    if TASKS[task].manner != "memory" and arrived != measured.delivered:
        return f"{measured.delivered} spans were finished and {arrived} arrived"
    return measured


def _environment() -> dict[str, str]:
    """Without what configures a tracer or leads its requests elsewhere."""
    foreign = ("OTEL_", "ZIPKIN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}


def _count(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return int(answer.read())


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    """The port of a sink in a process of its own."""
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
