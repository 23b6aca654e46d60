"""Starts a pair of services for each way of tracing, loads them in turn, and tells throughput, delay and CPU.

Rules: all pairs live at the same time and have short turns, so that a slow minute of the machine meets all of them; the load
comes from a process of its own and the spans of each pair go to another; all of them share the machine's cores, so the
throughput is of the whole, and CPU a request of the two services alone.
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from ..environments import ROOT, python_of
from ..harness import count, environment, sink

__all__ = ["WAYS", "Way", "measure"]

TURNS = 15
TURNS_AT_RATE = 5
WARM_UP_S, SATURATION_S, RATE_S = 1.0, 1.0, 1.0
RATE = 100
SPANS_A_REQUEST = 3


class Way(NamedTuple):
    tracer: str
    sample_rate: float = 1.0

    @property
    def title(self) -> str:
        return _TITLES.get(self.tracer) or f"{self.tracer}, {self.sample_rate:.0%}"


_TITLES = {"none": "without", "headers": "headers alone"}
WAYS = [Way("none"), Way("headers"), Way("ours"), Way("otel"), Way("ours", 0.01), Way("otel", 0.01)]

_SERVERS = {
    "flask": "gunicorn --worker-class=gthread --threads=4 --keep-alive=60 --log-level=error --bind=127.0.0.1:{}",
    "fastapi": "uvicorn --log-level=error --no-access-log --host=127.0.0.1 --port={}",
}

# framework -> way's title -> measure -> value
Results = dict[str, dict[str, dict[str, float]]]


class _Pair(NamedTuple):
    """Two services, the first of which calls the second, and the sink of their spans."""

    port: int
    front: subprocess.Popen[bytes]
    back: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        return _cpu_s(self.front.pid) + _cpu_s(self.back.pid)


def measure(turns: int = TURNS, frameworks: Mapping[str, Any] = _SERVERS) -> Results:
    """The medians of the turns.

    `more_ms` is the median of what a way's CPU in a turn was above that without tracing in the same turn, which varies far less
    than either; `arrived` is the share of the spans that a request makes.
    """
    return {framework: _measure_framework(framework, turns) for framework in frameworks}


def _measure_framework(framework: str, turns: int) -> dict[str, dict[str, float]]:
    print(f"services, {framework}, {turns} turns:", end="", file=sys.stderr, flush=True)
    measured: dict[str, list[dict[str, float]]] = {way.title: [] for way in WAYS}
    with contextlib.ExitStack() as sinks:
        ports = {way.title: sinks.enter_context(sink()) for way in WAYS}
        with contextlib.ExitStack() as services:
            pairs = {way.title: services.enter_context(_pair(framework, way, ports[way.title])) for way in WAYS}
            requests = {title: _load(pair.port, 0, WARM_UP_S)["requests"] for title, pair in pairs.items()}
            for number in range(turns):
                print(f" {number + 1}", end="", file=sys.stderr, flush=True)
                titles = list(pairs)
                first = number % len(titles)
                for title in titles[first:] + titles[:first]:
                    turn = _take_turn(pairs[title], number < TURNS_AT_RATE)
                    requests[title] += turn["requests"]
                    measured[title].append(turn)
        # The services have ended, and with them have sent what they had.
        arrived = {title: count(port) / (requests[title] * SPANS_A_REQUEST) for title, port in ports.items()}
    print(file=sys.stderr)
    return {title: {**_medians(of_way, measured["without"]), "arrived": arrived[title]} for title, of_way in measured.items()}


def _medians(turns: list[dict[str, float]], without: list[dict[str, float]]) -> dict[str, float]:
    names = ("requests_per_s", "cpu_ms", "p50_ms", "p99_ms")
    medians = {name: median(turn[name] for turn in turns if name in turn) for name in names}
    more_ms = median(turn["cpu_ms"] - same["cpu_ms"] for turn, same in zip(turns, without, strict=True))
    return {**medians, "more_ms": more_ms}


def _take_turn(pair: _Pair, at_rate: bool) -> dict[str, float]:
    cpu_s = pair.cpu_s()
    most = _load(pair.port, 0, SATURATION_S)
    cpu_s = pair.cpu_s() - cpu_s
    even = _load(pair.port, RATE, RATE_S) if at_rate else {"requests": 0}
    return {
        **even,
        "requests": most["requests"] + even["requests"],
        "requests_per_s": most["requests"] / most["seconds"],
        "cpu_ms": cpu_s * 1000 / most["requests"],
    }


@contextlib.contextmanager
def _pair(framework: str, way: Way, sink_port: int) -> Iterator[_Pair]:
    with _service(framework, way, sink_port, "payments", "") as (back_port, back):
        back_url = f"http://127.0.0.1:{back_port}"
        with _service(framework, way, sink_port, "orders", back_url) as (port, front):
            yield _Pair(port, front, back)


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
