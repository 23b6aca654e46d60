"""Samplers that look at the trace id alone, so that every process gives the same answer."""

from __future__ import annotations

from collections.abc import Callable

from ..option import options_of
from ..options import SamplingOptions

__all__ = ["always", "boundary", "is_boundary", "never"]

# Fixed and public, so that all processes agree.  The Zipkin server's own sampler looks at the absolute value of the same
# bits: multiplying by an odd constant makes the two independent, so client 10 % and server 10 % keep 1 %.
SALT = 0x5A49504B494E2B31
ODD_FACTOR = 0x9E3779B97F4A7C15
MASK_64 = (1 << 64) - 1


def always(trace_id: int, /) -> bool:
    """Record every trace."""
    return True


def never(trace_id: int, /) -> bool:
    """Record no trace, except for those that the caller has decided to record."""
    return False


def boundary(rate: float) -> Callable[[int], bool]:
    """A sampler for a share of all traces, 0.0 to 1.0, exact at both ends.  Raises ValueError for any other rate.

    A rate is rounded to one of 2 ** 64 steps; a rate above 0 is at least one step.
    """
    rate = options_of(SamplingOptions)["sample_rate"].check("sample_rate", rate)
    if rate == 1.0:
        return always
    if rate == 0.0:
        return never
    bound = max(1, round(rate * (MASK_64 + 1)))

    def sample(trace_id: int, /) -> bool:
        return ((trace_id ^ SALT) * ODD_FACTOR & MASK_64) < bound

    return sample


def is_boundary(sampler: object) -> bool:
    """Whether this is a sampler of `boundary`, which needs no guard against exceptions."""
    return getattr(sampler, "__code__", None) is _CODE


_CODE = boundary(0.5).__code__
