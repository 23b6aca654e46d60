"""How long `export` may wait: the answer is in the stack, because OpenTelemetry's SDK tells its exporters nothing about it.

Rules: a span's end never waits.  A processor that was told to flush has a caller who waits, and it does not tell the exporter
so, except by calling `export`.  The thread of the SDK's batch processor is not the application's.  Only public names of methods
are looked for, from the innermost call outwards, and the first one decides.
Source: opentelemetry-specification, trace/sdk.md, "Span processor": OnEnd "SHOULD NOT block", ForceFlush, Shutdown.
"""

from __future__ import annotations

import sys

__all__ = ["BY_A_FLUSH", "BY_A_SPANS_END", "BY_A_THREAD_OF_THE_SDK", "BY_OTHERS", "asked"]

BY_A_SPANS_END = "a span's end"  # SimpleSpanProcessor exports on the thread that ends the span
BY_A_FLUSH = "a flush or a shutdown"
BY_A_THREAD_OF_THE_SDK = "a thread of the SDK"
BY_OTHERS = "others"  # the application calls `export` itself

_CALLERS = {"on_end": BY_A_SPANS_END, "force_flush": BY_A_FLUSH, "shutdown": BY_A_FLUSH}


def asked() -> str:
    """By whom the function that calls this one was called: one of the constants."""
    frame = sys._getframe(1).f_back
    caller = BY_OTHERS
    while frame is not None:
        known = _CALLERS.get(frame.f_code.co_name)
        if known is not None:
            return known
        if str(frame.f_globals.get("__name__")).startswith("opentelemetry.sdk."):  # code may run without a name
            caller = BY_A_THREAD_OF_THE_SDK
        frame = frame.f_back
    return caller
