"""The error for a demo that cannot go on."""

from __future__ import annotations

__all__ = ["DemoFailed"]


class DemoFailed(Exception):
    """The message tells the fault and the remedy, in words for the terminal."""
