"""Any value as text of limited length: a value becomes inert on the application's thread, and nothing raises here.

Rules: a value is cut before it is made into text: only the part is copied that the text can show.  Application code (`__str__`,
`__repr__`, `__iter__`, `__bool__`) runs inside a `try`, and its result is made exactly `str`.  Types are tested by `type`,
because `isinstance` may run a property `__class__` of the application.
Source: contract of tags: bytes as UTF-8 with replacement, dict and list as JSON or else `repr`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

from .pruning import PRUNED_TYPES, Pruning

__all__ = [
    "are",
    "cut",
    "describe_exception",
    "entries",
    "format_message",
    "inert",
    "is_false",
    "name_of_type",
    "printable",
    "spans",
    "to_text",
    "were",
]

MAX_KEY_LENGTH = 255  # the length of MySQL's column
MAX_ENTRIES = 256  # of a mapping given as tags or as fields of a log record
MAX_ARRAY = 100  # items of a numpy array; numpy needs 3 ms for 1,000 floats

# Values of these types are kept as they are until the reporter's thread writes them.
_INERT = frozenset((str, int, float, bool, type(None)))

_BYTES = (bytes, bytearray)

# A width or precision that would make a very long text by itself.
_WIDE = re.compile(r"%[^%a-zA-Z]*?(?:\d{5}|\*)")

name_of_type = cast("Any", type.__dict__["__name__"]).__get__  # does not run a metaclass of the application
_json = json.JSONEncoder(ensure_ascii=False).encode


def cut(text: str, max_length: int) -> str:
    """At most the first `max_length` code points of a text."""
    return text if len(text) <= max_length else text[:max_length]


def to_text(value: Any, max_length: int) -> str:
    """A value of any type as text of at most `max_length` characters; for a value that cannot be shown the text says so."""
    try:
        return _exact(_convert(value, max_length), max_length)
    except Exception as error:  # application code: `__str__`, `__repr__`, `__iter__` may raise anything
        return _unshown(value, error, "conversion to text", max_length)


def inert(key: str, value: Any, max_length: int) -> str | int | float | None:
    """A tag's value in the form in which it waits: a short value of a plain type as it is, any other value as text.

    For the tag `error` every value that is false becomes False, for instance numpy's booleans and zeros, or an empty list.
    """
    kind = type(value)
    # Not `kind in ...`, because that would call the `__hash__` of a metaclass.
    if (kind is str and len(value) <= max_length) or (kind is int and value.bit_length() <= 64):
        return cast("str | int", value)
    if kind is float or kind is bool or value is None:
        return cast("float | None", value)
    if key == "error" and is_false(value):
        return False
    return to_text(value, max_length)


def is_false(value: Any) -> bool:
    """Whether a tag `error` means no error: a value that is false in Python, or the text `false` in any case."""
    kind = type(value)
    if kind is str:
        return bool(value.strip().lower() == "false")
    if issubclass(kind, (str, *_BYTES)):
        return is_false(to_text(value, MAX_KEY_LENGTH))
    try:
        return not issubclass(kind, (BaseException, type)) and not value
    except Exception:  # an array of several items, or a column of SQLAlchemy
        return False


def entries(given: Any) -> dict[str, Any]:
    """The first 256 items of a mapping or of pairs, with their keys as text; the items before an exception count."""
    found: dict[str, Any] = {}
    try:
        items = given.items() if type(given) is dict or hasattr(given, "items") else given
        for key, value in islice(items, MAX_ENTRIES):
            found[key if type(key) is str else to_text(key, MAX_KEY_LENGTH)] = value
    except Exception:  # the application may give any object in place of tags
        pass
    return found


def format_message(message: Any, args: tuple[Any, ...], max_length: int) -> str:
    """`message % args`; the message and the reprs of the args, where they do not fit or the message does not refer to them."""
    text = to_text(message, max_length)
    if not args:
        return text
    formatted = text
    try:
        if not _WIDE.search(text):
            named = len(args) == 1 and isinstance(args[0], Mapping)
            formatted = text % (_Bounded(args[0], max_length) if named else tuple([_bounded(arg, max_length) for arg in args]))
    except Exception:  # the args do not fit the message
        pass
    if formatted == text:
        for arg in args:
            if len(formatted) < max_length:
                formatted += " " + _to_repr(arg, max_length)
    return cut(formatted, max_length)


class _Bounded:
    """An argument of a message, whose text is at most as long as the message may be."""

    __slots__ = ("_max_length", "_value")

    def __init__(self, value: Any, max_length: int) -> None:
        self._value = value
        self._max_length = max_length

    def __getitem__(self, key: Any) -> Any:
        return _bounded(self._value[key], self._max_length)

    def __str__(self) -> str:
        return _to_str(self._value, self._max_length)

    def __repr__(self) -> str:
        return _to_repr(self._value, self._max_length)

    def __int__(self) -> int:
        return int(self._value)

    def __index__(self) -> int:
        return cast("int", self._value.__index__())

    def __float__(self) -> float:
        return float(self._value)


def _bounded(value: Any, max_length: int) -> Any:
    kind = type(value)
    if kind is str:
        return value[:max_length]
    return value if kind in _INERT else _Bounded(value, max_length)


def describe_exception(error: BaseException, max_length: int) -> str:
    """`Type: message`, or `Type` where there is no message."""
    name = name_of_type(type(error))
    try:
        message = _exact(_message(error, max_length), max_length)
    except Exception:
        message = ""
    return cut(f"{name}: {message}" if message else name, max_length)


def _message(error: BaseException, max_length: int) -> str:
    """`str(error)`, but short: Python itself would make the whole text of the exception's arguments."""
    convert: Any = type(error).__str__
    if convert is BaseException.__str__ or convert is KeyError.__str__:
        args = error.args
        if len(args) != 1:
            return _to_repr(args, max_length) if args else ""
        return _to_repr(args[0], max_length) if convert is KeyError.__str__ else _to_str(args[0], max_length)
    return str(error)


