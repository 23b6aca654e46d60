"""A collector that accepts connections and answers late or never: the application ends in time and does not slow down."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from opentracing_zipkin import ZipkinTracer

from ...opentracing_zipkin.senders.raw_server import ACCEPTED, RawServer, raw_server
from ...ports import free_port
from ..test_processes import PROJECT, await_answer, get, running, uwsgi
from .conftest import url
from .test_restarts import gunicorn

STALL_S = 2.0  # the default: how long an exit waits without progress
MARGIN_S = 2.5  # for a busy machine; the highest seen was 0.1 s


ENDING = """
import multiprocessing, os, signal, sys, threading, time
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=0.05)
for _ in range(300):
    tracer.start_trace("x").finish()
time.sleep(0.3)  # the thread waits for an answer
tracer.start_trace("x").finish()

def tell():
    print(time.monotonic(), flush=True)
{end}
"""
ENDS = {
    "at its end": ("tell()", 0),
    "by sys.exit": ("tell(); sys.exit(3)", 3),
    "by an exception": ("tell(); raise KeyError", 1),
    "by Ctrl-C": ("tell(); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -signal.SIGINT),
    "by SIGTERM": ("tell(); os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "by SIGTERM while it waits for a thread": (
        "threading.Timer(0.2, lambda: (tell(), os.kill(os.getpid(), signal.SIGTERM))).start(); threading.Event().wait()",
        -signal.SIGTERM,
    ),
    "after close": ("tell(); tracer.close()", 0),
    "after flush": ("tracer.flush(); tell()", 0),
    "after a child that had spans": (
        "child = multiprocessing.get_context('fork').Process(target=tracer.start_trace('x').finish); tell(); child.start(); child.join()",
        0,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_ends_in_time_whatever_the_collector_does(hung: RawServer, end: str) -> None:
    """Each process ends within two seconds, by itself or by a signal, with its own status."""
    code, status = ENDS[end]
    processes = 2 if "child" in end else 1
    result = subprocess.run(
        [sys.executable, "-c", ENDING.replace("{end}", code), url(hung)],
        cwd=PROJECT,
        timeout=30,
        check=False,
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - float(result.stdout)
    print(f"{end}: {seconds:.2f} s")

    assert status == result.returncode, result.stderr
    assert seconds < processes * STALL_S + MARGIN_S
    if "SIGTERM" not in end and "close" not in end:  # those log nothing
        assert "301 spans were not accepted before the process ended and are lost" in result.stderr


def test_a_second_sigterm_ends_a_process_at_once(hung: RawServer) -> None:
    """A second SIGTERM ends the process without waiting for the spans."""
    code = ENDING.replace("{end}", "tell(); time.sleep(20)")
    with subprocess.Popen([sys.executable, "-c", code, url(hung)], cwd=PROJECT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)

        assert -signal.SIGTERM == process.wait(10)
        assert time.monotonic() - begin < 0.5


@pytest.mark.parametrize("server", [gunicorn, uwsgi])
def test_a_web_server_stops_in_time_whatever_the_collector_does(
    hung: RawServer, tmp_path: Path, server: Callable[[int, list[str]], list[str]]
) -> None:
    """A web server waits for its workers, and each of them waits two seconds for the collector."""
    port, log = free_port(), tmp_path / "log"
    settings = {**os.environ, "ZIPKIN_ENDPOINT": url(hung), "PYTHONPATH": str(PROJECT)}
    options = ["--enable-threads"] if server is uwsgi else []
    with running(server(port, options), settings, log):
        await_answer(f"http://127.0.0.1:{port}/", log)
        answered = [get(f"http://127.0.0.1:{port}/") for _ in range(30)]
        begin = time.monotonic()
    seconds = time.monotonic() - begin
    print(f"{server.__name__}: {seconds:.2f} s")

    assert 30 == len(answered)
    assert seconds < 2 * STALL_S + MARGIN_S  # the workers at the same time, then the master


SLOW = """
import sys
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=60, **{settings})
for number in range(12_000):  # several messages
    tracer.start_trace("x", tags={"text": "x" * 100}).finish()
