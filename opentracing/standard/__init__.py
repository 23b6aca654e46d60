"""The reference implementation: a tracer that records into a Recorder.  Read it, extend it, or test with it."""

from __future__ import annotations

from .context import TraceContext
from .raw import RawLog, RawSpan
from .recorder import InMemoryRecorder, Recorder
from .tracer import RecordingTracer

__all__ = ["InMemoryRecorder", "RawLog", "RawSpan", "Recorder", "RecordingTracer", "TraceContext"]
