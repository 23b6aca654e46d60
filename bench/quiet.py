"""Times that were taken while the machine had its full speed.

Rules: on a shared machine, a core may take 1.6 to 1.9 times as long for the same work, for seconds, because others use it.  So
a constant piece of work, the yardstick, is timed before and after each measurement, and measurements next to a slow yardstick
do not count.  The yardstick's fastest time is found once in a run, and passed to each process in BENCH_QUIET_NS; without that
variable all measurements count.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

__all__ = ["VARIABLE", "Times", "fastest_ns", "take"]

VARIABLE = "BENCH_QUIET_NS"
MAX_SLOWDOWN = 1.3
MIN_QUIET_TIMES = 5
MAX_WAIT_S = 1.5
SEARCH_S = 3.0
LOOPS = 1000


class Times(NamedTuple):
    """`counted` are the times of quiet moments, or all times if no moment was quiet.

    `looking_ns` is the CPU time that the yardstick took.
    """

    counted: list[int]
    quiet: bool
    number: int
    looking_ns: int


def take(once: Callable[[], int], number: int, rest: Callable[[], object] = lambda: None) -> Times:
    """Take `number` times in ns, or more if too few were quiet, for at most MAX_WAIT_S; `rest` is called after each."""
    max_ns = float(os.environ.get(VARIABLE, "inf")) * MAX_SLOWDOWN
    every: list[int] = []
    quiet: list[int] = []
    looking_ns = 0
    deadline = time.monotonic() + MAX_WAIT_S
    while len(every) < number or (len(quiet) < MIN_QUIET_TIMES and time.monotonic() < deadline):
        before_ns, looking_before_ns = _look()
        taken_ns = once()
        after_ns, looking_after_ns = _look()
        looking_ns += looking_before_ns + looking_after_ns
        every.append(taken_ns)
        if max(before_ns, after_ns) <= max_ns:
            quiet.append(taken_ns)
        rest()
    return Times(quiet or every, bool(quiet), len(every), looking_ns)


@cache
def fastest_ns() -> int:
    """The least time of the yardstick on this machine."""
    deadline = time.monotonic() + SEARCH_S
    least = _yardstick_ns()
    while time.monotonic() < deadline:
        least = min(least, *(_yardstick_ns() for _ in range(20)))
        time.sleep(0.005)
    return least


def _look() -> tuple[int, int]:
    """The present time of the yardstick, and the CPU time of this thread that measuring it took."""
    start = time.thread_time_ns()
    now_ns = min(_yardstick_ns(), _yardstick_ns())  # the first of the two runs with cold caches
    return now_ns, time.thread_time_ns() - start


def _yardstick_ns() -> int:
    start = time.perf_counter_ns()
    for _ in range(LOOPS):
        pass
    return time.perf_counter_ns() - start
