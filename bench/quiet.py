"""Times that were taken while the machine was as fast as it can be.

Rules: on a shared machine a core takes 1.6 to 1.9 times as long for the same work while others are busy on it, for seconds on
end; so a piece of work that never changes is timed before and after whatever is measured, and what was slow around does not
count.  How fast it can be is found out once in a run, and handed to each process by BENCH_QUIET_NS; without it all counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

__all__ = ["VARIABLE", "Times", "fastest_ns", "take"]

VARIABLE = "BENCH_QUIET_NS"
SLOWER = 1.3
ENOUGH = 5
PATIENCE_S = 1.5
SEARCH_S = 3.0
LOOPS = 1000


class Times(NamedTuple):
    """`counted` are those of quiet moments, or all if none was; `looking_ns` is the CPU that it took to tell them apart."""

    counted: list[int]
    quiet: bool
    number: int
    looking_ns: int


def take(once: Callable[[], int], number: int, rest: Callable[[], object] = lambda: None) -> Times:
    """So many times, in ns, and more as long as too few were quiet and patience lasts; `rest` is called after each."""
    limit_ns = float(os.environ.get(VARIABLE, "inf")) * SLOWER
    every: list[int] = []
    quiet: list[int] = []
    looking_ns = 0
    deadline = time.monotonic() + PATIENCE_S
    while len(every) < number or (len(quiet) < ENOUGH and time.monotonic() < deadline):
        before_ns, looking_before_ns = _look()
        taken_ns = once()
        after_ns, looking_after_ns = _look()
        looking_ns += looking_before_ns + looking_after_ns
        every.append(taken_ns)
        if max(before_ns, after_ns) <= limit_ns:
            quiet.append(taken_ns)
        rest()
    return Times(quiet or every, bool(quiet), len(every), looking_ns)


@cache
def fastest_ns() -> int:
    """The least that the yardstick takes on this machine."""
    deadline = time.monotonic() + SEARCH_S
    least = _yardstick_ns()
    while time.monotonic() < deadline:
        least = min(least, *(_yardstick_ns() for _ in range(20)))
        time.sleep(0.005)
    return least


def _look() -> tuple[int, int]:
    """What the yardstick takes now, and the CPU of this thread that it took to find out."""
    start = time.thread_time_ns()
    now_ns = min(_yardstick_ns(), _yardstick_ns())  # the first of two finds the caches cold
    return now_ns, time.thread_time_ns() - start


def _yardstick_ns() -> int:
    start = time.perf_counter_ns()
    for _ in range(LOOPS):
        pass
    return time.perf_counter_ns() - start
