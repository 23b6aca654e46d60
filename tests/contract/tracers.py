"""All tracers of this project by name; each records into memory."""

from __future__ import annotations

from collections.abc import Callable

from opentracing import Tracer
from opentracing.mocktracer import MockTracer
from opentracing.standard import InMemoryRecorder, RecordingTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder as ZipkinRecorder

__all__ = ["TRACERS"]


def closed_zipkin() -> Tracer:
    tracer = ZipkinTracer("service", recorder=ZipkinRecorder())
    tracer.close().result(5)
    return tracer


TRACERS: dict[str, Callable[[], Tracer]] = {
    "no-op": Tracer,
    "mock": MockTracer,
    "recording": lambda: RecordingTracer(InMemoryRecorder()),
    "zipkin": lambda: ZipkinTracer("service", recorder=ZipkinRecorder()),
    "zipkin, unsampled": lambda: ZipkinTracer("service", recorder=ZipkinRecorder(), sample_rate=0.0),
    "zipkin, closed": closed_zipkin,
    "zipkin, disabled": lambda: ZipkinTracer("service", recorder=ZipkinRecorder(), enabled=False),
}
