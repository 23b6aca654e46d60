"""The ways in which applications end: each span that was finished before arrives, however soon the process ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.testing import FakeSender

from ..test_processes import PROJECT, spans_of

SPANS = 5000
GOODBYE = """
import asyncio, atexit, multiprocessing, os, signal, sys, threading, time
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=60)
{before}
for _ in range(5000):
    tracer.start_trace("x").finish()
{end}
"""
ENDS = {
    "close": ("", "tracer.close()", 0),
    "close by an exit handler": ("atexit.register(tracer.close)", "", 0),
    "close and sys.exit": ("", "tracer.close(); sys.exit(3)", 3),
    "close and SIGTERM": ("", "tracer.close(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)", -15),
    "close in a coroutine": (
        "async def main(): tracer.close()",
        "asyncio.run(main())",
        0,
    ),
    "close twice": ("", "tracer.close(); tracer.close()", 0),
    "a second configure": ("", "opentracing_zipkin.configure('second', endpoint=sys.argv[1])", 0),
    "close in a forked child": (
        "def child(): [tracer.start_trace('x').finish() for _ in range(10)]; tracer.close()",
        "process = multiprocessing.get_context('fork').Process(target=child); process.start(); process.join()",
        0,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_tracer_that_is_closed_at_the_very_end_loses_nothing(collector: Collector, end: str) -> None:
    """`close` returns at once, and the interpreter's exit waits for its Future."""
    before, act, status = ENDS[end]
    code = GOODBYE.replace("{before}", before).replace("{end}", act)
    result = subprocess.run([sys.executable, "-c", code, collector.url], cwd=PROJECT, timeout=30, check=False)

    assert status == result.returncode
    assert SPANS + 10 * ("child" in end) == len(spans_of(collector))


class Stubborn(FakeSender):
    """Cannot be closed, as a broker's client in a process that did not make it."""

    def close(self) -> None:
        raise OSError("not in this process")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sender_that_fails_in_a_forked_child_does_not_make_two_processes_draw_the_same_ids() -> None:
    """All tracers of the process are renewed, even if the sender of one of them fails."""
    tracers = [ZipkinTracer("service", sender=Stubborn()) for _ in range(5)]
    for tracer in tracers:
        tracer.start_trace("seeds the generator")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, " ".join(str(tracer.start_trace("x").context.trace_id) for tracer in tracers).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        theirs = set(pipe.read().split())
    ours = {tracer.start_trace("x").context.trace_id for tracer in tracers}

    assert (5, 5, 0) == (len(theirs), len(ours), len(theirs & ours))
