"""Handover: a busy thread of ours lets the application's threads have the GIL.

Rules: to let go of the GIL is not enough, because whoever waits for it takes longer to wake than we to take it back: that needs
a sleep.  The least sleep takes 80 µs, and mostly nobody waits; so Linux is asked first.
"""

from __future__ import annotations

import sys
import time
from math import nan
from types import BuiltinFunctionType

__all__ = ["Handover"]

# The least that is a sleep: Python 3.10 makes none of 0.  On Windows 0 gives way, and the least above it is 15 ms.
A_MOMENT_S = 0.0 if sys.platform == "win32" else 1e-6


class Handover:
    """For one thread, which calls `offer` between two pieces of its work."""

    def __init__(self) -> None:
        self._expected = nan

    def offer(self) -> None:
        """Sleep for a moment, unless it is known that no thread waits for the GIL."""
        if type(time.sleep) is not BuiltinFunctionType:  # gevent's: greenlets wait for it
            time.sleep(0)
            return
        # Who waits has gone to sleep for it, and Linux counts how often threads do: a fifth less time for a full backlog.
        switches = _switches()
        if switches == self._expected:
            return
        time.sleep(A_MOMENT_S)
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
