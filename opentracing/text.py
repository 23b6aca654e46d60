"""Shared by the modules of the API: messages, the keys of attributes, and which exceptions are no failures.

Rules: a message is formatted without ever raising, whatever a user's `__str__`, `__repr__` or `__getitem__` does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["format_message", "is_planned", "normalize_key", "text_of"]


# How libraries end a block as planned: exceptions, each with the module that has it.  A module that is not loaded has raised
# nothing, and importing it here would cost time (asyncio 50 ms).
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit"))
# Their timeouts are silent with False in place of an exception: the block that they guard just ends.
_TIMEOUTS = (("gevent", "Timeout"), ("eventlet.timeout", "Timeout"))
_GROUPS = (("builtins", "BaseExceptionGroup"), ("exceptiongroup", "BaseExceptionGroup"))


def normalize_key(key: str) -> str:
    """A trace attribute's key as it is compared: lower case, `-` for `_`, because HTTP headers keep neither."""
    return (key if type(key) is str else text_of(key)).replace("_", "-").lower()


def text_of(value: object) -> str:
    """`str(value)`, of the type `str` itself; where that raises, the value's type and the exception's."""
    return _guarded(str, value)


def format_message(message: object, args: tuple[Any, ...]) -> str:
    """`message % args`, or, where the arguments do not fit or are not referred to, the message and their reprs."""
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
    """Whether this is how a block ends that did not fail: a closed generator, a cancelled task, an exit with success.

    A group of nothing else is one, too.
    """
    try:
        waiting = [error]
        while waiting:
            each: Any = waiting.pop()
            if _is_any(each, _GROUPS):
                waiting.extend(each.exceptions)
            elif not _is_planned_alone(each):
                return False
    except Exception:  # an attribute of a user's class may do anything
        return False
    return True


def _is_planned_alone(error: Any) -> bool:
    if issubclass(type(error), GeneratorExit):
        return True
    if issubclass(type(error), SystemExit):
        return error.code is None or (issubclass(type(error.code), int) and error.code == 0)
    return _is_any(error, _CANCELLATIONS) or (_is_any(error, _TIMEOUTS) and error.exception is False)


def _is_any(error: object, classes: tuple[tuple[str, str], ...]) -> bool:
    """Whether it is of one of these classes, each named with its module, as far as that is loaded."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in classes)
    return any(isinstance(each, type) and issubclass(type(error), each) for each in found)


def _guarded(convert: Any, value: object) -> str:
    try:
        # A `__str__` may return a subclass, whose methods are the application's again.
        return str.__str__(convert(value))
    except Exception as error:
        return f"<{_name_of(type(value))}: {convert.__name__}() raised {_name_of(type(error))}>"


_name_of: Any = type.__dict__["__name__"].__get__  # past a metaclass of the application's
