"""Pace: when a message that was not accepted is tried again.

Rules: while nobody waits, the pauses grow up to half a minute, and the time that the collector asks for is kept.  While a
caller waits for the spans, in `flush`, in `close` or at the process's end, the pauses are short, but the collector is not
flooded.  The time that it asks for is kept if it ends in time for the caller's deadline.  If not, one last try is made shortly
before the deadline: the spans may be lost after it, and one request more is no flood.
"""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["FIRST_HURRIED_PAUSE_S", "LAST_TRY_S", "MAX_HURRIED_PAUSE_S", "MAX_RETRY_AFTER_S", "MIN_ANSWER_S", "Pace"]

FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 30.0
MAX_RETRY_AFTER_S = 60.0
# The pauses while a caller waits: a collector that starts meanwhile is found within half a second.
FIRST_HURRIED_PAUSE_S = 0.05
MAX_HURRIED_PAUSE_S = 0.5
LAST_TRY_S = 0.5  # the last try begins this time before the caller's deadline, so that the answer can arrive
MIN_ANSWER_S = 0.1  # a pause that ends later than this before the deadline is too long

NEVER = float("-inf")


class Pace:
    """Owns the times of the tries; used by the reporter's thread only, except for `hurry` and `relax`.

    `now`: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiter = (NEVER, NEVER)  # when a caller began to wait, and its deadline; one assignment changes both
        self._failures = 0  # failures in a row
        self._hurried_failures = 0  # those of them that the present caller has waited for
        self._tried_at = NEVER
        self._tried_for = self._waiter  # the caller who waited at the last try
        self._asked_until = NEVER
        self._due_at = NEVER  # the next try if nobody waits
        self._hurried_due_at = NEVER  # the next try after one that a caller has waited for

    def hurry(self, deadline: float) -> None:
        """Make short pauses until `deadline`, because a caller waits; from any thread, takes no lock.

        Each caller repeats it while it waits.  Of several deadlines the earliest counts until it is over.
        """
        now = self._now()
        if now < deadline and not now < self._waiter[1] <= deadline:
            self._waiter = (now, deadline)

    def relax(self, deadline: float) -> None:
        """The caller with this deadline waits no longer; from any thread, takes no lock."""
        if self._waiter[1] == deadline:
            self._waiter = (NEVER, NEVER)

    def begin_try(self) -> None:
        """A try begins."""
        waiter = self._waiter
        if self._tried_for is not waiter:
            self._hurried_failures = 0
            self._tried_for = waiter
        self._tried_at = self._now()

    def succeed(self) -> None:
        """The message was accepted, so the next one may be sent at once."""
        self._failures = self._hurried_failures = 0
        self._asked_until = self._due_at = self._hurried_due_at = NEVER

    def fail(self, retry_after: float) -> None:
        """The try failed in a way that may pass; the collector asks for a pause of `retry_after` seconds, or of 0."""
        now = self._now()
        self._failures += 1
        self._hurried_failures += 1
        self._asked_until = now + min(retry_after, MAX_RETRY_AFTER_S)
        self._due_at = max(self._asked_until, now + _pause_s(self._failures, FIRST_PAUSE_S, MAX_PAUSE_S))
        self._hurried_due_at = now + _pause_s(self._hurried_failures, FIRST_HURRIED_PAUSE_S, MAX_HURRIED_PAUSE_S)

    @property
    def is_due(self) -> bool:
        """Whether the next message may be sent now."""
        return self._now() >= self._next_at()

    @property
    def pause_s(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self._next_at() - self._now())

    def _next_at(self) -> float:
        waiter = since, deadline = self._waiter
        if not self._failures or self._now() >= deadline:
            return self._due_at
        if self._asked_until <= deadline - MIN_ANSWER_S:
            hurried_at = max(self._asked_until, self._hurried_due_at if self._tried_for is waiter else since)
        else:
            hurried_at = max(since, deadline - LAST_TRY_S)
            if self._tried_for is waiter and self._tried_at >= hurried_at:  # that was the last try
                return self._due_at
        return min(self._due_at, hurried_at)


def _pause_s(failures: int, first_s: float, max_s: float) -> float:
    """Seconds to wait after `failures` in a row: exponential, with jitter so that many processes do not return at once."""
    return min(max_s, first_s * 2.0 ** min(failures - 1, 20)) * random.uniform(0.5, 1.0)
