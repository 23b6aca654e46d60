"""The check of a tracer that a program gives to OpenTelemetry's side.

Rules: the message tells the type and not the value, which may be a URL with a password.
"""

from __future__ import annotations

from typing import Any

import opentracing

from ..tracer import ZipkinTracer

__all__ = ["check_tracer"]


def check_tracer(taker: str, tracer: Any, takes_noop: bool = True) -> opentracing.Tracer | None:
    """The given tracer: a ZipkinTracer, or the API's own, which records nothing, if `takes_noop`; else raises TypeError."""
    if tracer is None or isinstance(tracer, ZipkinTracer) or (takes_noop and type(tracer) is opentracing.Tracer):
        return tracer
    if tracer is opentracing.global_tracer():
        getattr(tracer, "scope_manager", None)  # under the command, a stand-in configures at its first use
        real = opentracing.global_tracer()
        if isinstance(real, ZipkinTracer):
            return real
    raise TypeError(f"{taker} takes a ZipkinTracer, got {type(tracer).__name__}; leave it out for the global tracer")
