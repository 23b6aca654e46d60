"""Time: wall time once per local root, monotonic ticks after, so that a duration never runs backwards.

A pairing is two ints in ns, `_offset` and `_paired_at` of a span or context: what to add to ticks to have wall time, and the
ticks at which that was measured.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Both in ns: `wall_ns` since the epoch, `ticks_ns` monotonic since whenever."""

    def wall_ns(self) -> int: ...

    def ticks_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks, as the bare builtins: a Python function around them would cost more than they do."""

    wall_ns = staticmethod(time.time_ns)
    ticks_ns = staticmethod(time.perf_counter_ns)
