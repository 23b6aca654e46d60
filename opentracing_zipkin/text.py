"""Anything as bounded text: what a user hands us becomes inert on the user's thread, and nothing it does raises here.

Source: contract of tags: bytes as UTF-8 with replacement, dict and list as JSON or else `repr`.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["are", "cut", "describe_exception", "printable", "spans", "to_text", "were"]


def cut(text: str, longest: int) -> str:
    """At most `longest` code points of it."""
    return text if len(text) <= longest else text[:longest]


def to_text(value: Any, longest: int) -> str:
    """A value of any type as text of at most `longest` characters; one that cannot be shown says so."""
    try:
        return cut(_convert(value, longest), longest)
    except Exception as error:  # user code: __str__, __repr__, __iter__ may do anything
        return cut(f"<{type(value).__name__}: {type(error).__name__} in its conversion to text>", longest)


def _convert(value: Any, longest: int) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        # 4 bytes make at least a character, so what lies behind that would be cut anyway.
        return bytes(value[: 4 * longest]).decode("utf-8", "replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        try:
            return json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return repr(value)
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, BaseException):
        return describe_exception(value, longest)
    return str(value)


def describe_exception(error: BaseException, longest: int) -> str:
    """`Type: message`, or `Type` where there is no message."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:
        message = ""
    return cut(f"{name}: {message}" if message else name, longest)


def spans(count: int) -> str:
    """A number of spans, in words."""
    return "1 span" if count == 1 else f"{count} spans"


def are(count: int) -> str:
    """The verb for so many."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb for so many, in the past."""
    return "was" if count == 1 else "were"


def printable(text: str, longest: int) -> str:
    """On one line, for a log or a terminal: at most `longest` characters, and escapes for those that are not printable.

    These are control characters, line ends, lone surrogates, and marks that are invisible or turn the writing's direction.
    """
    text = cut(text, longest)
    if text.isprintable():
        return text
    return cut("".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text), longest)
