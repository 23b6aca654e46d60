"""Sampling: whether a trace is recorded, asked once for each trace that nobody decided about.  Here the seam.

Rules: a sampler is a function of the trace id; one that wants to know more of the trace's first span is a RootSampler.  An
upstream decision, debug included, is never put to a sampler.  A sampler that raises has said no.
"""

from __future__ import annotations

from typing import Protocol

from .by_request import Rule, Rules, rules
from .by_time import rate_limiting
from .by_trace_id import always, boundary, never
from .root import Root, RootSampler

__all__ = ["Root", "RootSampler", "Rule", "Rules", "Sampler", "always", "boundary", "never", "rate_limiting", "rules"]


class Sampler(Protocol):
    """Takes the low 64 bits of a trace id; True records the trace."""

    def __call__(self, trace_id: int, /) -> bool: ...
