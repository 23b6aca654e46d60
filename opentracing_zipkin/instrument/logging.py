"""logging: `trace_id` and `span_id` on every record of every logger; empty where no span is active.

Rules: a field of the application with one of these names wins, however it comes to the record, and raises nothing.  So the ids
stand beside the record's own fields until the logger has made it, because `makeRecord` refuses a field of `extra` that is there
already; then they fill the gaps.  A format with `%(trace_id)s` never raises, even if another library has replaced the record
factory, or a record was made before `install`.  A log call looks up the ids of the active span, and does nothing else.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from .http import HttpPolicy, check_policy
from .patching import Patches

__all__ = ["install", "uninstall"]

FIELDS = ("trace_id", "span_id")
NO_IDS = ("", "")
# The key of the waiting ids among a record's fields; it is no identifier, so it can be no field of an application.
WAITING = "opentracing-zipkin ids"

_patches = Patches()


def install(policy: HttpPolicy | None = None) -> None:
    """Put the ids on the records of all loggers; `policy` is not used, it is there because every `install` has it."""
    check_policy(policy)
    if not _patches:
        # A record factory may be replaced at any time, but every factory makes a LogRecord.
        _patches.replace(logging.LogRecord, "__init__", _marking)
        # This is for code that reads the ids of a record that no logger has handled yet, such as a record factory.
        for position, field in enumerate(FIELDS):
            _patches.add(logging.LogRecord, field, _WaitingId(field, position))
        _patches.replace(logging.Logger, "handle", _completing)
        # These are for records that no logger handles, that were made before `install`, or in another process.
        _patches.replace(logging.Handler, "handle", _completing)
        _patches.replace(logging.Formatter, "format", _completing)


def uninstall() -> None:
    """Undo `install`; after that, a format with the ids raises again."""
    _patches.undo()


class _WaitingId:
    """An id as an attribute of records; it can be assigned, and a field of the same name hides it."""

    def __init__(self, field: str, position: int) -> None:
        self._field = field
        self._position = position

    def __get__(self, record: logging.LogRecord | None, owner: type) -> str:
        if record is None:
            raise AttributeError(self._field)  # the class has no ids, as without tracing
        return vars(record).get(WAITING, NO_IDS)[self._position]  # type: ignore[no-any-return]


def _marking(original: Any) -> Any:
    def __init__(self: logging.LogRecord, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        vars(self)[WAITING] = _active_ids()

    return __init__


def _completing(original: Any) -> Any:
    def complete_first(self: Any, record: logging.LogRecord, *args: Any, **kwargs: Any) -> Any:
        _complete(record)
        return original(self, record, *args, **kwargs)

    return complete_first


def _complete(record: logging.LogRecord) -> None:
    """Make the ids fields of the record where it has no such fields; never raises."""
    try:
        fields = vars(record)
        if "trace_id" not in fields:
            fields["trace_id"] = _own(record, "trace_id")
        if "span_id" not in fields:
            fields["span_id"] = _own(record, "span_id")
        fields.pop(WAITING, None)
    except Exception:  # an object that only looks like a record is left to the handler
        return


def _own(record: logging.LogRecord, field: str) -> Any:
    """The id as the record's class gives it: ours, or that of an application whose class has this name."""
    try:
        return getattr(record, field, "")
    except Exception:  # a property of the application's class may raise anything
        return ""


def _active_ids() -> tuple[str, str]:
    """The ids of the global tracer's active span; never raises and imports nothing, because a log call may come at any time."""
    try:
        span = sys.modules["opentracing"].tracer.active_span
        if span is None:
            return NO_IDS
        context = span.context
        return _text(context.trace_id), _text(context.span_id)
    except Exception:  # another tracer's context may have no ids
        return NO_IDS


def _text(identity: Any) -> str:
    """An id as lower-case hex digits; some tracers keep their ids as ints."""
    if isinstance(identity, int):
        return format(identity, "016x")
    return identity or ""
