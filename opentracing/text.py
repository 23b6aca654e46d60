"""Functions that the modules of the API share: formatted messages, keys of attributes, and exceptions that are no failures.

Rules: formatting a message never raises, whatever a user's `__str__`, `__repr__` or `__getitem__` does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["format_message", "is_planned", "normalize_key", "text_of"]


# Exceptions by which libraries end a block as planned, each with its module.  A module that is not loaded cannot have raised
# any, and importing it here would cost time (asyncio 50 ms).
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit"))
# Timeouts of these libraries end the guarded block silently if False was given in place of an exception.
_TIMEOUTS = (("gevent", "Timeout"), ("eventlet.timeout", "Timeout"))
_GROUPS = (("builtins", "BaseExceptionGroup"), ("exceptiongroup", "BaseExceptionGroup"))


def normalize_key(key: str) -> str:
    """The form in which keys of trace attributes are compared: lower case, and `-` in place of `_`.

    HTTP headers preserve neither the case nor the underscore.
    """
    return (key if type(key) is str else text_of(key)).replace("_", "-").lower()


def text_of(value: object) -> str:
    """`str(value)`, as an exact `str`; if that raises, a text with the names of the value's and the exception's types."""
    return _guarded(str, value)


def format_message(message: object, args: tuple[Any, ...]) -> str:
    """`message % args`; if the arguments do not fit or are not used, the message followed by their reprs."""
    text = text_of(message)
    if not args:
        return text
    try:
        values = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args
        formatted = text % values
    except Exception:  # any __str__ or __getitem__ may be behind a placeholder
        formatted = text
    if formatted != text:
        return formatted
    return " ".join([text, *(_guarded(repr, arg) for arg in args)])


def is_planned(error: BaseException) -> bool:
    """Whether the exception is a planned end of a block: a closed generator, a cancelled task, an exit with success.

    A group that contains only such exceptions counts, too.
    """
    try:
        waiting = [error]
        while waiting:
            each: Any = waiting.pop()
            if _is_any(each, _GROUPS):
                waiting.extend(each.exceptions)
            elif not _is_planned_alone(each):
                return False
    except Exception:  # an attribute of a user's class may raise anything
        return False
    return True


def _is_planned_alone(error: Any) -> bool:
    if issubclass(type(error), GeneratorExit):
        return True
    if issubclass(type(error), SystemExit):
        return error.code is None or (issubclass(type(error.code), int) and error.code == 0)
    return _is_any(error, _CANCELLATIONS) or (_is_any(error, _TIMEOUTS) and error.exception is False)


def _is_any(error: object, classes: tuple[tuple[str, str], ...]) -> bool:
    """Whether the error is of one of these classes, which are given by module and name; modules not loaded are skipped."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in classes)
    return any(isinstance(each, type) and issubclass(type(error), each) for each in found)


def _guarded(convert: Any, value: object) -> str:
    try:
        # A `__str__` may return a subclass of str, whose methods run the application's code again.
        return str.__str__(convert(value))
    except Exception as error:
        return f"<{_name_of(type(value))}: {convert.__name__}() raised {_name_of(type(error))}>"


_name_of: Any = type.__dict__["__name__"].__get__  # directly from `type`, so that no metaclass of the application's runs
