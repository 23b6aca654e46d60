"""Why a demo cannot go on."""

from __future__ import annotations

__all__ = ["DemoFailed"]


class DemoFailed(Exception):
    """Its message says what went wrong and the remedy, in words for the terminal."""
