"""An application that gevent or eventlet patches late: `python -m tests.interop.apps.late_patching LIBRARY MOMENT SCENE`.

It makes at least two spans: "first" before most of the moments, the others after all of them.  It prints the scene's result as
JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

MOMENTS = ("before the import", "after the import", "after configure", "after the first span", "after the first flush")
MEASURED_S = 0.3
MAX_MEASUREMENTS = 15
FULL_SPANS = 40
MIN_SHARE = 0.9  # of the turns that a greenlet gets without tracing


def patch(library: str) -> None:
    if library == "gevent":
        from gevent import monkey

        monkey.patch_all()
    else:
        import eventlet

        eventlet.monkey_patch()


def in_greenlet(function: Callable[[], Any]) -> Any:
    """The result of the function, which runs in a greenlet; the caller waits as a greenlet."""
    if "gevent" in sys.modules:
        import gevent

        return gevent.spawn(function).get()
    import eventlet

    return eventlet.spawn(function).wait()


class Ticker:
    """A second greenlet, which wants a turn each millisecond."""

    def __init__(self) -> None:
        from threading import Thread  # imported here, because it is patched by now

        self.turns = 0
        Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        while True:
            time.sleep(0.001)
            self.turns += 1

    def rate(self, work: Callable[[], Any]) -> float:
        """The turns a second of this greenlet while another one does the work."""
        turns, start = self.turns, time.perf_counter()
        in_greenlet(work)
        return (self.turns - turns) / (time.perf_counter() - start)


def shares_of_turns(work: Callable[[], Any]) -> list[float]:
    """The share of turns that a greenlet gets during the work, relative to an idle process; repeated until it suffices."""
    ticker = Ticker()
    shares: list[float] = []
    while len(shares) < MAX_MEASUREMENTS and max(shares, default=0) < MIN_SHARE:
        idle = ticker.rate(lambda: time.sleep(MEASURED_S))
        shares.append(ticker.rate(work) / idle)
    return shares


def start(moment: str, library: str) -> Any:
    """The tracer after its first span, patched at the given moment."""
    if moment == MOMENTS[0]:
        patch(library)
    import opentracing_zipkin

    if moment == MOMENTS[1]:
        patch(library)
    tracer = opentracing_zipkin.configure("late")
    if moment == MOMENTS[2]:
        patch(library)
    tracer.start_trace("first").finish()
    if moment == MOMENTS[3]:
        patch(library)
    if moment == MOMENTS[4]:
        assert tracer.flush(5)
        patch(library)
    return tracer


def finish(tracer: Any, count: int = 1) -> None:
    for number in range(count):
        with tracer.start_active_span(f"later {number}"):
            pass


def nothing_is_asked_for(tracer: Any) -> Any:
    """The reporter's thread sends without a flush."""
    finish(tracer)
    deadline = time.perf_counter() + 10
    while tracer.stats.sent < 2 and time.perf_counter() < deadline:
        time.sleep(0.01)
    return tracer.stats.sent


def flush(tracer: Any) -> Any:
    answers = []

    def work() -> None:
        finish(tracer)
        answers.append(tracer.flush(5))

    return [shares_of_turns(work), answers]


def wait_for_room(tracer: Any) -> Any:
    """Wait for room in the full queue (`queue_full_timeout`), in a greenlet."""
    shares = shares_of_turns(lambda: finish(tracer, FULL_SPANS))
    return [shares, sum(tracer.stats.dropped.values()), tracer.flush(5)]


def close(tracer: Any) -> Any:
    """Close the tracer while a second greenlet wants its turns."""
    finish(tracer)
    ticker = Ticker()
    idle = ticker.rate(lambda: time.sleep(MEASURED_S))
    answers: list[bool] = []
    share = ticker.rate(lambda: answers.append(tracer.close(5).result(5))) / idle
    return [share, answers]


def exit_at_once(tracer: Any) -> Any:
    finish(tracer)


def sigterm(tracer: Any) -> Any:
    finish(tracer)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)


SCENES: dict[str, Callable[[Any], Any]] = {
    "nothing is asked for": nothing_is_asked_for,
    "flush": flush,
    "a full queue": wait_for_room,
    "close": close,
    "exit": exit_at_once,
    "SIGTERM": sigterm,
}


if __name__ == "__main__":
    print(json.dumps(SCENES[sys.argv[3]](start(sys.argv[2], sys.argv[1]))), flush=True)
