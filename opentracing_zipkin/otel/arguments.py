"""Reads the arguments of a span's methods, which may have any type: exceptions, statuses, attributes and times.

Rules: no function here raises.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import StatusCode

from ..text import MAX_KEY_LENGTH, describe_exception, entries, name_of_type, to_text

__all__ = ["DEFAULT_TIMEOUT_MS", "MAX_TIME_NS", "attributes_of", "exception_attributes", "status_of", "us_of"]

MAX_TIME_NS = 1 << 63  # a given time must be below it
DEFAULT_TIMEOUT_MS = 30_000  # the SDK's default for a flush and for a shutdown


def exception_attributes(exception: Any, max_length: int) -> dict[str, str]:
    """The attributes of an exception's event; the traceback is left out, as from all our annotations."""
    kind = type(exception)
    described = describe_exception(exception, max_length) if issubclass(kind, BaseException) else to_text(exception, max_length)
    message = described.removeprefix(name_of_type(kind)).removeprefix(": ")
    try:
        module, name = to_text(kind.__module__, MAX_KEY_LENGTH), to_text(kind.__qualname__, MAX_KEY_LENGTH)
        full = name if module == "builtins" else f"{module}.{name}"
    except Exception:  # raised by a metaclass
        full = name_of_type(kind)
    return {"exception.type": full, "exception.message": message}


def status_of(status: Any, description: Any) -> tuple[Any, Any]:
    """Code and description of a `Status`, or of a code and a separate description; (None, None) for any other object."""
    if type(status) is StatusCode:
        return status, description
    try:
        return status.status_code, status.description
    except Exception:  # not a status
        return None, None


def attributes_of(attributes: Any) -> dict[str, Any] | None:
    """The given attributes as a dict; the class of the mapping may be any."""
    return attributes if attributes is None or type(attributes) is dict else entries(attributes)


def us_of(time_ns: Any) -> int | None:
    """A given time in µs; None, which means now, if it is not a time."""
    return time_ns // 1000 if type(time_ns) is int and 0 < time_ns < MAX_TIME_NS else None
