"""No tracing of the tracing: our own requests are no spans of anybody's.

Rules: OpenTracing's instrumentations see an unsampled span, which the tracer activates on the reporter's thread.  This file is
for OpenTelemetry's, which ask a key of its context; it is set as soon as that is loaded, before the next message.
Source: opentelemetry-python, opentelemetry/context/__init__.py; opentelemetry-instrumentation, utils.py.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["suppress_instrumentation"]

_TEXT_KEY = "suppress_instrumentation"  # of instrumentations before the API had a key of its own


def suppress_instrumentation() -> None:
    """For all that this thread does from now on; nothing where OpenTelemetry is not loaded."""
    api: Any = sys.modules.get("opentelemetry.context")
    attach = getattr(api, "attach", None)  # the module may be half imported
    if attach is None or api.get_value(_TEXT_KEY):
        return
    context = api.set_value(_TEXT_KEY, True)
    key = getattr(api, "_SUPPRESS_INSTRUMENTATION_KEY", None)
    attach(context if key is None else api.set_value(key, True, context))
