"""logging: `trace_id` and `span_id` on every record of every logger; empty where no span is active.

Rules: a format with `%(trace_id)s` never raises, whoever has replaced the record factory, and whenever the record was made.
A log call looks up the ids of the active span, and does nothing else.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()


def install(policy: object = None) -> None:
    """Put the ids on the records of all loggers; `policy`: for the shape of every `install`, and not used."""
    if not _patches:
        # A factory may be replaced at any time, but what it makes is a LogRecord.
        _patches.replace(logging.LogRecord, "__init__", _marking)
        # For records that were made before, or in another process.
        _patches.replace(logging.Handler, "handle", _completing)


def uninstall() -> None:
    """Undo `install`; a format that names the ids raises again."""
    _patches.undo()


def _marking(original: Any) -> Any:
    def __init__(self: logging.LogRecord, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        self.trace_id, self.span_id = _active_ids()

    return __init__


def _completing(original: Any) -> Any:
    def handle(self: logging.Handler, record: logging.LogRecord) -> Any:
        attributes = vars(record)
        if "trace_id" not in attributes:
            attributes["trace_id"] = ""
        if "span_id" not in attributes:
            attributes["span_id"] = ""
        return original(self, record)

    return handle


def _active_ids() -> tuple[str, str]:
    """The ids of the global tracer's active span; never raises, and imports nothing, as a log call may come at any time."""
    try:
        span = sys.modules["opentracing"].tracer.active_span
        if span is None:
            return "", ""
        context = span.context
        return _text(context.trace_id), _text(context.span_id)
    except Exception:  # another tracer's context may have no ids
        return "", ""


def _text(identity: Any) -> str:
    """Lower-hex digits; some tracers have ints."""
    if isinstance(identity, int):
        return format(identity, "016x")
    return identity or ""
