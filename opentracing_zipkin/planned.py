"""The exceptions that end a block as planned, so that the block's span is not marked as failed.

Rules: the whole code is the same as in `opentracing.planned`, on purpose.  This package also runs on upstream's `opentracing`,
which has no such module.  A test compares the two files.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_planned"]

# Exceptions by which libraries end a block as planned, each with its module.  A module that is not loaded cannot have raised
# any, and importing it here would cost time (asyncio 50 ms).
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit"))
# Timeouts of these libraries end the guarded block silently if False was given in place of an exception.
_TIMEOUTS = (("gevent", "Timeout"), ("eventlet.timeout", "Timeout"))
_GROUPS = (("builtins", "BaseExceptionGroup"), ("exceptiongroup", "BaseExceptionGroup"))


def is_planned(error: BaseException) -> bool:
    """Whether the exception is a planned end of a block: a closed generator, a cancelled task, an exit with success.

    A group that contains only such exceptions counts, too.
    """
    try:
        waiting = [error]
        while waiting:
            each: Any = waiting.pop()
            if _is_instance(each, _GROUPS):
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
    return _is_instance(error, _CANCELLATIONS) or (_is_instance(error, _TIMEOUTS) and error.exception is False)


def _is_instance(error: object, classes: tuple[tuple[str, str], ...]) -> bool:
    """Whether the error is of one of these classes, which are given by module and name; modules not loaded are skipped."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in classes)
    return any(isinstance(each, type) and issubclass(type(error), each) for each in found)
