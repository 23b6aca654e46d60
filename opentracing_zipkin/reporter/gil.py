"""The GIL: a busy thread of ours lets the application's threads have it.

Rules: releasing the GIL is not enough: we would take it back before the waiting thread wakes.  So we sleep.  The shortest sleep
takes 80 µs, and mostly nobody waits; so Linux is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import nan

from ..clock import sleep
from .alarm import Alarm

__all__ = ["Handover"]

# The least that is a sleep: Python 3.10 makes none of 0.  On Windows 0 gives way, and the least above it is 15 ms.
A_MOMENT_S = 0.0 if sys.platform == "win32" else 1e-6


class Handover:
    """For one thread, which calls `offer` between two pieces of its work.

    `in_greenlet`: the others that wait are greenlets, which an alarm lets run.
    """

    def __init__(self, in_greenlet: bool = False, sleep: Callable[[float], None] = sleep) -> None:
        self._alarm = Alarm() if in_greenlet else None
        self._sleep = sleep
        self._expected = nan

    def offer(self) -> None:
        """Sleep for a moment, unless it is known that no thread waits for the GIL."""
        if self._alarm is not None:
            self._alarm.wait(A_MOMENT_S)
            return
        # A thread that waits has gone to sleep for it, and Linux counts how often threads do.  Asking takes 20 % off the time
        # that a full backlog needs.
        switches = _switches()
        if switches == self._expected:
            return
        self._sleep(A_MOMENT_S)
        # One more is our own sleep.  Where not even that is counted, nothing is known.
        self._expected = switches + 1 if _switches() > switches else nan


if sys.platform == "linux":
    from resource import RUSAGE_SELF, getrusage

    def _switches() -> float:
        """How often threads of this process have gone to sleep."""
        return getrusage(RUSAGE_SELF).ru_nvcsw

else:

    def _switches() -> float:
        return nan
