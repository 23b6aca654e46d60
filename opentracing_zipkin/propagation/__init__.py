"""Propagation: reads a context from a carrier and writes one into it.

This file has the Protocol and the functions that turn any carrier into plain headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..context import ZipkinContext
from .attributes import FREE_FORM, Attributes

__all__ = ["MAX_REMEMBERED", "Propagation", "headers_of", "is_room_for", "pairs_of", "remember"]

MAX_REMEMBERED = 500
MAX_REMEMBERED_LENGTH = 2000

# All values of these headers count, in order (W3C Trace Context, 3.3.1.3; W3C Baggage, 3.2).  For any other header the first
# value counts.
_LISTS = frozenset(("traceparent", "tracestate", "baggage"))


class Propagation(Protocol):
    """Writes and reads text carriers; `headers_of` lists the shapes that a carrier may have.

    A propagation of an application inherits from this class and has at least `inject` and `extract`.
    """

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        """Write a context into a carrier."""

    def extract(self, carrier: Any, /) -> ZipkinContext | None:
        """The context in a carrier, None where there is none."""

    @property
    def decided(self) -> bool:
        """Whether the format must contain a sampling decision, so that the tracer has to decide before `inject`."""
        return False

    @property
    def trusted(self) -> bool:
        """Whether callers' traces are continued; if not, `extract`, and the tracer for bytes, return a `CallerContext`."""
        return True

    @property
    def attributes(self) -> Attributes:
        """The object that writes and reads trace attributes and knows which headers they are."""
        return FREE_FORM


def remember(known: dict[Any, Any], names: str | bytes, found: object) -> None:
    """Remember the result for a carrier's names."""
    if is_room_for(names, known):
        known[names] = found


def is_room_for(names: str | bytes, known: dict[Any, Any] | set[Any]) -> bool:
    """Whether names may be remembered, after making room for them; new names without end cost time, but never memory."""
    if len(names) > MAX_REMEMBERED_LENGTH:
        return False
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    return True


def pairs_of(carrier: Any) -> Iterable[Any]:
    """The pairs of names and values of a mapping, with all values of a name; a carrier that is no mapping is returned as it is.

    The method `items` would not do: in httpx it joins the values of a name, and in a `MultiDict` it has only one of them.
    """
    pairs: Iterable[Any]
    kind = type(carrier)
    if kind is not dict:
        for all_values in ("multi_items", "lists"):
            if hasattr(kind, all_values):  # looked up in the class, because some dicts have every name as an attribute
                pairs = getattr(carrier, all_values)()
                return pairs
    pairs = carrier.items() if hasattr(carrier, "items") else carrier
    return pairs


def headers_of(carrier: Any) -> dict[str, str]:
    """Header names in lower case with their values, from a mapping or an iterable of pairs.

    Bytes are read as ISO 8859-1, as in HTTP.  The first of several values wins.  Names of a WSGI environ (`HTTP_X_B3_TRACEID`)
    lose their prefix.  An item that is no pair or has the value None is skipped.  A value that no header can have becomes "".
    Raises TypeError where `carrier` is neither a mapping nor an iterable.
    """
    headers: dict[str, str] = {}
    for item in pairs_of(carrier):
        try:
            name, value = item
        except (TypeError, ValueError):
            continue
        if value is None:
            continue
        key = _text(name).lower()
        if key.startswith("http_"):
            key = key[5:].replace("_", "-")
        if key in _LISTS:
            headers[key] = ",".join(text for text in (headers.get(key, ""), *_texts(value)) if text)
        elif key:
            headers.setdefault(key, _text(value))
    return headers


def _texts(value: Any) -> list[str]:
    """All values of a name, which gRPC and some frameworks give as a list."""
    return [_text(each) for each in value] if isinstance(value, (list, tuple)) else [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("latin-1")
    if isinstance(value, (list, tuple)) and value:
        return _text(value[0]) if not isinstance(value[0], (list, tuple)) else ""
    if isinstance(value, int) and value in (0, 1):
        return str(int(value))  # a decision as a number; another number is no id, because its digits would be misread
    return ""
