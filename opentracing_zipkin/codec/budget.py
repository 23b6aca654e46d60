"""How many things a message may hold, counted while it is read.

Rules: an annotation or a tag may be one byte on the wire and a hundred times that in memory, so it is their number that is
bounded; the bytes are, by whoever receives them.
"""

from __future__ import annotations

__all__ = ["MAX_ITEMS", "Budget"]

# Twenty a span in a message of 50,000 spans.
MAX_ITEMS = 1_000_000


class Budget:
    """The number of items that a message may still have."""

    __slots__ = ("_left",)

    def __init__(self, items: int = MAX_ITEMS) -> None:
        self._left = items

    def take(self, count: int = 1) -> None:
        """Raises ValueError where that is more than is left."""
        self._left -= count
        if self._left < 0:
            raise ValueError(f"more than {MAX_ITEMS} endpoints, annotations and tags in a message")
