"""The functions that OpenTelemetry's entry points name: the provider and the propagator, on a tracer of the environment.

Rules: the propagator's entry point is loaded during the import of `opentelemetry.propagate`, so nothing here imports that.  No
exception reaches the application, which did not call these functions: one line in the log says what is not traced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import opentracing

from .environment import span_limits, warn_of_unsupported
from .log import log
from .settings import configure_by_environment
from .tracer import ZipkinTracer

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider

__all__ = ["propagator", "tracer_provider"]


def tracer_provider() -> TracerProvider:
    """The provider for `OTEL_PYTHON_TRACER_PROVIDER=zipkin`.

    It uses the application's tracer; if there is none, a tracer configured from the environment.
    """
    try:
        from .instrument.opentelemetry_api import version_problem

        problem = version_problem()
        if problem:
            raise RuntimeError(problem)
        from .otel.provider import TracerProvider

        limits = span_limits()
        if not isinstance(opentracing.global_tracer(), ZipkinTracer):
            configure_by_environment()
        warn_of_unsupported()
        return TracerProvider(None, **limits)
    except Exception as error:
        log.warning("zipkin: OpenTelemetry's spans are not recorded: %s", error)
        from opentelemetry import trace

        silent: Any = getattr(trace, "NoOpTracerProvider", None) or trace._DefaultTracerProvider  # its name before version 1.10
        return silent()  # type: ignore[no-any-return]


def propagator() -> TextMapPropagator:
    """The propagator for `OTEL_PROPAGATORS=zipkin_b3`.

    It uses the global tracer of the moment, or B3's defaults if that is no ZipkinTracer.
    """
    from .otel.propagator import B3Propagator

    found: Any = B3Propagator()
    return found  # type: ignore[no-any-return]
