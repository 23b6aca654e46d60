"""The error that a reader raises for a malformed message, with the place where it is wrong."""

from __future__ import annotations

__all__ = ["Malformed"]


class Malformed(ValueError):
    """Its text says what is wrong; `offset` is the byte of the message where that begins.

    `is_passed`: what is wrong are lines of their own, and all others were read.
    """

    def __init__(self, text: str, offset: int, is_passed: bool = False) -> None:
        super().__init__(text)
        self.offset = offset
        self.is_passed = is_passed
