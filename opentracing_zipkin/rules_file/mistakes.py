"""A mistake in a file of rules, and its line and column.

Rules: TOML readers do not tell where a key stands.  So longer and longer beginnings of the file are read: the first statement
after which the key exists is the one that defines it.  This works for every way to write a key, and is done only for a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["Mistake", "place_of"]

Steps = tuple[Any, ...]  # the way from the document to a key: names, and positions in lists


class Mistake(Exception):
    """`line` and `column` count from 1; both are 0 for a mistake of the whole file."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        """Line and column as text; "" for a mistake of the whole file."""
        return f"line {self.line}, column {self.column}" if self.line else ""


def place_of(text: str, steps: Steps, read: Callable[[str], dict[str, Any]]) -> tuple[int, int]:
    """Line and column of a key that is in the document.

    `read` raises ValueError for a text that ends inside a statement.
    """
    lines = text.split("\n")

    def whole(count: int) -> tuple[int, dict[str, Any]]:
        """The number of lines, at most `count`, at whose end a statement ends, and the document in these lines."""
        while True:
            try:
                return count, read("\n".join(lines[:count]))
            except ValueError:
                count -= 1

    low, high = 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        if _has_key(whole(middle)[1], steps):
            high = middle
        else:
            low = middle + 1
    begin = whole(low - 1)[0]
    return _place_in(lines[begin:low], begin, steps, _count_earlier(read("\n".join(lines[:low])), steps))


def _has_key(value: Any, steps: Steps) -> bool:
    for step in steps:
        is_there = step < len(value) if isinstance(value, list) else isinstance(value, dict) and step in value
        if not is_there:
            return False
        value = value[step]
    return True


def _count_earlier(document: Any, steps: Steps) -> int:
    """The number of earlier entries of the list that have the same key; one statement may define several entries."""
    if len(steps) < 3:
        return 0
    name, place, *rest = steps
    return sum(_has_key(document[name], (index, *rest)) for index in range(place))


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
