"""Copies the part of a value that a text of limited length can show, so that no long text is made only to be cut.

Rules: the copy looks at no more items than the text has characters.  It looks only into objects that Python itself writes as a
list of their parts; any other object is used unchanged.  Methods of a subclass are not called, except for those of a view.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

__all__ = ["PRUNED_TYPES", "Pruning"]

MAX_DEPTH = 50  # of lists in lists
MAX_CONTAINERS = 500  # each takes 1 µs, ten times as long as a number

_TEXTS: tuple[Any, ...] = (str, bytes, bytearray)
_SEQUENCES: tuple[Any, ...] = (list, tuple, set, frozenset)
_MAPPINGS: tuple[Any, ...] = (dict, MappingProxyType)
_VIEWS: tuple[Any, ...] = (deque, type({}.keys()), type({}.values()), type({}.items()))
PRUNED_TYPES = (*_TEXTS, *_SEQUENCES, *_MAPPINGS, *_VIEWS)

_NUMBERS = frozenset((int, float, bool, type(None)))


class Pruning:
    """Copies the part of a value that `max_length` characters can show, as plain containers and texts; used once.

    `is_whole` tells whether the copy is complete.  The counted length is the least that JSON or `repr` take, with a separator:
    3 for a number, the length plus 4 for a text.
    """

    def __init__(self, max_length: int) -> None:
        self.left = max_length + 4 * MAX_DEPTH  # the ends of containers may lie behind the cut
        self.is_whole = True
        self._containers = 0
        self._around: set[int] = set()  # ids of the containers around the current value

    def copy(self, value: Any) -> Any:
        """The value, or the part of it that can be shown; a container inside itself becomes "..."."""
        kind = type(value)
        how = _COPIERS.get(kind) or _copier_of(kind)
        if how is None:
            self.left -= 3 if issubclass(kind, (int, float)) else 8  # few objects have a shorter repr
            return value
        base, part = how
        if base in _TEXTS:
            return self._text(base, value)
        around, place = self._around, id(value)
        if place in around:
            self.left -= 7
            return "..."
        if len(around) >= MAX_DEPTH or self._containers >= MAX_CONTAINERS:
            self.is_whole = False
            self.left -= 7 if self._containers < MAX_CONTAINERS else self.left
            return "..."
        self._containers += 1
        around.add(place)
        copied = part(self, base, value)
        around.discard(place)
        self.left -= 2 if copied else 4  # two brackets and a separator, but the last item has no separator
        return copied

    def _text(self, base: Any, value: Any) -> Any:
        length, room = base.__len__(value), max(0, self.left)
        self.left -= length + 4
        if length > room:
            self.is_whole = False
        return base.__getitem__(value, slice(room))

    def _sequence(self, base: Any, value: Any) -> Any:
        return base(self._items(base, value))

    def _items(self, base: Any, value: Any) -> list[Any]:
        copied: list[Any] = []
        for item in base.__iter__(value):
            if self.left <= 0:
                self.is_whole = False
                break
            kind = type(item)
            if kind in _NUMBERS:
                self.left -= 3
            elif kind is str and len(item) <= self.left:
                self.left -= len(item) + 4
            else:
                item = self.copy(item)
            copied.append(item)
        return copied

    def _mapping(self, base: Any, value: Any) -> dict[Any, Any]:
        copied: dict[Any, Any] = {}
        for key, item in base.items(value):
            if self.left <= 0:
                self.is_whole = False
                break
            if type(key) is str and len(key) <= self.left:
                self.left -= len(key) + 4
            else:
                key = self.copy(key)
            kind = type(item)
            if kind in _NUMBERS:
                self.left -= 3
            else:
                item = self.copy(item)
            copied[key] = item
        return copied


_Part = Callable[[Pruning, Any, Any], Any]
# For each type: the base class that knows its items, and the method that copies them.
_COPIERS: dict[type, tuple[Any, _Part]] = {
    **{base: (base, Pruning._text) for base in _TEXTS},
    **{base: (base, Pruning._sequence) for base in _SEQUENCES},
    **{base: (base, Pruning._mapping) for base in _MAPPINGS},
    **{base: (base, Pruning._items) for base in (list, *_VIEWS)},
}


def _copier_of(kind: type) -> tuple[Any, _Part] | None:
    """The entry of `_COPIERS` for a subclass; None for an object that is not looked into."""
    if not issubclass(kind, PRUNED_TYPES):
        return None
    return next(how for base, how in _COPIERS.items() if issubclass(kind, base))
