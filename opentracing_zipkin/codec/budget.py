"""A limit on the number of items in a message, counted while the message is read.

Rules: an annotation or a tag may be one byte on the wire and a hundred bytes in memory.  So the number of items is limited
here.  The receiver of the message limits its bytes.
"""

from __future__ import annotations

__all__ = ["MAX_ITEMS", "Budget"]

# 20 for each span, in a message of 50,000 spans.
MAX_ITEMS = 1_000_000


class Budget:
    """The number of items that a message may still have.  One reading of a message owns it."""

    __slots__ = ("_left",)

    def __init__(self, items: int = MAX_ITEMS) -> None:
        self._left = items

    def take(self, count: int = 1) -> None:
        """Take `count` items; raises ValueError where fewer are left."""
        self._left -= count
        if self._left < 0:
            raise ValueError(f"more than {MAX_ITEMS} endpoints, annotations and tags in a message")
