"""The GIL: lets the application's threads have it while a thread of ours is busy.

Rules: releasing the GIL is not enough: we would take it back before the waiting thread wakes.  So we sleep.  The shortest sleep
takes 80 µs, and usually no thread waits.  So Linux is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import nan

from ..clock import sleep
from .alarm import Alarm

__all__ = ["Handover"]

# The shortest real sleep.  Python 3.10 does not sleep for 0.  On Windows 0 yields the CPU, and any longer sleep takes 15 ms.
MIN_SLEEP_S = 0.0 if sys.platform == "win32" else 1e-6


class Handover:
    """Offers the GIL; used by one thread, which calls `offer_lock` between two pieces of its work.

    `in_greenlet`: the waiting threads are greenlets; waiting for an alarm lets them run.
    """

    def __init__(self, in_greenlet: bool = False, sleep: Callable[[float], None] = sleep) -> None:
        self._alarm = Alarm() if in_greenlet else None
        self._sleep = sleep
        self._expected = nan

    def offer_lock(self) -> None:
        """Sleep for a moment, unless it is certain that no thread waits for the GIL."""
        if self._alarm is not None:
            self._alarm.wait(MIN_SLEEP_S)
            return
        # A thread that waits for the GIL sleeps, and Linux counts the sleeps of all threads.  Asking Linux takes 20 % off the
        # time that a full backlog needs.
        switches = _switches()
        if switches == self._expected:
            return
        self._sleep(MIN_SLEEP_S)
        # Our own sleep adds one.  Where the system does not even count that, the numbers tell nothing.
        self._expected = switches + 1 if _switches() > switches else nan


if sys.platform == "linux":
    from resource import RUSAGE_SELF, getrusage

    def _switches() -> float:
        """The number of times that threads of this process have gone to sleep."""
        return getrusage(RUSAGE_SELF).ru_nvcsw

else:

    def _switches() -> float:
        return nan