def _convert(value: Any, max_length: int) -> str:
    kind = type(value)
    if issubclass(kind, _BYTES):
        # A character has at most 4 bytes, so the bytes behind this would be cut anyway.
        return bytes(memoryview(value)[: 4 * max_length]).decode("utf-8", "replace")
    if kind is bool:
        return "true" if value else "false"
    if issubclass(kind, (dict, list)):
        try:
            return _json(Pruning(max_length).copy(value))
        except (TypeError, ValueError, RecursionError):
            return _to_repr(value, max_length)
    if issubclass(kind, type):
        return cast("str", name_of_type(value))
    if issubclass(kind, BaseException):
        return describe_exception(value, max_length)
    return _show(value, max_length)


def _to_str(value: Any, max_length: int) -> str:
    """`str(value)`, cut."""
    try:
        if issubclass(type(value), BaseException):
            return _exact(_message(value, max_length), max_length)
        return _exact(_show(value, max_length), max_length)
    except Exception as error:
        return _unshown(value, error, "conversion to text", max_length)


def _show(value: Any, max_length: int) -> str:
    kind = type(value)
    if issubclass(kind, str):
        return cast("str", value)
    if issubclass(kind, PRUNED_TYPES):
        return _to_repr(value, max_length)
    return _array_text(value) or str(value)


def _to_repr(value: Any, max_length: int) -> str:
    """`repr(value)`, cut."""
    try:
        kind = type(value)
        if issubclass(kind, PRUNED_TYPES):
            pruning = Pruning(max_length)
            copied = pruning.copy(value)
            return _exact(repr(value if pruning.is_whole else copied), max_length)
        if cast("Any", kind).__repr__ is BaseException.__repr__:
            return cut(f"{name_of_type(kind)}{_to_repr(value.args, max_length)}", max_length)
        return _exact(_array_text(value) or repr(value), max_length)
    except Exception as error:
        return _unshown(value, error, "repr", max_length)


def _array_text(value: Any) -> str:
    """The text of a numpy array without its middle; "" for any other object."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(type(value), numpy.ndarray) or value.size <= MAX_ARRAY:
        return ""
    return str(numpy.array2string(value, threshold=MAX_ARRAY))


def _exact(text: str, max_length: int) -> str:
    """At most `max_length` code points of a text, exactly of type `str`, whatever methods a subclass has."""
    return str.__getitem__(text, slice(max_length))


def _unshown(value: Any, error: Exception, where: str, max_length: int) -> str:
    return cut(f"<{name_of_type(type(value))}: {name_of_type(type(error))} in its {where}>", max_length)


def spans(count: int) -> str:
    """A number with the word "span" or "spans"."""
    return "1 span" if count == 1 else f"{count} spans"


def are(count: int) -> str:
    """The verb for a number: "is" or "are"."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb for a number in the past: "was" or "were"."""
    return "was" if count == 1 else "were"


def printable(text: str, max_length: int) -> str:
    """One line of at most `max_length` characters for a log or a terminal, with escapes for characters that are not printable.

    These are control characters, line ends, lone surrogates, invisible marks, and marks that change the direction of the text.
    """
    text = cut(text, max_length)
    if text.isprintable():
        return text
    return cut("".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text), max_length)
