"""Memos: the bytes that a codec made of a text or an endpoint are kept for later spans with the same text or endpoint.

Rules: peers and applications send new texts and long texts without end.  Such texts may cost time, but never memory.  So a long
text is not kept, and when there are too many texts, all are forgotten at once.  The memo is a dict, because a look-up in a dict
runs no Python code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..model import Endpoint

__all__ = ["MAX_MEMO_ITEMS", "MAX_MEMO_TEXT_LENGTH", "Memo", "endpoint_length", "remember"]

# Nearly all names and keys are shorter.  4,000 of 128 characters, with their results, take 2 MB, and 5 MB with 4-byte
# characters.
MAX_MEMO_ITEMS = 4000
MAX_MEMO_TEXT_LENGTH = 128

_K = TypeVar("_K")
_V = TypeVar("_V")


class Memo(dict[_K, _V]):
    """The result of `make` for each key.  May be used from any thread; each thread may then exceed the limit by one item."""

    __slots__ = ("_length", "_make")

    def __init__(self, make: Callable[[_K], _V], length: Callable[[_K], int]) -> None:
        super().__init__()
        self._make = make
        self._length = length

    def __missing__(self, key: _K) -> _V:
        return remember(self, key, self._make(key), self._length(key))


def remember(known: dict[_K, _V], key: _K, made: _V, length: int) -> _V:
    """`made`, which is also stored in the memo `known` under its key, if the key is short."""
    if length <= MAX_MEMO_TEXT_LENGTH:
        if len(known) >= MAX_MEMO_ITEMS:
            known.clear()
        known[key] = made
    return made


def endpoint_length(endpoint: Endpoint) -> int:
    """The length of an endpoint's texts together."""
    return len(endpoint.service_name) + len(endpoint.ipv4) + len(endpoint.ipv6)
