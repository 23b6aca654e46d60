"""The exceptions that end a block as planned, so that its span is no failure.

Rules: the same as in `opentracing.text`.  They are repeated here, because that module has no public name for them.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_planned"]

# The exceptions by which libraries end a block as planned, each with its module.  A module that is not loaded has raised
# nothing, and importing it here would cost time (asyncio 50 ms).
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit"))
# With False in place of an exception these timeouts are silent: the block that they guard just ends.
_TIMEOUTS = (("gevent", "Timeout"), ("eventlet.timeout", "Timeout"))
_GROUPS = (("builtins", "BaseExceptionGroup"), ("exceptiongroup", "BaseExceptionGroup"))


def is_planned(error: BaseException) -> bool:
    """Whether the exception ends a block that did not fail: a closed generator, a cancelled task, an exit with success.

    A group that holds only such exceptions is one, too.
    """
    try:
        waiting = [error]
        while waiting:
            each: Any = waiting.pop()
            if _is_any(each, _GROUPS):
                waiting.extend(each.exceptions)
            elif not _is_planned_alone(each):
                return False
    except Exception:  # an attribute of an application's class may raise anything
        return False
    return True


def _is_planned_alone(error: Any) -> bool:
    if issubclass(type(error), GeneratorExit):
        return True
    if issubclass(type(error), SystemExit):
        return error.code is None or (issubclass(type(error.code), int) and error.code == 0)
    return _is_any(error, _CANCELLATIONS) or (_is_any(error, _TIMEOUTS) and error.exception is False)


def _is_any(error: object, classes: tuple[tuple[str, str], ...]) -> bool:
    """Whether an object is of one of these classes, each given with its module; modules that are not loaded do not count."""
    found = (getattr(sys.modules.get(module), name, None) for module, name in classes)
    return any(isinstance(each, type) and issubclass(type(error), each) for each in found)
