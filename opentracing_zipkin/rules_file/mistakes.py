"""A mistake in a file of rules, and where it stands.

Rules: TOML's readers tell no places of keys.  So the place of one is found by reading the file's beginning: the statement that
a key came with is the first one after which it is there.  That knows every way to write a key, and is done for a mistake only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["Mistake", "place_of"]

Steps = tuple[Any, ...]  # from the document to a key: names, and places in lists


class Mistake(Exception):
    """`line` and `column` count from 1; 0 where the file as a whole is meant."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        """As it is shown, "" where the file as a whole is meant."""
        return f"line {self.line}, column {self.column}" if self.line else ""


def place_of(text: str, steps: Steps, read: Callable[[str], dict[str, Any]]) -> tuple[int, int]:
    """Line and column of a key that is in the document.

    `read` raises ValueError for a beginning that ends within a statement.
    """
    lines = text.split("\n")

    def whole(count: int) -> tuple[int, dict[str, Any]]:
        """The longest beginning of at most `count` lines that ends with a statement's end, and what is in it."""
        while True:
            try:
                return count, read("\n".join(lines[:count]))
            except ValueError:
                count -= 1

    low, high = 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        if _has(whole(middle)[1], steps):
            high = middle
        else:
            low = middle + 1
    begin = whole(low - 1)[0]
    return _place_in(lines[begin:low], begin, steps, _earlier(read("\n".join(lines[:low])), steps))


def _has(value: Any, steps: Steps) -> bool:
    for step in steps:
        is_there = step < len(value) if isinstance(value, list) else isinstance(value, dict) and step in value
        if not is_there:
            return False
        value = value[step]
    return True


def _earlier(document: Any, steps: Steps) -> int:
    """How many earlier entries of the list have the same key, for those that are written in one statement."""
    if len(steps) < 3:
        return 0
    name, place, *rest = steps
    return sum(_has(document[name], (index, *rest)) for index in range(place))


def _place_in(statement: list[str], begin: int, steps: Steps, earlier: int) -> tuple[int, int]:
    first = statement[0]
    start = len(first) - len(first.lstrip()) + 1
    key = steps[-1]
    if not isinstance(key, str) or not statement:
        return begin + 1, start
    word = re.compile(rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?(?=\s*[=.\]])")
    found = [(line, match.start() + 1) for line, text in enumerate(statement, begin + 1) for match in word.finditer(text)]
    if not found:
        return begin + 1, start
    return found[min(earlier, len(found) - 1)]
