"""Sampling: whether a trace is recorded, asked once for each trace that nobody decided about.  Here the Protocol."""

from __future__ import annotations

from typing import Protocol

from .by_trace_id import always, boundary, never

__all__ = ["Sampler", "always", "boundary", "never"]


class Sampler(Protocol):
    """Takes the low 64 bits of a trace id; True records the trace."""

    def __call__(self, trace_id: int, /) -> bool: ...
