"""The costs of a span as something grows, and other effects on an application; each is measured in its own process.

Rules: a curve maps names to numbers, for one adapter with OpenTracing's calls.  The names end with the units.
"""

from __future__ import annotations

import gc
import importlib
import os
import threading
import time
from collections.abc import Callable
from itertools import repeat
from statistics import median
from typing import Any

from .tasks import BURST, pause

__all__ = ["CURVES", "GROWTH_SPANS"]

Curve = Callable[[str, str, int], dict[str, float]]

RATES = (10, 100, 1_000, 10_000)
RATE_S = 1.5
THREADS = (1, 4, 16, 64)
THREADS_SPANS = 64_000
TAGS = (0, 5, 10, 20, 30, 40, 50)
DELAY_ROUNDS, DELAY_SPANS, DELAY_S = 25, 5_000, 0.000_5
GROWTH_SPANS = 1_000_000
WAITING_SPANS = 50_000


def _adapter(name: str) -> Any:
    return importlib.import_module(f"bench.adapters.{name}").Adapter()


def delay(name: str, endpoint: str, size: int) -> dict[str, float]:
    """The delay of a thread that sleeps for 0.5 ms, next to an idle reporter and next to one that reports 5,000 spans."""
    adapter = _adapter(name)
    work = adapter.work("root", endpoint)
    work()
    adapter.flush()
    idle = [_lateness_ms() for _ in range(1_000)]
    busy: list[float] = []
    for _ in range(DELAY_ROUNDS):
        for _ in repeat(None, DELAY_SPANS):
            work()
        flushing = threading.Thread(target=adapter.flush)
        flushing.start()
        while flushing.is_alive():
            busy.append(_lateness_ms())
    return {
        f"{of} {measure}": _percentile(late, share)
        for of, late in (("idle", idle), ("busy", busy))
        for measure, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))
    }


def _lateness_ms() -> float:
    start = time.perf_counter()
    time.sleep(DELAY_S)
    return (time.perf_counter() - start - DELAY_S) * 1000


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def rates(name: str, endpoint: str, size: int) -> dict[str, float]:
    """The caller's median cost of single spans at regular intervals, by the number of spans a second."""
    adapter = _adapter(name)
    work = adapter.work("root", endpoint)
    for _ in repeat(None, 200):
        work()
    curve = {}
    for rate in RATES:
        times = []
        start = time.perf_counter()
        for number in range(int(rate * RATE_S)):
            due = start + number / rate
            while (ahead := due - time.perf_counter()) > 0:
                time.sleep(ahead)
            before = time.perf_counter_ns()
            work()
            times.append(time.perf_counter_ns() - before)
        curve[f"{rate} median_us"] = median(times) / 1000
    adapter.flush()
    return curve


def threads(name: str, endpoint: str, size: int) -> dict[str, float]:
    """The spans a second of all threads together, by the number of threads."""
    adapter = _adapter(name)
    work = adapter.work("burst", endpoint)
    work()
    curve = {}
    for count in THREADS:
        curve[f"{count} spans_per_s"] = max(_together(work, count) for _ in range(3) if adapter.flush() is None)
    adapter.flush()
    return curve


def _together(work: Callable[[], object], count: int) -> float:
    gate = threading.Barrier(count + 1)

    def loop() -> None:
        gate.wait()
        for _ in repeat(None, THREADS_SPANS // count):
            work()
        gate.wait()

    for _ in range(count):
        threading.Thread(target=loop).start()
    gate.wait()
    start = time.perf_counter()
    gate.wait()
    return THREADS_SPANS / (time.perf_counter() - start)


def tags(name: str, endpoint: str, size: int) -> dict[str, float]:
    """The caller's least cost by the number of tags, and the largest deviation from the line through both end points."""
    adapter = _adapter(name)
    adapter.work("root", endpoint)
    times: dict[int, list[int]] = {count: [] for count in TAGS}
    for _ in range(40):
        for count in TAGS:
            times[count].append(_tagged(adapter.tracer, count))
            adapter.flush()
    curve = {count: min(times[count]) / BURST / 1000 for count in TAGS}
    low, high = TAGS[0], TAGS[-1]
    slope = (curve[high] - curve[low]) / (high - low)
    worst = max(abs(curve[count] / (curve[low] + slope * count) - 1) for count in TAGS)
    return {**{f"{count} least_us": cost for count, cost in curve.items()}, "off_the_line_percent": worst * 100}


def _tagged(tracer: Any, count: int) -> int:
    items = [(f"key.{number}", "value") for number in range(count)]
    start = time.perf_counter_ns()
    for _ in repeat(None, BURST):
        span = tracer.start_span("get")
        for key, value in items:
            span.set_tag(key, value)
        span.finish()
    return time.perf_counter_ns() - start


def growth(name: str, endpoint: str, size: int) -> dict[str, float]:
    """Resident memory after a tenth of `size` spans and after all of them; each span has a value that no other has."""
    adapter = _adapter(name)
    adapter.work("root", endpoint)
    tracer = adapter.tracer
    curve = {}
    for number in range(size):
        tracer.start_span("get").set_tag("http.method", "GET").set_tag("http.path", f"/orders/{number}").finish()
        if number % 4000 == 3999:
            pause(time.sleep)
        if number + 1 in (size // 10, size):
            adapter.flush()
            gc.collect()
            curve[f"{number + 1} resident_mb"] = _resident_mb()
    return {**curve, "delivered_spans": size}


def _resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def collection(name: str, endpoint: str, size: int) -> dict[str, float]:
    """The time of the garbage collector's full pass, without spans and with a full queue, while no collector accepts any."""
    work, waiting = _stuck(name, endpoint)
    empty = _full_pass_ms()
    while waiting() < WAITING_SPANS:
        work()
    return {"empty full_pass_ms": empty, f"{WAITING_SPANS} full_pass_ms": _full_pass_ms()}


def _stuck(name: str, endpoint: str) -> tuple[Callable[[], object], Callable[[], int]]:
    if name != "ours":
        adapter = _adapter(name)
        return adapter.work("memory", endpoint), lambda: len(adapter.tracer.queue)
    from opentracing_zipkin import ZipkinTracer

    from .adapters.opentracing_work import WORK

    class Never:
        max_bytes = 1 << 20

        def send(self, body: bytes, /) -> None:
            threading.Event().wait()

        def close(self) -> None:
            pass

    # Both timeouts are 0, so that the exit does not wait for a sender that never returns.
    tracer = ZipkinTracer("bench", sender=Never(), exit_stall_timeout=0, exit_timeout=0)
    return WORK["root"](tracer), lambda: tracer.stats.queued


def _full_pass_ms() -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        gc.collect()
        times.append((time.perf_counter() - start) * 1000)
    return min(times)


CURVES: dict[str, Curve] = {
    "delay": delay,
    "rates": rates,
    "threads": threads,
    "tags": tags,
    "growth": growth,
    "collection": collection,
}
