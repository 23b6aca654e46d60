"""Sampling by time: at most so many traces a second, whatever the traffic.

Rules: there is no lock: a fork would leave it held, and a signal's handler or the garbage collector would wait for the code
that it interrupts.  Each place in the ring admits one trace, and admits the next a period later at the earliest.  So no window
of one period, wherever it begins, has more traces than the ring has places; and periods and places are chosen so that no
window of one second has more than were asked for, the first second included.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..clock import monotonic_ns
from ..option import WrongSetting
from .by_trace_id import always, boundary
from .root import Root, RootSampler

__all__ = ["RateLimiting", "rate_limiting"]

SECOND_NS = 1_000_000_000
LEAST, MOST = 1 / 86_400, 1_000_000  # once a day; more than a process starts

MIN_PARTS = 10  # of a second, each with its share: the first millisecond cannot take the traces of all others
MAX_PLACES = 100  # more would cost memory, and parts of a hundred traces are fine enough


def rate_limiting(per_second: float, rate: float = 1.0) -> RateLimiting:
    """At most `per_second` traces in any second, of the share `rate` of all traces, in each process.

    Below 1 it is one trace in 1 / `per_second` seconds; above 1 a fraction is dropped.  From 20 on the traces are spread over
    ten parts of a second or more, each with its share; below that they come one by one.  Raises ValueError for a limit below
    one a day or above a million, and for a rate outside 0.0 to 1.0.
    """
    return RateLimiting(per_second, rate)


def check_limit(value: object) -> float:
    """A number of traces a second."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and LEAST <= value <= MOST:
        return value
    raise WrongSetting(
        "limit", f"is {value!r}; use how many traces a second are recorded at most, 0.1 or 50 for instance; a rate of 0 is none"
    )


class RateLimiting(RootSampler):
    """May be used from any thread; a forked child has a budget of its own.  `now_ns`: the clock."""

    def __init__(self, per_second: float, rate: float = 1.0, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self.per_second = check_limit(per_second)
        self.rate = rate
        self._is_of_share = boundary(rate)
        places, period_ns = _places_and_period(self.per_second)
        self._due_ns = [0] * places  # when each place admits its next trace; the next to admit is at `_next`
        self._next = 0
        self._places = places
        self._period_ns = period_ns
        self._now_ns = now_ns

    def decide(self, trace_id: int, root: Root, /) -> bool:
        return self(trace_id)

    def __call__(self, trace_id: int, /) -> bool:
        if self._is_of_share is not always and not self._is_of_share(trace_id):
            return False
        due_ns = self._due_ns
        while True:
            place = self._next
            due = due_ns[place]
            now = self._now_ns()
            if now < due:
                return False
            later, following = now + self._period_ns, (place + 1) % self._places
            # A compare-and-swap without a lock, as in `ZipkinContext._set_baggage`: no call and no jump is in this line.
            if due_ns[place] is due: due_ns[place] = later; self._next = following; return True  # noqa: E701, E702  # fmt: skip

    def __repr__(self) -> str:
        return f"rate_limiting({self.per_second!r}, {self.rate!r})"


def _places_and_period(per_second: float) -> tuple[int, int]:
    """How many traces a period may have, and its length in ns, rounded up: periods times places is never above the limit."""
    most = int(per_second / MIN_PARTS)
    if per_second < 1:
        return 1, math.ceil(SECOND_NS / per_second)
    if most < 2:
        return 1, -(-SECOND_NS // int(per_second))
    most = min(most, MAX_PLACES)
    # Periods are whole parts of a second; of the sizes near the greatest, the one that leaves the least over.
    places = min(range(most, most // 2, -1), key=lambda size: per_second % size)
    return places, -(-SECOND_NS // int(per_second // places))
