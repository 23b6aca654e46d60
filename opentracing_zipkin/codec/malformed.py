"""The error that a reader raises for a malformed message, with the place where it is wrong."""

from __future__ import annotations

__all__ = ["Malformed"]


class Malformed(ValueError):
    """The text of the error tells the fault; `offset` is the byte of the message where the fault begins.

    `is_rest_read`: only some lines are faulty, and all others were read.
    """

    def __init__(self, text: str, offset: int, is_rest_read: bool = False) -> None:
        super().__init__(text)
        self.offset = offset
        self.is_rest_read = is_rest_read
