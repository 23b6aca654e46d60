"""logging: `trace_id` and `span_id` on every record of every logger; empty where no span is active.

Rules: a format with `%(trace_id)s` never raises, even if another library has replaced the record factory, or a record was made
before `install`.  A log call looks up the ids of the active span, and does nothing else.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()


def install(policy: object = None) -> None:
    """Put the ids on the records of all loggers; `policy` is not used, it is there because every `install` has it."""
    if not _patches:
        # A record factory may be replaced at any time, but every factory makes a LogRecord.
        _patches.replace(logging.LogRecord, "__init__", _marking)
        # This is for records that were made before `install`, or in another process.
        _patches.replace(logging.Handler, "handle", _completing)


def uninstall() -> None:
    """Undo `install`; after that, a format with the ids raises again."""
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
    """The ids of the global tracer's active span; never raises and imports nothing, because a log call may come at any time."""
    try:
        span = sys.modules["opentracing"].tracer.active_span
        if span is None:
            return "", ""
        context = span.context
        return _text(context.trace_id), _text(context.span_id)
    except Exception:  # another tracer's context may have no ids
        return "", ""


def _text(identity: Any) -> str:
    """An id as lower-case hex digits; some tracers keep their ids as ints."""
    if isinstance(identity, int):
        return format(identity, "016x")
    return identity or ""
