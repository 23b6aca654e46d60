"""install(): makes OpenTelemetry's API record into our tracer, for the whole process.

Rules: nothing is configured here.  OpenTelemetry accepts one provider for the life of the process, so our provider is made
once, and a later `install` gives it another tracer.  A provider that the program has not asked for is installed provisionally:
it gives way to OpenTelemetry's SDK.
Source: opentelemetry-python, opentelemetry/trace/__init__.py (the names that hold the provider).
"""

from __future__ import annotations

from typing import Any, cast

from opentelemetry import trace
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator

import opentracing

from ..instrument.opentelemetry_api import version_problem
from ..log import log
from ..tracer import ZipkinTracer
from .checks import check_tracer
from .propagator import B3Propagator, BaggagePropagator
from .provider import TracerProvider

__all__ = ["install", "install_provisionally", "undo_provisional_install"]

_former: list[Any] = []  # the propagator that was set before the provisional install


def install(tracer: ZipkinTracer | None = None) -> None:
    """Make OpenTelemetry's API record into `tracer`, and its instrumentations send B3; may be called again.

    None means the global tracer of each moment, so `configure` may be called before or after.  If another provider was set
    before, one line in the log says that its spans are not traced.  Raises TypeError for a tracer that is no ZipkinTracer.
    """
    tracer = cast(ZipkinTracer | None, check_tracer("install()", tracer, takes_noop=False))
    problem = version_problem()
    if problem:
        log.warning("zipkin: OpenTelemetry's spans are not recorded: %s", problem)
        return
    _former.clear()
    provider: Any = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.use(tracer)
    elif isinstance(provider, trace.ProxyTracerProvider):
        provider = TracerProvider(tracer)
        trace.set_tracer_provider(provider)
    if trace.get_tracer_provider() is not provider or not isinstance(provider, TracerProvider):
        log.warning(
            "zipkin: OpenTelemetry already has the provider %s, so its spans are not sent to Zipkin; "
            "call opentracing_zipkin.otel.install() before another provider is set",
            type(trace.get_tracer_provider()).__qualname__,
        )
        return
    set_global_textmap(CompositePropagator([B3Propagator(tracer), BaggagePropagator()]))
    if provider.given is None and not isinstance(opentracing.global_tracer(), ZipkinTracer):
        log.info(
            "zipkin: the global tracer is %s; OpenTelemetry's spans are recorded after configure() is called",
            type(opentracing.global_tracer()).__qualname__,
        )


def install_provisionally() -> None:
    """`install()` in such a way that it can be undone; does nothing if our provider is set already."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        former = get_global_textmap()
        install()
        if isinstance(trace.get_tracer_provider(), TracerProvider):
            _former.append(former)


def undo_provisional_install() -> None:
    """Undo `install_provisionally`, so that another provider can be set; does nothing if `install` was called since."""
    names: Any = trace
    once = getattr(names, "_TRACER_PROVIDER_SET_ONCE", None)
    if _former and once is not None:
        set_global_textmap(_former.pop())
        names._TRACER_PROVIDER = None
        names._TRACER_PROVIDER_SET_ONCE = type(once)()
