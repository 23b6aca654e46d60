"""The error that a reader raises for a malformed message, with the place where it is wrong."""

from __future__ import annotations

__all__ = ["Malformed"]


class Malformed(ValueError):
    """Its text says what is wrong; `offset` is the byte of the message where that begins."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.offset = offset
