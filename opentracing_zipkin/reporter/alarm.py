"""Alarm: wakes a thread that waits; the reporter waits by no other means, except for the shortest sleeps in `gil`.

Rules: the lock is made together with the alarm, by the function that `threading` has at that time.  Where gevent or eventlet
have patched that function, the waiter is a greenlet, and all other greenlets go on meanwhile.  A mock of `time.sleep` does not
affect us.
"""

from __future__ import annotations

import threading
from contextlib import suppress

__all__ = ["MAX_POLL_S", "Alarm"]

# The longest wait before the waiter looks again: in a greenlet, an alarm that another thread sets may be late.
MAX_POLL_S = 0.05


class Alarm:
    """Wakes the one thread that waits.  `set` may be called from any thread, and by a signal handler during another `set`.

    `threading.Event` does not allow the latter: its `set` holds a lock, and the handler would wait for it for ever.  It is also
    ten times as slow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the thread go on: now if it waits, otherwise when it waits next."""
        if self._lock.locked():
            # Two threads may come here, and the second finds the lock free; gevent's lock then raises ValueError.
            with suppress(RuntimeError, ValueError):
                self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Wait until the alarm is set, and reset it, or until the time is over."""
        self._lock.acquire(timeout=timeout_s)
