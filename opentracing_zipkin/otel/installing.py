"""install(): OpenTelemetry's API on our tracer, for the whole process.

Rules: nothing is configured here.  OpenTelemetry takes one provider for the life of the process, so ours is made once, and a
later `install` gives it another tracer.
"""

from __future__ import annotations

import re
from typing import Any

from opentelemetry import trace, version
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator

import opentracing

from ..log import log
from ..tracer import ZipkinTracer
from .propagator import B3Propagator, BaggagePropagator
from .provider import TracerProvider

__all__ = ["install"]

OLDEST = (1, 38)  # of opentelemetry-api, that the tests run with


def install(tracer: ZipkinTracer | None = None) -> None:
    """Have OpenTelemetry's API record into `tracer`, and its instrumentations send B3; may be called again.

    None: the global tracer, whichever it is at the time, so that `configure` may come before or after.  Where another provider
    was set before, one line in the log says what is not traced.  Raises TypeError for a tracer that is no ZipkinTracer.
    """
    if tracer is not None and not isinstance(tracer, ZipkinTracer):
        raise TypeError(f"install() takes a ZipkinTracer, got {tracer!r}; leave it out for the global tracer")
    if too_old(version.__version__):
        log.warning(
            "zipkin: opentelemetry-api %s is too old: what OpenTelemetry instruments is not traced; install %d.%d or newer",
            version.__version__, *OLDEST,
        )  # fmt: skip
        return
    provider: Any = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.use(tracer)
    elif isinstance(provider, trace.ProxyTracerProvider):
        provider = TracerProvider(tracer)
        trace.set_tracer_provider(provider)
    if trace.get_tracer_provider() is not provider or not isinstance(provider, TracerProvider):
        log.warning(
            "zipkin: OpenTelemetry has a provider already, %s: what it instruments is not traced by Zipkin; "
            "call opentracing_zipkin.otel.install() before anything sets another provider",
            type(trace.get_tracer_provider()).__qualname__,
        )
        return
    set_global_textmap(CompositePropagator([B3Propagator(tracer), BaggagePropagator()]))
    if provider.given is None and not isinstance(opentracing.global_tracer(), ZipkinTracer):
        log.info(
            "zipkin: the global tracer is %s: what OpenTelemetry instruments is traced once configure() was called",
            type(opentracing.global_tracer()).__qualname__,
        )


def too_old(found: str) -> bool:
    """Whether a version is below the oldest that is supported; one that cannot be read is not."""
    parts = re.match(r"(\d+)\.(\d+)", found)
    return parts is not None and (int(parts[1]), int(parts[2])) < OLDEST
