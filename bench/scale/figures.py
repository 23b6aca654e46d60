"""Figures of one run, as they are recorded."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Carried"]


class Carried(NamedTuple):
    """So many spans in so many seconds; `cpu_s`: CPU time of the link that is named; `wire_bytes`: 0 where not measured."""

    link: str
    spans: int
    seconds: float
    cpu_s: float
    wire_bytes: int = 0
