"""Backlog: the finished spans that wait for the reporter's thread.

Rules: `offer` is all that reporting costs the application: one comparison and one append, no lock, no waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Backlog"]


class Backlog:
    """A bounded queue that drops the newest; `offer` from any thread, `drain` from the reporter's only.

    `attend` is called, at the price of a function call, by an offer that finds the backlog unattended (nobody started yet, or
    closed) or as long as `wake_at`; False refuses the span.
    """

    def __init__(self, capacity: int, wake_at: int, attend: Callable[[], bool], count_full: Callable[[], None]) -> None:
        self.capacity = capacity
        self._wake_at = min(wake_at, capacity)
        self._attend = attend
        self._count_full = count_full
        self._spans: deque[Any] = deque()
        # Below it an offer has nothing to think about: 0 sends it to `_offer_with_care`.
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
        if not self._attend():
            return
        if len(self._spans) < self.capacity:
            self._spans.append(span)
        else:
            self._count_full()

    def attended(self) -> None:
        """From now on an offer below `wake_at` need not call `attend`."""
        self._carefree = self._wake_at

    def unattended(self) -> None:
        """From now on every offer calls `attend`."""
        self._carefree = 0

    def renew(self) -> None:
        """Forget all spans, as a forked child does, and be unattended."""
        self._spans = deque()
        self._carefree = 0

    def drain(self, most: int) -> list[Any]:
        """Up to `most` spans, oldest first."""
        popleft = self._spans.popleft
        return [popleft() for _ in range(min(most, len(self._spans)))]
