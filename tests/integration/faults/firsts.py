"""A sudden event at one line of the first span: `python -m tests.integration.faults.firsts WHAT WHERE ENDPOINT [SHARE]`.

Rules: the first span starts the reporter's thread, so each line has its own process, which is forked before any other work.  A
trace function waits for the n-th executed line in the application's `finish`, or in the reporter's new thread, and acts there.
The program prints errors, and at the end the number of lines that it tried.  SHARE is the percentage of lines that are tried,
by chance.
"""

from __future__ import annotations

import faulthandler
import gc
import linecache
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders import Sender, SendError

from ...traced_lines import at_line, each_line
from .moments import _status

TIMEOUT_S = 8.0
MAX_THREAD_LINES = 250


class Interruption(BaseException):
    """An exception from a signal handler, such as a soft time limit or an alarm, or one that ends a thread from outside."""


class Flaky(Sender):
    """Accepts two messages of three, and keeps the names of their spans."""

    def __init__(self) -> None:
        self.tries = 0
        self.names: list[str] = []

    def send(self, body: bytes, /) -> None:
        self.tries += 1
        if self.tries % 3 == 1:
            raise SendError("503", retryable=True)
        self.names += [part.partition(b'"')[0].decode() for part in body.split(b'"name":"')[1:]]


class Application:
    """Finishes spans, also suddenly, and keeps their names."""

    def __init__(self, may_interrupt: bool) -> None:
        self.may_interrupt = may_interrupt  # whether an exception is raised in the reporter's thread
        self.sender = Flaky()
        self.tracer = ZipkinTracer("service", sender=self.sender, flush_interval=0.02)
        self.finished: list[str] = []

    def finish(self, name: str) -> None:
        self.tracer.start_trace(name).finish()
        self.finished.append(name)

    def collect(self) -> None:
        """The garbage collector finishes a span, which an abandoned generator holds in a cycle."""

        def suspended() -> Iterator[None]:
            with self.tracer.start_trace("garbage"):
                yield

        cycle: list[Any] = [suspended()]
        next(cycle[0])
        cycle.append(cycle)
        self.finished.append("garbage")
        del cycle
        gc.collect()

    def interrupt(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGUSR2)
        else:
            _raise()

    def signalled(self) -> None:
        signal.raise_signal(signal.SIGUSR1)

    def fork(self) -> None:
        """The child sends a span of its own, and none of its parent's."""
        child = os.fork()
        if child == 0:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type,unused-ignore]
            before = len(self.sender.names)
            self.tracer.start_trace("child's").finish()
            sent = self.tracer.flush(TIMEOUT_S / 2)
            os._exit(0 if sent and ["child's"] == self.sender.names[before:] else 9)
        if _status(child) != 0:
            os._exit(8)

    def is_complete(self) -> bool:
        """Whether every span arrived once, the account agrees, and there is one reporter's thread.

        If the thread was interrupted, each span in its hands is counted instead.
        """
        self.tracer.flush(TIMEOUT_S / 2)
        interrupted = self.tracer.stats.dropped["interrupted"]
        threads = [thread for thread in threading.enumerate() if thread.name == "zipkin-reporter"]
        whole = (
            len(self.sender.names) == len(set(self.sender.names)) == len(self.finished) - interrupted
            and set(self.sender.names) <= set(self.finished)
            and len(self.finished) == self.tracer.stats.finished == self.tracer.stats.sent + interrupted
            and len(threads) == 1
            and (interrupted == 0 or self.may_interrupt)
        )
        if not whole:
            print(sorted(self.finished), sorted(self.sender.names), self.tracer.stats, len(threads), flush=True)
        return whole


def _raise(*_: object) -> None:
    raise Interruption


def in_finish(application: Application, act: Callable[[], None], number: int) -> bool:
    """Act at the n-th line of the first `finish`; returns whether that line exists."""
    span = application.tracer.start_trace("first")
    trace, seen = at_line(number, act)
    try:
        sys.settrace(trace)
        span.finish()
    except Interruption:
        sys.settrace(None)
        span.finish()  # as an application that finishes its span in any case
    finally:
        sys.settrace(None)
    application.finished.append("first")
    return seen[0] >= number


def in_thread(application: Application, act: Callable[[], None], number: int) -> bool:
    """Act at the n-th line of the new thread, before `start` returns or after; returns whether that line exists."""
    lines, seen = at_line(number, act)

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if threading.current_thread().name != "zipkin-reporter":
            return None
        # Only a trace function could raise between the last line of a block and the release of its lock.
        if not linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with self._lock"):
            lines(frame, event, argument)
        return trace

    threading.settrace(trace)
    application.finish("first")
    deadline = time.monotonic() + 0.3
    while seen[0] < number and time.monotonic() < deadline:
        time.sleep(0.002)
    threading.settrace(None)  # type: ignore[arg-type,unused-ignore]
    return seen[0] >= number and number < MAX_THREAD_LINES


WHAT: dict[str, Callable[[Application], None]] = {
    "garbage": Application.collect,
    "signal": Application.signalled,
    "raise": Application.interrupt,
    "fork": Application.fork,
}
WHERE = {"finish": in_finish, "thread": in_thread}


def main(what: str, where: str, share: int) -> int:
    chosen = random.Random(os.environ.get("FAULTS_SEED", "0"))

    def run(number: int) -> bool:
        if chosen.random() * 100 >= share:
            return number < 2000 and (where == "finish" or number < MAX_THREAD_LINES) and not ended
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
            application = Application(may_interrupt=(what, where) == ("raise", "thread"))
            signal.signal(signal.SIGUSR1, lambda *_: application.finish("signalled"))
            signal.signal(signal.SIGUSR2, _raise)
            there = WHERE[where](application, lambda: WHAT[what](application), number)
            os._exit((0 if there else 3) if application.is_complete() else 7)
        status = _status(child)
        if status == 3:
            ended.append(number)
        elif status != 0:
            print("wrong at", number, "status", status, flush=True)
        return status != 3

    ended: list[int] = []
    return each_line(run)


if __name__ == "__main__":
    print("lines", main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100))
