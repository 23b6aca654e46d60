"""Which exceptions end a block as planned, so that its span is no failure.

Rules: what `opentracing.text` says of it; written here again, because it is none of the API's public names.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["is_planned"]

# How libraries end a block as planned: exceptions, each with the module that has it.  A module that is not loaded has raised
# nothing, and importing it here would cost time (asyncio 50 ms).
_CANCELLATIONS = (("asyncio", "CancelledError"), ("trio", "Cancelled"), ("greenlet", "GreenletExit"))
# Their timeouts are silent with False in place of an exception: the block that they guard just ends.
_TIMEOUTS = (("gevent", "Timeout"), ("eventlet.timeout", "Timeout"))
_GROUPS = (("builtins", "BaseExceptionGroup"), ("exceptiongroup", "BaseExceptionGroup"))


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
