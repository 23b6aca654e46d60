"""Backlog: the finished spans that wait for the reporter's thread.

Rules: `offer` is all that reporting costs the application: one comparison and one append, no lock, and no waiting unless the
application has chosen to wait for room.  A span is appended first and attended to after, so that whatever interrupts the
offer in between (a signal's handler that raises) does not lose it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..clock import monotonic
from .alarm import MAX_POLL_S, Alarm

__all__ = ["Backlog"]

MIN_WEIGHED = 100  # spans at a time: the copy of a full queue takes 0.1 ms


class Backlog:
    """A bounded queue that drops the newest; `offer` from any thread, the rest from the reporter's only.

    `takes` says whether spans are taken.  `attend` is called, at the price of a function call, after an offer that found the
    backlog unattended (nobody has started yet, or it is closed) or as long as `wake_at`; with True where the thread is to wake.
    `refuse` counts a span that is dropped, as "full" or "closed".  An offer to a full backlog waits up to `max_wait` seconds.

    `max_bytes` bounds the memory of what waits, about: the reporter's thread weighs it now and then (`weigh`), so it may be
    exceeded by the spans of one wake, of which there are fewer where they are heavy (`expect`).
    """

    def __init__(
        self,
        capacity: int,
        wake_at: int,
        takes: Callable[[], bool],
        attend: Callable[[bool], None],
        refuse: Callable[[str], None],
        max_wait: float = 0.0,
        max_bytes: int = 1 << 40,
    ) -> None:
        self.capacity = capacity
        self._max_bytes = max_bytes
        self._max_wait = max_wait
        # In a short queue while there is still room for what comes until the thread is awake.
        self._max_wake_at = self._wake_at = min(wake_at, max(1, capacity // 2))
        self._takes = takes
        self._attend = attend
        self._refuse = refuse
        self.renew()

    def renew(self) -> None:
        """Forget all spans, as a forked child does, and be unattended."""
        self._spans: deque[Any] = deque()
        self._waiting: deque[Alarm] = deque()  # of offers that wait for room
        self._limit = self.capacity  # in spans; less where they are heavy
        self._weighed = 0  # how many spans, from the oldest on, are in `_weight`
        self._weight = 0
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
        if not self._takes():
            self._refuse("closed")
        elif len(self._spans) < self._limit or (self._max_wait > 0 and self._found_room()):
            self._spans.append(span)
            self._attend(len(self._spans) > self._wake_at)
        elif self._takes():
            self._attend(True)  # whoever is to make room may not have started
            self._refuse("full")
        else:
            self._refuse("closed")

    def _found_room(self) -> bool:
        """Wait for room, for so long as the application has chosen."""
        deadline = monotonic() + self._max_wait
        alarm = Alarm()
        self._waiting.append(alarm)
        try:
            while self._takes():
                if len(self._spans) < self._limit:
                    return True
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self._attend(True)
                alarm.wait(min(left, MAX_POLL_S))
            return False
        finally:
            self._waiting.remove(alarm)

    def attended(self) -> None:
        """From now on an offer below `wake_at` need not call `attend`."""
        self._carefree = min(self._wake_at, self._limit)

    def unattended(self) -> None:
        """From now on every offer calls `attend`."""
        self._carefree = 0

    def expect(self, weight: int) -> None:
        """The spans of now weigh so much, in bytes: wake the thread while an eighth of what may wait does."""
        wake_at = max(1, min(self._max_wake_at, self._max_bytes // (8 * weight)))
        if wake_at != self._wake_at:
            self._wake_at = wake_at
            if self._carefree:
                self.attended()

    def weigh(self, weight_of: Callable[[Any], int]) -> None:
        """Weigh what has come since, where it is more than a few; over `max_bytes` no span is taken."""
        if len(self._spans) - self._weighed < min(MIN_WEIGHED, self._wake_at):
            return
        spans = list(self._spans)  # in one step, because others append meanwhile
        self._weight += sum(map(weight_of, spans[self._weighed :]))
        self._weighed = len(spans)
        self.expect(self._weight // self._weighed)
        if self._weight >= self._max_bytes:
            self._limit = len(spans)
            self._carefree = min(self._carefree, self._limit)

    def move_to(self, chunk: deque[Any], count: int) -> None:
        """Move so many spans, oldest first.

        Each is in one of the two at any moment, or, if this is interrupted, in both: the chunk's reader drops the second.
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
                if self._takes():
                    self.attended()
        self._make_room()

    def drain(self) -> list[Any]:
        """All spans, which are dropped."""
        spans, self._spans = self._spans, deque()
        self._weighed = self._weight = 0
        self._make_room()
        return list(spans)

    def _make_room(self) -> None:
        for alarm in list(self._waiting):
            alarm.set()
