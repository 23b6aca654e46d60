"""OpenTelemetry's API on our provider: the same calls as for its SDK, and ZipkinTracer's default settings."""

from __future__ import annotations

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import B3Propagator, TracerProvider

from .opentracing_work import Work
from .otel_work import WORK

__all__ = ["Adapter"]


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        self.tracer = ZipkinTracer("bench", endpoint=endpoint, sample_rate=0.0 if task == "unsampled" else 1.0)
        return WORK[task](TracerProvider(self.tracer).get_tracer("bench"), B3Propagator(self.tracer))

    def flush(self) -> None:
        if not self.tracer.flush(timeout=30.0):
            raise RuntimeError(f"spans were not accepted: {self.tracer.stats}")
