"""What a codec keeps: what it made of texts and endpoints, for the spans that have them again.

Rules: peers and applications send ever new texts, and long ones; those cost time, never memory.  So a long one is not kept, and
where there are too many all are forgotten at once.  A dict, because looking up a key in one runs no Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..model import Endpoint

__all__ = ["MAX_KEPT", "MAX_KEPT_LENGTH", "Kept", "endpoint_length", "keep"]

# Nearly all names and keys are shorter.  4,000 that are not, with what is made of them, are 2 MB, and 5 MB in the worst script.
MAX_KEPT = 4000
MAX_KEPT_LENGTH = 128

_K = TypeVar("_K")
_V = TypeVar("_V")


class Kept(dict[_K, _V]):
    """What `make` makes of a key, by the key; may be used from any thread, where it may be over its bound by one a thread."""

    __slots__ = ("_length", "_make")

    def __init__(self, make: Callable[[_K], _V], length: Callable[[_K], int]) -> None:
        super().__init__()
        self._make = make
        self._length = length

    def __missing__(self, key: _K) -> _V:
        return keep(self, key, self._make(key), self._length(key))


def keep(known: dict[_K, _V], key: _K, made: _V, length: int) -> _V:
    """`made`, which is kept where its key is short."""
    if length <= MAX_KEPT_LENGTH:
        if len(known) >= MAX_KEPT:
            known.clear()
        known[key] = made
    return made


def endpoint_length(endpoint: Endpoint) -> int:
    """Of its texts together."""
    return len(endpoint.service_name) + len(endpoint.ipv4) + len(endpoint.ipv6)
