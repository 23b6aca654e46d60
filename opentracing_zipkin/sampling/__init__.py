"""Sampling: the decision whether a trace is recorded, made once for each trace that begins here.  This file has the Protocol.

Rules: a sampler is a function of the trace id; one that needs more of the trace's first span is a RootSampler.  If the caller
has decided, also with the debug flag, no sampler is asked.  If a sampler raises, the trace is not recorded.
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
