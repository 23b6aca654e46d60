"""A tracer for tests of instrumentation: it keeps every finished span, with small numbers for ids."""

from __future__ import annotations

from .propagator import Propagator
from .tracer import MockTracer

__all__ = ["MockTracer", "Propagator"]
