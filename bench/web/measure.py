"""Starts a pair of services for each way of tracing, loads them, and tells throughput, delay and CPU.

Rules: rounds are interleaved over the ways of tracing; the load comes from a process of its own and the spans go to another;
all of them share the machine's cores, so the throughput is of the whole, and CPU a request of the two services alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..environments import ROOT, python_of
from ..harness import count, environment

__all__ = ["WAYS", "Way", "measure"]

WARM_UP_S, SATURATION_S, RATE_S = 1.0, 3.0, 4.0
RATE = 100
SPANS_A_REQUEST = 3


class Way(NamedTuple):
    tracer: str
    sample_rate: float = 1.0

    @property
    def title(self) -> str:
        return "without" if self.tracer == "none" else f"{self.tracer}, {self.sample_rate:.0%}"


WAYS = [Way("none"), Way("ours"), Way("otel"), Way("ours", 0.01), Way("otel", 0.01)]

_SERVERS = {
    "flask": "gunicorn --worker-class=gthread --threads=4 --keep-alive=60 --log-level=error --bind=127.0.0.1:{}",
    "fastapi": "uvicorn --log-level=error --no-access-log --host=127.0.0.1 --port={}",
}

_BEST: dict[str, Callable[[Iterator[float]], float]] = {"requests_per_s": max}

# framework -> way's title -> measure -> value
Results = dict[str, dict[str, dict[str, float]]]


def measure(sink_port: int, rounds: int, frameworks: Mapping[str, Any] = _SERVERS) -> Results:
    """The best of the rounds, as other work on the machine only ever makes it worse."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(rounds):
        print(f"services, round {number + 1} of {rounds}:", end="", file=sys.stderr, flush=True)
        for framework in frameworks:
            for way in WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)]:
                print(f" {framework} {way.title};", end="", file=sys.stderr, flush=True)
                one = _measure_once(framework, way, sink_port)
                found.setdefault(framework, {}).setdefault(way.title, []).append(one)
        print(file=sys.stderr)
    return {
        framework: {
            way.title: {name: _BEST.get(name, min)(one[name] for one in ways[way.title]) for name in ways[way.title][0]}
            for way in WAYS
        }
        for framework, ways in found.items()
    }


def _measure_once(framework: str, way: Way, sink_port: int) -> dict[str, float]:
    before = count(sink_port)
    with contextlib.ExitStack() as services:
        back_port, back = services.enter_context(_service(framework, way, sink_port, "payments", ""))
        back_url = f"http://127.0.0.1:{back_port}"
        port, front = services.enter_context(_service(framework, way, sink_port, "orders", back_url))
        warm = _load(port, 0, WARM_UP_S)
        cpu_s = _cpu_s(front.pid) + _cpu_s(back.pid)
        most = _load(port, 0, SATURATION_S)
        cpu_s = _cpu_s(front.pid) + _cpu_s(back.pid) - cpu_s
        even = _load(port, RATE, RATE_S)
    requests = warm["requests"] + most["requests"] + even["requests"]
    return {
        "requests_per_s": most["requests"] / most["seconds"],
        "cpu_ms": cpu_s * 1000 / most["requests"],
        "p50_ms": even["p50_ms"],
        "p99_ms": even["p99_ms"],
        "arrived": (count(sink_port) - before) / (requests * SPANS_A_REQUEST),
    }


def _load(port: int, rate: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__).with_name("load.py")), str(port), str(rate), str(seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


@contextlib.contextmanager
def _service(framework: str, way: Way, sink_port: int, name: str, back: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = _free_port()
    server, *options = _SERVERS[framework].format(port).split()
    command = [str(python_of("web").with_name(server)), *options, f"bench.web.{framework}_app:app"]
    settings = {
        "PYTHONPATH": str(ROOT),
        "BENCH_TRACER": way.tracer,
        "BENCH_SAMPLE_RATE": str(way.sample_rate),
        "BENCH_SINK": f"http://127.0.0.1:{sink_port}",
        "BENCH_SERVICE": name,
        "BENCH_BACK": back,
    }
    process = subprocess.Popen(command, cwd=ROOT, env={**environment(), **settings}, start_new_session=True)
    try:
        _await(port, process)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")


def _cpu_s(group: int) -> float:
    """User and system time of all processes of a group; field 5 is the group, 14 and 15 the times."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
