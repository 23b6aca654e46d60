"""The work that is measured, and how it is measured, for any tracer that has an `Adapter`.

Rules: a task's cost is given for each unit of work, by its least and its median repetition.  A *paced* task is done in bursts
with pauses, in which the reporter works, as in a service.  A *tight* task is done in a loop, because nothing of it is
delivered.  The other tasks are done once.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from itertools import repeat
from statistics import median
from typing import NamedTuple, Protocol

from . import quiet

__all__ = ["BURST", "BURST_SPANS", "TASKS", "Adapter", "Measured", "Task", "pause", "run"]

Work = Callable[[], object]

BURST = 100
PAUSE_S = 0.005
MAX_PAUSE_S = 0.2
WARM_UP_BURSTS = 10
TIGHT_REPEATS = 15
TIGHT_REPEAT_S = 0.012
BURST_SPANS = 200_000
# So few that none of the tracers sends.
WAITING_SPANS = 800
WARM_UP_SPANS = 100


class Adapter(Protocol):
    """The class of this name in each module of `adapters`: one tracer, made for one task in its own process."""

    def work(self, task: str, endpoint: str) -> Work:
        """One unit of `task`, which can be called again and again; its spans go to the collector at `endpoint`."""

    def flush(self) -> None:
        """Return when the collector has accepted all spans; raise if it has not."""

    # An adapter that needs the thread for its own work also has a `sleep(seconds)`.


class Task(NamedTuple):
    """`spans` is the number of spans in a unit of work; `units` is that of units in a call (100 spans are encoded at once).

    `manner` is "tight", "paced", "burst", "memory" or "import".  `cost` is the unit of `Measured.least`, for each unit of work.
    """

    title: str
    manner: str = "tight"
    spans: int = 0
    units: int = 1
    cost: str = "µs"


TASKS = {
    "root": Task("root span: start, 2 tags, finish", "paced", spans=1),
    "active": Task("the same as active span", "paced", spans=1),
    "request": Task("web request: extract, server span, client span, inject", "paced", spans=2),
    "unsampled": Task("unsampled root span"),
    "noop": Task("no-op root span"),
    "extract": Task("extract B3"),
    "inject": Task("inject B3"),
    "encode_json": Task("encode a rich span as JSON v2", units=100),
    "encode_thrift": Task("encode a rich span as Thrift v1", units=100),
    "encode_proto3": Task("encode a rich span as proto3", units=100),
    "burst": Task("200,000 root spans in a burst, until all are delivered", "burst", cost="µs a span"),
    "memory": Task("memory of a finished span that waits", "memory", cost="bytes"),
    "import": Task("import and construction, CPU over bare Python", "import", cost="ms"),
}


class Measured(NamedTuple):
    """Costs for each unit of work, in the task's unit; `cpu` is the whole process's until delivery, or 0 without delivery.

    `quiet` is False if the machine was slow in every measurement.
    """

    least: float
    median: float
    cpu: float
    delivered: int
    quiet: bool = True


def run(load: Callable[[], Adapter], name: str, endpoint: str, bursts: int) -> Measured:
    """Measure one task in this process, which has not imported the tracer yet; `worker` measures the import itself."""
    adapter = load()
    work = adapter.work(name, endpoint)
    task = TASKS[name]
    if task.manner == "paced":
        return _paced(work, adapter, bursts, task.spans)
    if task.manner == "burst":
        return _burst(work, adapter)
    if task.manner == "memory":
        return _memory(work)
    return _tight(work, task.units)


def _burst(work: Work, adapter: Adapter) -> Measured:
    cpu, start = time.process_time(), time.perf_counter()
    for _ in repeat(None, BURST_SPANS):
        work()
    made = time.perf_counter() - start
    adapter.flush()
    delivered = time.perf_counter() - start
    cpu = time.process_time() - cpu
    return Measured(*(seconds / BURST_SPANS * 1e6 for seconds in (delivered, made, cpu)), delivered=BURST_SPANS)


def _memory(work: Work) -> Measured:
    tracemalloc.start()
    for _ in repeat(None, WARM_UP_SPANS):
        work()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in repeat(None, WAITING_SPANS):
        work()
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / WAITING_SPANS
    return Measured(each, each, 0.0, 0)


def _paced(work: Work, adapter: Adapter, bursts: int, spans: int) -> Measured:
    sleep = getattr(adapter, "sleep", time.sleep)
    _bursts(work, WARM_UP_BURSTS, sleep)
    adapter.flush()
    before = time.process_time_ns()
    times = quiet.take(lambda: _loop_ns(work, BURST), bursts, lambda: pause(sleep))
    adapter.flush()  # sending the rest belongs to the cost
    cpu_ns = time.process_time_ns() - before - times.looking_ns
    before = time.process_time_ns()
    _bursts(_nothing, times.number, time.sleep)
    cpu_ns -= time.process_time_ns() - before
    return Measured(
        least=min(times.counted) / BURST / 1000,
        median=median(times.counted) / BURST / 1000,
        cpu=cpu_ns / (times.number * BURST) / 1000,
        delivered=(WARM_UP_BURSTS + times.number) * BURST * spans,
        quiet=times.quiet,
    )


def _bursts(work: Work, count: int, sleep: Callable[[float], None]) -> None:
    for _ in range(count):
        _loop_ns(work, BURST)
        pause(sleep)


def pause(sleep: Callable[[float], None]) -> None:
    """Sleep, and go on while other threads of this process work, so that a burst does not meet the last one's reports."""
    deadline = time.perf_counter() + MAX_PAUSE_S
    busy = True
    while busy and time.perf_counter() < deadline:
        before = time.process_time()
        sleep(PAUSE_S)
        busy = time.process_time() - before > PAUSE_S / 5


def _nothing() -> None:
    pass


def _tight(work: Work, units: int) -> Measured:
    calls = 1
    while _loop_ns(work, calls) < TIGHT_REPEAT_S / 2 * 1e9:
        calls *= 2
    times = quiet.take(lambda: _loop_ns(work, calls), TIGHT_REPEATS)
    per_unit_us = 1 / calls / units / 1000
    return Measured(min(times.counted) * per_unit_us, median(times.counted) * per_unit_us, 0.0, 0, times.quiet)


def _loop_ns(work: Work, calls: int) -> int:
    start = time.perf_counter_ns()
    for _ in repeat(None, calls):
        work()
    return time.perf_counter_ns() - start
