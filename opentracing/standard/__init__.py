"""The reference implementation: a tracer that records into a Recorder, to read, to extend and to test with."""

from __future__ import annotations

from .context import TraceContext
from .raw import RawLog, RawSpan
from .recorder import InMemoryRecorder, Recorder
from .tracer import RecordingTracer

__all__ = ["InMemoryRecorder", "RawLog", "RawSpan", "Recorder", "RecordingTracer", "TraceContext"]
