"""Keeps our own requests to the collector out of every trace.

Rules: OpenTracing's instrumentations see an unsampled span, which the tracer activates on the reporter's thread.  This file is
for OpenTelemetry's instrumentations, which read a key of OpenTelemetry's context.  The key is set before the next message, once
OpenTelemetry is loaded.
Source: opentelemetry-python, opentelemetry/context/__init__.py; opentelemetry-instrumentation, utils.py.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["suppress_instrumentation"]

_TEXT_KEY = "suppress_instrumentation"  # for instrumentations older than the API's own key


def suppress_instrumentation() -> None:
    """Suppress instrumentations for all later work of this thread; does nothing where OpenTelemetry is not loaded."""
    api: Any = sys.modules.get("opentelemetry.context")
    attach = getattr(api, "attach", None)  # the module may be only partly imported
    if attach is None or api.get_value(_TEXT_KEY):
        return
    context = api.set_value(_TEXT_KEY, True)
    key = getattr(api, "_SUPPRESS_INSTRUMENTATION_KEY", None)
    attach(context if key is None else api.set_value(key, True, context))
