"""Backlog: the finished spans that wait for the reporter's thread.

Rules: `offer` is the whole cost of reporting for the application: one comparison and one append, no lock, and no waiting unless
the application has configured to wait for room.  A span is appended first; then the reporter is told.  So an exception between
the two steps (from a signal handler) does not lose the span.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..clock import monotonic
from .alarm import MAX_POLL_S, Alarm

__all__ = ["Backlog"]

MIN_WEIGHED_SPANS = 100  # copying a full queue takes 0.1 ms, so it is not done for fewer spans


class Backlog:
    """A bounded queue that drops the newest span.

    `offer`, `drain` and the two methods of the fast path may be called from any thread, the others from the reporter's only.

    `is_open` tells whether spans are taken.  An offer skips `ensure_thread`, which costs a function call, while the fast path
    is open and the backlog is shorter than `wake_at`.  The fast path is closed until the thread has started, and once the
    backlog takes no more spans.  The argument of `ensure_thread` is True where the thread must wake.  `count_refused` counts a
    span that is dropped, as "full" or "closed".  An offer to a full backlog waits up to `max_wait` seconds.

    `max_bytes` limits the estimated memory of the waiting spans.  The reporter's thread weighs them now and then (`weigh`), so
    the spans of one wake-up may exceed the limit.  Heavy spans wake the thread earlier (`adjust_wake_at`), so that these are
    few.
    """

    def __init__(
        self,
        capacity: int,
        wake_at: int,
        is_open: Callable[[], bool],
        ensure_thread: Callable[[bool], None],
        count_refused: Callable[[str], None],
        max_wait: float = 0.0,
        max_bytes: int = 1 << 40,
    ) -> None:
        self.capacity = capacity
        self._max_bytes = max_bytes
        self._max_wait = max_wait
        # A short queue wakes the thread at half its length, so that it has room for the spans that come until the thread is
        # awake.
        self._max_wake_at = self._wake_at = min(wake_at, max(1, capacity // 2))
        self._is_open = is_open
        self._ensure_thread = ensure_thread
        self._count_refused = count_refused
        self.renew()

    def renew(self) -> None:
        """Forget all spans, as a forked child does, and close the fast path."""
        self._spans: deque[Any] = deque()
        self._alarms: deque[Alarm] = deque()  # one for each offer that waits for room
        self._limit = self.capacity  # in spans; smaller when the waiting spans are heavy
        self._weighed = 0  # the number of the oldest spans that are counted in `_weight`
        self._weight = 0
        # `offer` takes the fast path below this length; 0 turns it off.
        self._fast_below = 0

    def __len__(self) -> int:
        return len(self._spans)

    def offer(self, span: Any) -> None:
        spans = self._spans
        if len(spans) < self._fast_below:
            spans.append(span)
        else:
            self._offer_slowly(span)

    def _offer_slowly(self, span: Any) -> None:
        if not self._is_open():
            self._count_refused("closed")
        elif len(self._spans) < self._limit or (self._max_wait > 0 and self._await_room()):
            self._spans.append(span)
            self._ensure_thread(len(self._spans) > self._wake_at)
        elif self._is_open():
            self._ensure_thread(True)  # the thread that makes room may not have started yet
            self._count_refused("full")
        else:
            self._count_refused("closed")

    def _await_room(self) -> bool:
        """Wait for room as long as the application has configured; returns whether there is room."""
        deadline = monotonic() + self._max_wait
        alarm = Alarm()
        self._alarms.append(alarm)
        try:
            while self._is_open():
                if len(self._spans) < self._limit:
                    return True
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self._ensure_thread(True)
                alarm.wait(min(left, MAX_POLL_S))
            return False
        finally:
            self._alarms.remove(alarm)

    def open_fast_path(self) -> None:
        """Let offers below `wake_at` skip `ensure_thread` from now on."""
        self._fast_below = min(self._wake_at, self._limit)

    def close_fast_path(self) -> None:
        """Let every offer call `ensure_thread` from now on."""
        self._fast_below = 0

    def adjust_wake_at(self, weight: int) -> None:
        """Adjust `wake_at` to spans of `weight` bytes: the thread wakes when an eighth of `max_bytes` waits."""
        wake_at = max(1, min(self._max_wake_at, self._max_bytes // (8 * weight)))
        if wake_at != self._wake_at:
            self._wake_at = wake_at
            if self._fast_below:
                self.open_fast_path()

    def weigh(self, weight_of: Callable[[Any], int]) -> None:
        """Weigh the spans that came since the last call, unless they are few; at `max_bytes` no more spans are taken."""
        if len(self._spans) - self._weighed < min(MIN_WEIGHED_SPANS, self._wake_at):
            return
        spans = list(self._spans)  # copied in one step, because other threads append meanwhile
        self._weight += sum(map(weight_of, spans[self._weighed :]))
        self._weighed = len(spans)
        self.adjust_wake_at(self._weight // self._weighed)
        if self._weight >= self._max_bytes:
            self._limit = len(spans)
            self._fast_below = min(self._fast_below, self._limit)

    def move_to(self, chunk: deque[Any], count: int) -> None:
        """Move `count` spans, the oldest first.

        At any moment each span is in the backlog or in `chunk`.  After an interruption it may be in both; the chunk's reader
        then drops the second copy.
        """
        spans = self._spans
        for _ in range(count):
            chunk.append(spans[0])
            spans.popleft()
        if self._weighed:
            left = max(0, self._weighed - count)
            self._weight = self._weight * left // self._weighed
            self._weighed = left
            if self._limit < self.capacity and self._weight < self._max_bytes:
                self._limit = self.capacity
                if self._is_open():
                    self.open_fast_path()
        self._make_room()

    def drain(self) -> list[Any]:
        """Take all spans out; the caller drops them."""
        spans, self._spans = self._spans, deque()
        self._weighed = self._weight = 0
        self._make_room()
        return list(spans)

    def _make_room(self) -> None:
        for alarm in list(self._alarms):
            alarm.set()
