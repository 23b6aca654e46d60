"""Functions about text that the modules of the API share: formatted messages, and keys of attributes.

Rules: formatting a message never raises, whatever a user's `__str__`, `__repr__` or `__getitem__` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["format_message", "normalize_key", "text_of", "with_item"]


def normalize_key(key: str) -> str:
    """The form in which keys of trace attributes are compared: lower case, and `-` in place of `_`.

    HTTP headers preserve neither the case nor the underscore.
    """
    return (key if type(key) is str else text_of(key)).replace("_", "-").lower()


def with_item(items: Mapping[str, str], key: str, value: str) -> dict[str, str]:
    """A copy of baggage items with this one, under this spelling of its key; items with other spellings of it are left out."""
    name = normalize_key(key)
    changed = {spelling: item for spelling, item in items.items() if normalize_key(spelling) != name}
    changed[text_of(key)] = value
    return changed


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


def _guarded(convert: Any, value: object) -> str:
    try:
        # A `__str__` may return a subclass of str, whose methods run the application's code again.
        return str.__str__(convert(value))
    except Exception as error:
        return f"<{_name_of(type(value))}: {convert.__name__}() raised {_name_of(type(error))}>"


_name_of: Any = type.__dict__["__name__"].__get__  # directly from `type`, so that no metaclass of the application's runs
