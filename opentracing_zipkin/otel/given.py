"""What the calls of a span were given: exceptions, statuses, attributes and times of any class, read without raising."""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import StatusCode

from ..text import MAX_KEY_LENGTH, describe_exception, entries, name_of_type, to_text

__all__ = ["MAX_NS", "cause_of", "plain", "status_of", "us_of"]

MAX_NS = 1 << 63


def cause_of(exception: Any, limit: int) -> dict[str, str]:
    """What the event of an exception says; its traceback is left out, as from every annotation of ours."""
    kind = type(exception)
    described = describe_exception(exception, limit) if issubclass(kind, BaseException) else to_text(exception, limit)
    message = described.removeprefix(name_of_type(kind)).removeprefix(": ")
    try:
        module, name = to_text(kind.__module__, MAX_KEY_LENGTH), to_text(kind.__qualname__, MAX_KEY_LENGTH)
        full = name if module == "builtins" else f"{module}.{name}"
    except Exception:  # of a metaclass
        full = name_of_type(kind)
    return {"exception.type": full, "exception.message": message}


def status_of(status: Any, description: Any) -> tuple[Any, Any]:
    """Code and description of a `Status`, or of a code with a description beside it; (None, None) of anything else."""
    if type(status) is StatusCode:
        return status, description
    try:
        return status.status_code, status.description
    except Exception:  # what is no status
        return None, None


def plain(attributes: Any) -> dict[str, Any] | None:
    """A dict of what was given as attributes, whose own class may do anything."""
    return attributes if attributes is None or type(attributes) is dict else entries(attributes)


def us_of(time_ns: Any) -> int | None:
    """µs of a time that was given; None, which is now, where it is none."""
    return time_ns // 1000 if type(time_ns) is int and 0 < time_ns < MAX_NS else None
