"""Starts a pair of services, loads it with each way of tracing in turn, and measures throughput, delay and CPU time.

Rules: from one second to the next, the machine's speed varies by more than the measured difference.  So the ways take short
turns in one pair of processes.  A turn ends when its spans are reported.  The pair is started several times.
The load comes from this process, and the spans of each way go to another process.  All of them share the machine's cores, so
the throughput is that of all together, while the CPU time of a request is that of the two services only.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles, stdev
from typing import NamedTuple
from urllib.error import HTTPError

from ..environments import ROOT, python_of
from ..harness import count, environment, sink
from .load import Load
from .ways import WAYS

__all__ = ["Measured", "Turn", "measure"]

STARTS = 4
ROUNDS = 8  # in each start; each has one turn of every way
TURN = 400  # requests, sent as fast as they are answered
ROUNDS_AT_RATE = 3
RATE = 100  # requests a second
RATE_S = 1.0
SPANS_A_REQUEST = 3

_SERVERS = {
    "flask": "gunicorn --worker-class=gthread --threads=4 --keep-alive=60 --log-level=error --bind=127.0.0.1:{}",
    "fastapi": "uvicorn --log-level=error --no-access-log --timeout-keep-alive=60 --host=127.0.0.1 --port={}",
}

# framework -> way's title -> measure -> value
Results = dict[str, dict[str, dict[str, float]]]


class Turn(NamedTuple):
    """One turn, including the reports of its spans; `cpu_ms` is the CPU time of both services for each request."""

    requests_per_s: float
    cpu_ms: float


class _Pair(NamedTuple):
    """Two services; the first one calls the second."""

    ports: tuple[int, int]
    pids: list[int]

    def use(self, way: int) -> None:
        """Change to this way; the spans of the former way are reported first."""
        for port in self.ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/use/{way}", timeout=30):
                pass

    def cpu_s(self) -> float:
        """The CPU time by the clock that Linux has for each process (see `clock_getcpuclockid`)."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids)


class Measured:
    """The results of all starts of one framework, by way."""

    def __init__(self) -> None:
        self.rounds: list[list[Turn]] = []
        self.delays_s: list[list[float]] = [[] for _ in WAYS]
        self.requests = [0] * len(WAYS)

    def summary(self, way: int, arrived: int) -> dict[str, float]:
        """The results of one way.

        `more_ms` is the mean difference between the CPU time of the way's turn and that of the turn without tracing in the same
        round, because the difference varies less than either.  The median is not used, because it would miss rare high costs.
        `more_error_ms` is the standard error.
        """
        turns = [turns[way] for turns in self.rounds]
        more_ms = [turns[way].cpu_ms - turns[0].cpu_ms for turns in self.rounds]
        delays_ms = quantiles([delay_s * 1000 for delay_s in self.delays_s[way]], n=100)
        return {
            "requests_per_s": median(turn.requests_per_s for turn in turns),
            "cpu_ms": median(turn.cpu_ms for turn in turns),
            "more_ms": mean(more_ms),
            "more_error_ms": stdev(more_ms) / sqrt(len(more_ms)),
            "p50_ms": delays_ms[49],
            "p99_ms": delays_ms[98],
            "arrived": arrived / (self.requests[way] * SPANS_A_REQUEST),
        }


def measure(starts: int = STARTS, rounds: int = ROUNDS, frameworks: Sequence[str] = tuple(_SERVERS)) -> Results:
    """`Measured.summary` of each way; `arrived` is the share of the spans that arrived, if all requests were sampled."""
    return {framework: _measure_framework(framework, starts, rounds) for framework in frameworks}


def _measure_framework(framework: str, starts: int, rounds: int) -> dict[str, dict[str, float]]:
    _say(f"services, {framework}, {starts} starts with {rounds} rounds:")
    measured = Measured()
    with contextlib.ExitStack() as sinks:
        ports = [sinks.enter_context(sink()) for _ in WAYS]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for _ in range(starts):
            with _pair(framework, urls) as pair, Load(pair.ports[0]) as load:
                _measure_pair(pair, load, measured, rounds)
        # The services have ended, so they have sent all their spans.
        arrived = [count(port) for port in ports]
    _say("\n")
    return {way.title: measured.summary(number, arrived[number]) for number, way in enumerate(WAYS)}


def _measure_pair(pair: _Pair, load: Load, measured: Measured, rounds: int) -> None:
    numbers = list(range(len(WAYS)))
    order = Random(len(measured.rounds))  # a random order, so that no way always follows the same one
    for number in range(-1, rounds):
        turns = {way: _take_turn(pair, load, way, measured) for way in order.sample(numbers, len(numbers))}
        if number >= 0:  # the round before is a warm-up
            measured.rounds.append([turns[way] for way in numbers])
    for _ in range(ROUNDS_AT_RATE):
        for way in order.sample(numbers, len(numbers)):
            pair.use(way)
            delays_s = load.at_rate(RATE, RATE_S)
            measured.delays_s[way] += delays_s
            measured.requests[way] += len(delays_s)
    pair.use(0)
    _say(f" {len(measured.rounds)}")


def _take_turn(pair: _Pair, load: Load, way: int, measured: Measured) -> Turn:
    pair.use(way)
    before_s, start = pair.cpu_s(), time.perf_counter()
    load.saturate(TURN)
    pair.use(0)
    measured.requests[way] += TURN
    return Turn(TURN / (time.perf_counter() - start), (pair.cpu_s() - before_s) * 1000 / TURN)


@contextlib.contextmanager
def _pair(framework: str, sinks: Sequence[str]) -> Iterator[_Pair]:
    with _service(framework, sinks, "payments", "") as (back_port, back):
        back_url = f"http://127.0.0.1:{back_port}"
        with _service(framework, sinks, "orders", back_url) as (port, front):
            yield _Pair((port, back_port), _pids(front.pid) + _pids(back.pid))


@contextlib.contextmanager
def _service(framework: str, sinks: Sequence[str], name: str, back: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = _free_port()
    server, *options = _SERVERS[framework].format(port).split()
    command = [str(python_of("web").with_name(server)), *options, f"bench.web.{framework}_app:app"]
    settings = {
        "PYTHONPATH": str(ROOT),
        "BENCH_SINKS": json.dumps(sinks),
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
    """Wait until the service answers; that it accepts connections does not mean that gunicorn's worker is ready."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/use/0", timeout=30):
                return
        except HTTPError:
            raise
        except OSError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")


def _pids(group: int) -> list[int]:
    """The ids of all processes of a group, which is field 5 of their `stat`."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[2]) == group:
                pids.append(int(stat.parent.name))
    return pids


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
