"""An act at one line of a call: the critical moments are too short for chance, so a trace function waits for the n-th line."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["at_line", "each_line"]


def at_line(number: int, act: Callable[[], object]) -> tuple[Callable[..., Any], list[int]]:
    """A trace function that calls `act` at the n-th line, and a list with the number of lines that ran."""
    seen = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen[0] += 1
            if seen[0] == number:
                act()
        return trace

    return trace, seen


def each_line(run: Callable[[int], bool]) -> int:
    """Call `run` with 1, 2, … until it returns False, because the call has fewer lines; returns the number of lines."""
    number = 1
    while run(number):
        number += 1
    return number - 1
