"""A native Zipkin tracer for the OpenTracing API.

import opentracing_zipkin

tracer = opentracing_zipkin.configure("checkout")
with tracer.start_active_span("hello"):
    ...
"""

from __future__ import annotations

from .context import ZipkinContext
from .model import Endpoint, FinishedSpan
from .settings import configure
from .span import ZipkinSpan
from .stats import TracerStats
from .tracer import ZipkinTracer

__all__ = ["Endpoint", "FinishedSpan", "TracerStats", "ZipkinContext", "ZipkinSpan", "ZipkinTracer", "configure"]
