"""The check of a tracer that a program gives to OpenTelemetry's side.

Rules: the message tells the type and not the value, which may be a URL with a password.
"""

from __future__ import annotations

from typing import Any

import opentracing

from ..tracer import ZipkinTracer

__all__ = ["check_tracer"]


def check_tracer(taker: str, tracer: Any) -> ZipkinTracer | None:
    """The given tracer; raises TypeError for one that is no ZipkinTracer."""
    if tracer is None or isinstance(tracer, ZipkinTracer):
        return tracer
    if tracer is opentracing.global_tracer():
        getattr(tracer, "scope_manager", None)  # under the command, a stand-in configures at its first use
        real = opentracing.global_tracer()
        if isinstance(real, ZipkinTracer):
            return real
    raise TypeError(f"{taker} takes a ZipkinTracer, got {type(tracer).__name__}; leave it out for the global tracer")
