"""Samplers: whether a trace is recorded, asked once per trace that nobody decided about.

Rules: a sampler is a function of the trace id's low 64 bits, so every process that is asked gives the same answer.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Sampler", "always", "boundary", "never"]

# Fixed and public, so that all processes agree.  The Zipkin server's own sampler looks at the absolute value of the same
# bits: multiplying by an odd constant makes the two independent, so client 10 % and server 10 % keep 1 %.
SALT = 0x5A49504B494E2B31
ODD = 0x9E3779B97F4A7C15
BITS = (1 << 64) - 1


class Sampler(Protocol):
    """Takes the low 64 bits of a trace id; True records the trace."""

    def __call__(self, trace_id: int, /) -> bool: ...


def always(trace_id: int, /) -> bool:
    """Every trace."""
    return True


def never(trace_id: int, /) -> bool:
    """No trace, but for those that a caller decided to record."""
    return False


def boundary(rate: float) -> Sampler:
    """A share of all traces, 0.0 to 1.0, exact at both ends.  Raises ValueError outside."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0.0 <= rate <= 1.0:
        raise ValueError(f"sample_rate is {rate!r}; use 0.0 (nothing) to 1.0 (every trace), for instance 0.01 for 1 %")
    if rate == 1.0:
        return always
    if rate == 0.0:
        return never
    bound = int(rate * (BITS + 1))

    def sample(trace_id: int, /) -> bool:
        return ((trace_id ^ SALT) * ODD & BITS) < bound

    return sample
