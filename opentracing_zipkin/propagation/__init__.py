"""Propagation: a context out of a carrier, and into one.  Here the Protocol, and how any carrier becomes plain headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..context import ZipkinContext
from .attributes import FREE_FORM, Attributes

__all__ = ["MAX_REMEMBERED", "Propagation", "headers_of", "remember"]

MAX_REMEMBERED = 500
MAX_REMEMBERED_LENGTH = 2000

# Of these all values count, in their order (W3C Trace Context, 3.3.1.3); of any other header the first does.
_LISTS = frozenset(("traceparent", "tracestate"))


class Propagation(Protocol):
    """Writes and reads text carriers; `headers_of` has the shapes a carrier may have.

    A propagation of one's own inherits from this class and has at least `inject` and `extract`.
    """

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        """Write a context into a carrier."""

    def extract(self, carrier: Any, /) -> ZipkinContext | None:
        """The context in a carrier, None where there is none."""

    @property
    def decided(self) -> bool:
        """Whether its format cannot leave the sampling decision open, so that the tracer has to decide before `inject`."""
        return False

    @property
    def trusted(self) -> bool:
        """Whether callers' traces are continued; else `extract`, and the tracer for bytes, gives a `CallerContext`."""
        return True

    @property
    def attributes(self) -> Attributes:
        """How trace attributes are written and read, and which headers they are."""
        return FREE_FORM


def remember(known: dict[Any, Any], names: str | bytes, found: object) -> None:
    """Keep what was found out about a carrier's names; names without end cost time, never memory."""
    if len(names) <= MAX_REMEMBERED_LENGTH:
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[names] = found


def headers_of(carrier: Any) -> dict[str, str]:
    """Names in lower case to values, of a mapping or an iterable of pairs; bytes are read as ISO 8859-1, as HTTP does.

    The first of several values wins.  Names of a WSGI environ (`HTTP_X_B3_TRACEID`) lose their prefix.  What is no pair is
    skipped, a value that cannot be one of a header is empty.  Raises TypeError where `carrier` is no such thing.
    """
    items: Iterable[Any] = carrier.items() if hasattr(carrier, "items") else carrier
    headers: dict[str, str] = {}
    for item in items:
        try:
            name, value = item
        except (TypeError, ValueError):
            continue
        key = _text(name).lower()
        if key.startswith("http_"):
            key = key[5:].replace("_", "-")
        if key in _LISTS:
            headers[key] = ",".join([headers[key], *_texts(value)] if key in headers else _texts(value))
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
        return str(int(value))  # a decision that is no text yet; any other number would be read as another id than was meant
    return ""
