"""Forks, signals and garbage collections at any moment, also within a few instructions of the tracer's own code."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from opentracing_zipkin.collector import Collector

from ..test_processes import PROJECT, spans_of
from .moments import A_FEW, EARLIER

REFUSING = "http://127.0.0.1:9"


def tried(what: str, endpoint: str, least: int) -> int:
    """The number of lines without an error; the test fails below `least`, because then it would not see the tracer."""
    command = [sys.executable, "-m", "tests.integration.faults.moments", what, endpoint]
    result = subprocess.run(command, cwd=PROJECT, timeout=60, check=False, capture_output=True, text=True)
    *wrong, last = result.stdout.splitlines() or [""]

    assert (0, []) == (result.returncode, wrong), result.stderr[-3000:]
    lines = int(last.removeprefix("lines "))
    assert lines >= least
    return lines


def test_a_process_may_be_forked_at_any_moment(collector: Collector) -> None:
    """At any line and with any lock of the reporter's thread the child sends its spans, and the parent sends its own."""
    lines = tried("fork while reporting", collector.url, 100)
    names = [span.name for span in spans_of(collector)]

    assert (lines, lines + 1) == (names.count("child"), names.count("parent"))  # the last run found no line to stop at


SOCKETS = """
import glob, os, sys
import opentracing_zipkin

def sockets():
    links = [os.readlink(path) for path in glob.glob("/proc/self/fd/*") if os.path.lexists(path)]
    return len([link for link in links if link.startswith("socket:")])

tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1])
before = sockets()
tracer.start_trace("x").finish()
assert tracer.flush(10)
assert before + 1 == sockets()
if os.fork() == 0:
    print(sockets() - before, flush=True)
    os._exit(0)
os.wait()
"""


def test_a_forked_child_does_not_keep_its_parents_connection_open(collector: Collector) -> None:
    """A forked child closes its parent's connection; otherwise the collector would not see the parent's end."""
    result = subprocess.run(
        [sys.executable, "-c", SOCKETS, collector.url], cwd=PROJECT, timeout=20, check=True, capture_output=True, text=True
    )

    assert "0\n" == result.stdout


def test_a_span_may_be_finished_at_any_moment_of_another_ones_finish() -> None:
    """A signal handler, as sudden as the garbage collector, may finish a span during another one's finish."""
    tried("finish in finish", REFUSING, 10)


def test_sigterm_may_come_at_any_moment_of_a_spans_finish(collector: Collector) -> None:
    """SIGTERM ends the process, and the spans that were finished before are sent."""
    lines = tried("end in finish", collector.url, 10)

    assert EARLIER * (lines + 1) > len(spans_of(collector)) - lines >= EARLIER * lines - lines


def test_sigterm_may_come_at_any_moment_of_an_exit(collector: Collector) -> None:
    """SIGTERM may come during an exit, as from a pool of multiprocessing whose workers are about to end by themselves."""
    lines = tried("end in exit", collector.url, 20)

    assert A_FEW * (lines + 1) == len(spans_of(collector))  # the last process ended before its line came


BUSY = """
import mmap, sys, time
import opentracing_zipkin
with open(sys.argv[2], "r+b") as file:
    counter = mmap.mmap(file.fileno(), 8)
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=0.01)
print("ready", flush=True)
finished = 0
while True:
    for _ in range(20):
        tracer.start_trace("x").finish()
        finished += 1
        counter[:] = finished.to_bytes(8, "little")
    time.sleep(0.002)
"""


def end_while_busy(seconds: float) -> tuple[int, int, int]:
    """The exit status, the number of spans that the application finished, and the number that arrived."""
    with Collector() as collector, tempfile.NamedTemporaryFile() as counter:
        counter.write(bytes(8))
        counter.flush()
        command = [sys.executable, "-c", BUSY, collector.url, counter.name]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(seconds)
            process.send_signal(signal.SIGTERM)
            status = process.wait(15)
        counter.seek(0)
        [finished] = struct.unpack("<Q", os.pread(counter.fileno(), 8, 0))
        return status, finished, len(spans_of(collector))


def test_sigterm_in_a_busy_process_loses_nothing() -> None:
    """SIGTERM in a busy process loses nothing; the interrupted span may be one more than the application counted."""
    moments = [random.uniform(0.05, 0.4) for _ in range(10)]
    with ThreadPoolExecutor(2) as executor:
        ends = list(executor.map(end_while_busy, moments))

    assert [-signal.SIGTERM] * len(moments) == [status for status, _, _ in ends]
    assert {0, 1} >= {arrived - finished for _, finished, arrived in ends}
    assert all(finished for _, finished, _ in ends)