"""


@pytest.mark.parametrize(
    ("settings", "whole"),
    [({"exit_stall_timeout": 1.5}, True), ({"exit_timeout": 1.5}, False), ({"exit_stall_timeout": 0.2}, False)],
)
def test_an_exit_goes_on_as_long_as_it_makes_progress(settings: dict[str, float], whole: bool) -> None:
    """`exit_stall_timeout` limits the time between two accepted messages, and `exit_timeout` the whole exit.

    The collector takes half a second for each message.
    """
    accepted: list[int] = []

    def be_slow(connection: socket.socket) -> None:
        length = len(server.requests[-1][1])
        time.sleep(0.5)
        connection.sendall(ACCEPTED)
        accepted.append(length)

    with raw_server(be_slow) as server:
        code = SLOW.replace("{settings}", repr(settings))
        result = subprocess.run(
            [sys.executable, "-c", code, url(server)], cwd=PROJECT, timeout=30, check=True, capture_output=True, text=True
        )

    assert len(server.requests) > 0
    if whole:
        assert "" == result.stderr
        assert 5 <= len(accepted) == len(server.requests)
    else:
        assert "spans were not accepted before the process ended and are lost" in result.stderr


def test_nothing_runs_before_the_first_span_is_finished() -> None:
    """Configuring, starting spans and dropping unsampled ones starts no thread and opens no connection."""
    code = """
import os, opentracing_zipkin
before = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
tracer = opentracing_zipkin.configure("service")
spans = [tracer.start_trace("x") for _ in range(100)]
tracer.start_trace("x", tags={"sampling.priority": 0}).finish()
assert before == (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))
spans[0].finish()
assert before[0] + 1 == len(os.listdir("/proc/self/task"))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, timeout=30, check=True)


def test_finishing_takes_no_time_when_all_queues_are_full(hung: RawServer) -> None:
    """With four threads and a silent collector, 99.9 % of 40,000 calls end within 5 ms, and every span is counted."""
    tracer = ZipkinTracer("service", endpoint=url(hung), max_queued_spans=2000, max_outbox_bytes=1, send_timeout=1.0)
    times: list[int] = []

    def work() -> None:
        for number in range(10_000):
            span = tracer.start_span("x", tags={"number": number})
            before = time.perf_counter_ns()
            span.finish()
            times.append(time.perf_counter_ns() - before)
            if number % 20 == 0:
                time.sleep(0.002)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    print(f"p50 {times[20_000] / 1e3:.1f} µs, p99.9 {times[39_960] / 1e3:.1f} µs, longest {times[-1] / 1e3:.0f} µs")
    stats = tracer.stats

    assert times[39_960] < 5_000_000
    assert 40_000 == stats.finished == stats.queued + stats.in_flight + stats.dropped["full"]
    assert stats.dropped["full"] > 30_000
    tracer.close(0.1).result(5)


MEMORY = """
import json, logging, resource, sys, time
from opentracing_zipkin import ZipkinTracer
logging.disable()

def rss_mb():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6

tracer = ZipkinTracer("service", endpoint=sys.argv[1], send_timeout=1.0)
curve = [rss_mb()]
for _ in range(5):
    for number in range(80_000):
        tracer.start_trace("x", tags={"http.method": "GET", "http.path": "/orders/1", "number": number}).finish()
        if number % 200 == 0:
            time.sleep(0.003)  # so that the thread encodes meanwhile
    curve.append(rss_mb())
print(json.dumps([curve, tracer.stats.dropped["full"], tracer.stats.finished]))
tracer.close(0)
"""


def test_the_memory_of_a_long_outage_is_bounded(hung: RawServer) -> None:
    """With the default settings 32 MiB of messages and 50,000 spans are kept, and no more."""
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, url(hung)], cwd=PROJECT, timeout=100, check=True, capture_output=True, text=True
    )
    print(result.stdout)
    curve, full, finished = json.loads(result.stdout)

    assert 400_000 == finished
    assert full > 100_000
    assert curve[-1] - curve[0] < 250
    assert curve[-1] - curve[-2] < 10
