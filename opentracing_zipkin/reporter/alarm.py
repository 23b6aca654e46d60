"""Alarm: wakes a thread that waits, and is its only way to sleep.

Rules: the lock is made when the alarm is, and by the name that `threading` has at that time: where gevent or eventlet have
patched it, whoever waits is a greenlet, and all others go on meanwhile.  A mock of `time.sleep` does not see us.
"""

from __future__ import annotations

import threading
from contextlib import suppress

__all__ = ["MAX_POLL_S", "Alarm"]

# The longest wait without another look: in a greenlet an alarm that another thread sets may be late.
MAX_POLL_S = 0.05


class Alarm:
    """For one thread that waits; `set` may come from any thread, and from a signal's handler in the middle of itself.

    `threading.Event` may not: its `set` holds a lock, for which the handler would wait for ever.  It is also ten times as slow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the thread go on, now or when it waits next."""
        if self._lock.locked():
            # Two threads may come this far, and the second finds the lock free; gevent's lock says so by ValueError.
            with suppress(RuntimeError, ValueError):
                self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Until the alarm is set, which this takes back, or for so long."""
        self._lock.acquire(timeout=timeout_s)
