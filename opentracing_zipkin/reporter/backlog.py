"""Backlog: the finished spans that wait for the reporter's thread.

Rules: `offer` is all that reporting costs the application: one comparison and one append, no lock, and no waiting unless the
application has chosen to wait for room.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Alarm", "Backlog"]


class Alarm:
    """Wakes one waiting thread; `set` may come from any thread, and from a signal's handler in the middle of itself.

    `threading.Event` may not: its `set` holds a lock, for which the handler would wait for ever.  It is also ten times as slow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the thread go on, now or when it waits next."""
        if self._lock.locked():
            # Of two threads that come this far one is late; gevent's lock says so by ValueError.
            with suppress(RuntimeError, ValueError):
                self._lock.release()

    def wait(self, timeout_s: float) -> None:
        """Until the alarm is set, which this takes back, or for so long."""
        self._lock.acquire(timeout=timeout_s)


class Backlog:
    """A bounded queue that drops the newest; `offer` from any thread, `drain` from the reporter's only.

    `attend` is called, at the price of a function call, by an offer that finds the backlog unattended (nobody started yet, or
    closed) or as long as `wake_at`; False refuses the span.  One to a full backlog waits up to `max_wait` seconds.
    """

    def __init__(
        self,
        capacity: int,
        wake_at: int,
        attend: Callable[[], bool],
        count_full: Callable[[], None],
        max_wait: float = 0.0,
    ) -> None:
        self.capacity = capacity
        self._max_wait = max_wait
        # In a short queue while there is still room for what comes until the thread is awake.
        self._wake_at = min(wake_at, max(1, capacity // 2))
        self._attend = attend
        self._count_full = count_full
        self._spans: deque[Any] = deque()
        self._room = threading.Condition()
        self._waiting = 0
        # `offer` takes the fast path below this length; 0 turns it off.
        self._carefree = 0

    def __len__(self) -> int:
        return len(self._spans)

    def offer(self, span: Any) -> None:
        spans = self._spans
        if len(spans) < self._carefree:
            spans.append(span)
        else:
            self._offer_with_care(span)

    def _offer_with_care(self, span: Any) -> None:
        deadline = 0.0
        while self._attend():
            if len(self._spans) < self.capacity:
                self._spans.append(span)
                return
            now = time.monotonic()
            deadline = deadline or now + self._max_wait
            if now >= deadline:
                self._count_full()
                return
            self._wait_for_room(deadline - now)

    def _wait_for_room(self, timeout_s: float) -> None:
        with self._room:
            self._waiting += 1
            if len(self._spans) >= self.capacity:
                self._room.wait(timeout_s)
            self._waiting -= 1

    def attended(self) -> None:
        """From now on an offer below `wake_at` need not call `attend`."""
        self._carefree = self._wake_at

    def unattended(self) -> None:
        """From now on every offer calls `attend`."""
        self._carefree = 0

    def renew(self) -> None:
        """Forget all spans, as a forked child does, and be unattended."""
        self._spans = deque()
        self._room = threading.Condition()
        self._waiting = 0
        self._carefree = 0

    def release(self) -> None:
        """In a signal's handler: give the lock back where the interrupted code, which will not go on, holds it."""
        with suppress(RuntimeError):  # it is not ours, or not any more
            while True:
                self._room.release()

    def drain(self, most: int) -> list[Any]:
        """Up to `most` spans, oldest first."""
        popleft = self._spans.popleft
        drained = [popleft() for _ in range(min(most, len(self._spans)))]
        if self._waiting:
            with self._room:
                self._room.notify(len(drained))
        return drained
