"""Sampling by time: a limit for the number of traces in each second, whatever the traffic.

Rules: there is no lock.  A forked child could inherit it held, and a signal's handler or the garbage collector could wait for
the code that it interrupts.  Each place in a ring admits one trace, and the next one a period later at the earliest.  So in any
window of one period there are at most as many traces as places.  Periods and places are chosen so that no window of one second
has more traces than the limit, also not the first second.
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
MIN_PER_SECOND, MAX_PER_SECOND = 1 / 86_400, 1_000_000  # one a day; more than one process can start

MIN_PARTS = 10  # of a second; each part has its share, so a burst cannot use up the traces of the whole second
MAX_PLACES = 100  # more places would cost memory, and parts of 100 traces are small enough


def rate_limiting(per_second: float, rate: float = 1.0) -> RateLimiting:
    """At most `per_second` traces in any second, in each process; only the share `rate` of all traces is considered.

    A limit below 1 admits one trace in 1 / `per_second` seconds; a limit above 1 is rounded down to a whole number.  From 20 on
    the traces are spread over ten or more equal parts of a second; below 20 at least 1 / `per_second` seconds lie between two
    traces.  Raises ValueError for a limit below one a day or above a million, and for a rate outside 0.0 to 1.0.
    """
    return RateLimiting(per_second, rate)


def check_limit(value: object) -> float:
    """The number of traces a second; raises WrongSetting for a value that is no number or out of range."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and MIN_PER_SECOND <= value <= MAX_PER_SECOND:
        return value
    raise WrongSetting(
        "limit", f"is {value!r}; use the greatest number of traces a second, for instance 0.1 or 50; to record none, use rate=0"
    )


class RateLimiting(RootSampler):
    """May be used from any thread; a forked child has a budget of its own.  `now_ns` is the clock."""

    def __init__(self, per_second: float, rate: float = 1.0, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self.per_second = check_limit(per_second)
        self.rate = rate
        self._is_of_share = boundary(rate)
        places, period_ns = _places_and_period(self.per_second)
        self._due_ns = [0] * places  # the time when each place admits its next trace; `_next` is the place that admits first
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
    """The places, and the period in ns, which is rounded up so that the traces in a second never exceed the limit."""
    most = int(per_second / MIN_PARTS)
    if per_second < 1:
        return 1, math.ceil(SECOND_NS / per_second)
    if most < 2:
        return 1, -(-SECOND_NS // int(per_second))
    most = min(most, MAX_PLACES)
    # Periods are whole parts of a second.  This takes the size with the smallest remainder from those near the greatest.
    places = min(range(most, most // 2, -1), key=lambda size: per_second % size)
    return places, -(-SECOND_NS // int(per_second // places))
