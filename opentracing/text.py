"""Shared by the modules of the API: messages, the keys of attributes, and which exceptions are no failures.

Rules: a message is formatted without ever raising, whatever a user's `__str__`, `__repr__` or `__getitem__` does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["format_message", "is_planned", "normalize_key"]


def normalize_key(key: str) -> str:
    """A trace attribute's key as it is compared: lower case, `-` for `_`, because HTTP headers keep neither."""
    return key.replace("_", "-").lower()


def format_message(message: object, args: tuple[Any, ...]) -> str:
    """`message % args`, or, where the arguments do not fit or are not referred to, the message and their reprs."""
    text = _guarded(str, message)
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
    """Whether this is how a block ends that did not fail: a closed generator, a cancelled task, an exit with success."""
    if isinstance(error, GeneratorExit):
        return True
    if isinstance(error, SystemExit):
        return not error.code
    asyncio = sys.modules.get("asyncio")  # whoever has not imported it cannot be cancelled by it
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _guarded(convert: Any, value: object) -> str:
    try:
        return str(convert(value))
    except Exception as error:
        return f"<{type(value).__name__}: {convert.__name__}() raised {type(error).__name__}>"
