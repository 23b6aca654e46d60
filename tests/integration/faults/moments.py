"""A sudden event at one line of the tracer's code: `python -m tests.integration.faults.moments WHAT ENDPOINT`.

Rules: the critical moments are too short for chance, so a trace function waits for the n-th executed line in the tracer's code
or below it, and acts there.  The program prints errors, and at the end the number of lines that it tried.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from opentracing_zipkin import configure
from opentracing_zipkin.reporter.progress import drain_at_exit
from opentracing_zipkin.reporter.reporter import MIN_WAKE_SPANS

from ...traced_lines import at_line, each_line

CHILD_TIMEOUT_S = 5.0
EARLIER = MIN_WAKE_SPANS  # spans; one more wakes the thread
A_FEW = 3
# Modules in which the reporter's thread may hold a lock; all modules would be five times as many lines.
WATCHED = ("opentracing_zipkin.", "urllib3.connectionpool", "urllib3._collections", "queue", "threading", "logging")
UNWATCHED = ("opentracing_zipkin.codec", "opentracing_zipkin.model", "opentracing_zipkin.span")


def finish_in_finish(endpoint: str) -> int:
    """A signal handler, as sudden as the garbage collector, finishes a span while another one is being finished."""
    faulthandler.dump_traceback_later(30, exit=True)
    tracer = configure("service", endpoint=endpoint, flush_interval=60, max_outbox_bytes=1)
    finished = 0

    def finish(*_: object) -> None:
        nonlocal finished
        tracer.start_trace("x").finish()
        finished += 1

    for _ in range(EARLIER + EARLIER // 2):  # so many wait behind a full outbox that each further one wakes the thread
        finish()
    time.sleep(0.3)
    for _ in range(EARLIER + EARLIER // 2):
        finish()
    signal.signal(signal.SIGUSR1, finish)

    def run(number: int) -> bool:
        span = tracer.start_trace("x")
        time.sleep(0.002)  # so that the thread is asleep
        trace, seen = at_line(number, lambda: signal.raise_signal(signal.SIGUSR1))
        sys.settrace(trace)
        span.finish()
        sys.settrace(None)
        nonlocal finished
        finished += 1
        return seen[0] >= number

    lines = each_line(run)
    if finished != tracer.stats.finished:
        print("finished", finished, "counted", tracer.stats.finished)
    tracer.close(0.1)
    return lines


def end_in_finish(endpoint: str) -> int:
    """SIGTERM comes while a span is being finished and wakes the thread; each line has its own process."""
    return _ended_at_each_line(lambda number: _finish_and_end(endpoint, number))


def _ended_at_each_line(run: Callable[[int], None]) -> int:
    """Call `run`, which ends its process, in a separate process for each line."""

    def ended(number: int) -> bool:
        child = os.fork()
        if child == 0:
            run(number)
        status = _status(child)
        if status not in (0, -signal.SIGTERM):
            print("hung", number, flush=True)
        return status == -signal.SIGTERM

    return each_line(ended)


def _finish_and_end(endpoint: str, number: int) -> None:
    tracer = configure("service", endpoint=endpoint, flush_interval=60)
    for _ in range(EARLIER):
        tracer.start_trace("x").finish()
    time.sleep(0.02)  # so that the thread is asleep
    span = tracer.start_trace("the one that wakes it")
    trace, _ = at_line(number, lambda: signal.raise_signal(signal.SIGTERM))
    sys.settrace(trace)
    span.finish()
    sys.settrace(None)
    os._exit(0)


def end_in_exit(endpoint: str) -> int:
    """SIGTERM comes while the process ends by itself and its spans are sent; each line has its own process."""
    return _ended_at_each_line(lambda number: _exit_and_end(endpoint, number))


def _exit_and_end(endpoint: str, number: int) -> None:
    tracer = configure("service", endpoint=endpoint, flush_interval=60)
    for _ in range(A_FEW):
        tracer.start_trace("x").finish()
    time.sleep(0.02)  # so that the thread is asleep
    trace, _ = at_line(number, lambda: signal.raise_signal(signal.SIGTERM))
    sys.settrace(trace)
    drain_at_exit()  # the function that Python calls at its exit
    sys.settrace(None)
    os._exit(0)


def fork_while_reporting(endpoint: str) -> int:
    """One of the tracer's threads stops at a line, and the process is forked; the child reports by its own thread."""
    at, forked = threading.Event(), threading.Event()

    def stand() -> None:
        at.set()
        forked.wait()

    # A first message, so that the test tries the second one, with everything imported and connected.
    tracer = configure("service", endpoint=endpoint, flush_interval=60)
    traced: list[Any] = [None]
    threading.settrace(lambda *arguments: _traced(traced, *arguments))
    tracer.start_trace("first").finish()
    tracer.flush(10)
    hung = 0

    def run(number: int) -> bool:
        nonlocal hung
        at.clear()
        forked.clear()
        traced[0], _ = at_line(number, stand)
        tracer.start_trace("parent").finish()
        flushing = threading.Thread(target=tracer.flush, args=(20,))
        flushing.start()
        while not at.wait(0.005):
            if not flushing.is_alive():
                return False
        child = os.fork()
        if child == 0:
            traced[0] = None
            threading.settrace(None)  # type: ignore[arg-type,unused-ignore]
            tracer.start_trace("child").finish()
            os._exit(0 if tracer.flush(CHILD_TIMEOUT_S) else 1)
        forked.set()
        flushing.join()
        if _status(child) != 0:
            hung += 1
            print("hung", number, flush=True)
        return hung < 3

    return each_line(run)


def _traced(traced: list[Any], frame: FrameType, event: str, argument: Any) -> Any:
    name = frame.f_globals.get("__name__", "")
    if not name.startswith(WATCHED) or name.startswith(UNWATCHED):
        return None

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if traced[0] is not None:
            traced[0](frame, event, argument)
        return local

    return local


def _status(child: int) -> int:
    """The exit status of the child, which is killed if it does not end."""
    deadline = time.monotonic() + CHILD_TIMEOUT_S + 1
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.002)


WHAT = {
    "finish in finish": finish_in_finish,
    "end in finish": end_in_finish,
    "end in exit": end_in_exit,
    "fork while reporting": fork_while_reporting,
}

if __name__ == "__main__":
    print("lines", WHAT[sys.argv[1]](sys.argv[2]))
