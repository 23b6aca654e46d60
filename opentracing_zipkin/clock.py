"""Time: wall time once per local root, monotonic ticks after, so that a duration never runs backwards.

A pairing is a tuple of two ints in ns: what to add to ticks to have wall time, and the ticks at which that was measured.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock", "pair"]


class Clock(Protocol):
    """Both in ns: `wall_ns` since the epoch, `ticks_ns` monotonic since whenever."""

    def wall_ns(self) -> int: ...

    def ticks_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks, as the bare builtins: a Python function around them would cost more than they do."""

    wall_ns = staticmethod(time.time_ns)
    ticks_ns = staticmethod(time.perf_counter_ns)


def pair(clock: Clock) -> tuple[int, int]:
    """What wall time and ticks are to each other now."""
    ticks = clock.ticks_ns()
    return clock.wall_ns() - ticks, ticks
