"""Names of those fields of a log record that every tracer understands.

Source: the OpenTracing semantic conventions.
"""

from __future__ import annotations

__all__ = ["ERROR_KIND", "ERROR_OBJECT", "EVENT", "MESSAGE", "STACK"]

ERROR_KIND = "error.kind"
ERROR_OBJECT = "error.object"
EVENT = "event"
MESSAGE = "message"
STACK = "stack"
