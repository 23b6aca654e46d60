"""For tests of applications and of their instrumentation: parts of the tracer that send nothing."""

from __future__ import annotations

from .fakes import FakeClock, FakeSender, InMemoryRecorder

__all__ = ["FakeClock", "FakeSender", "InMemoryRecorder"]
