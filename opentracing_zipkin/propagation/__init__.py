"""Propagation: a context out of a carrier, and into one.  Here the Protocol, and how any carrier becomes plain headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..context import ZipkinContext

__all__ = ["Propagation", "headers_of"]


class Propagation(Protocol):
    """Writes and reads text carriers; `headers_of` has the shapes a carrier may have."""

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None: ...

    def extract(self, carrier: Any, /) -> ZipkinContext | None: ...


def headers_of(carrier: Any) -> dict[str, str]:
    """Names in lower case to values, of a mapping or an iterable of pairs; bytes are read as ISO 8859-1, as HTTP does.

    The first of several values wins.  Names of a WSGI environ (`HTTP_X_B3_TRACEID`) lose their prefix.  What is neither
    text nor bytes is left out.  Raises TypeError where `carrier` is no such thing.
    """
    items: Iterable[Any] = carrier.items() if hasattr(carrier, "items") else carrier
    headers: dict[str, str] = {}
    for name, value in items:
        key = _text(name).lower()
        if key.startswith("http_"):
            key = key[5:].replace("_", "-")
        if key:
            headers.setdefault(key, _text(value))
    return headers


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)) and value:  # gRPC and some frameworks give all values of a name
        return _text(value[0])
    return ""
