"""A tracer for tests of instrumentation: it keeps every finished span, and its ids are small numbers."""

from __future__ import annotations

from .propagator import Propagator
from .tracer import MockTracer

__all__ = ["MockTracer", "Propagator"]
