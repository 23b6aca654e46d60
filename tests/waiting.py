"""Waiting for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

MAX_WAIT_S = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; raises AssertionError if it does not within MAX_WAIT_S."""
    deadline = time.monotonic() + MAX_WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {MAX_WAIT_S:.0f} s"
        time.sleep(0.005)
