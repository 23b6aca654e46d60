"""The application: several threads make spans at a steady rate; it counts them, and measures each `finish` and the memory.

`python -m tests.soak.application ENDPOINT SECONDS RATE` prints a line of JSON every ten seconds, and at the end all results.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import threading
import time
from array import array
from pathlib import Path

from opentracing_zipkin import ZipkinTracer

THREADS = 4
TICK_INTERVAL_S = 0.02
POISON_EVERY = 5000
SAMPLE_INTERVAL_S = 0.5
PAGE = resource.getpagesize()


class Worker(threading.Thread):
    """Finishes spans and counts them."""

    def __init__(self, tracer: ZipkinTracer, index: int, rate: float, seconds: float) -> None:
        super().__init__()
        self.tracer = tracer
        self.index = index
        self.rate = rate
        self.seconds = seconds
        self.finished = self.poisoned = 0
        # Allocated before the start, so that growing memory is the tracer's.
        self.finish_ns = array("Q", [0]) * int(rate * seconds * 1.01 + 1000)

    def run(self) -> None:
        start = time.monotonic()
        while (elapsed := time.monotonic() - start) < self.seconds:
            while self.finished < elapsed * self.rate:
                self._finish_one()
            time.sleep(TICK_INTERVAL_S)

    def _finish_one(self) -> None:
        number = self.finished * THREADS + self.index
        span = self.tracer.start_span("work", tags={"number": number, "http.method": "GET", "http.path": "/orders/1"})
        if self.finished % POISON_EVERY == POISON_EVERY - 1:
            span.set_tag("poison", True)
            self.poisoned += 1
        before = time.perf_counter_ns()
        span.finish()
        self.finish_ns[self.finished] = time.perf_counter_ns() - before
        self.finished += 1


def rss_mb() -> float:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def main(endpoint: str, seconds: float, rate: float) -> None:
    logging.disable()
    tracer = ZipkinTracer("soak", endpoint=endpoint, send_timeout=3.0)
    workers = [Worker(tracer, index, rate / THREADS, seconds) for index in range(THREADS)]
    curve = []
    start = time.monotonic()
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        curve.append((time.monotonic() - start, rss_mb()))
        if len(curve) % 20 == 0:
            stats = tracer.stats
            tell(
                at=curve[-1][0], rss_mb=curve[-1][1], sent=stats.sent, waiting=stats.queued + stats.in_flight, repr=repr(tracer)
            )
        time.sleep(SAMPLE_INTERVAL_S)
    tracer.close(90).result(100)
    stats = tracer.stats
    times = sorted(ns for worker in workers for ns in worker.finish_ns[: worker.finished])
    tell(
        finished=sum(worker.finished for worker in workers),
        poisoned=sum(worker.poisoned for worker in workers),
        stats={**stats._asdict(), "dropped": dict(stats.dropped)},
        curve=curve,
        finish_us={str(share): times[int(len(times) * share) - 1] / 1000 for share in (0.5, 0.99, 0.999, 1.0)},
    )


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
