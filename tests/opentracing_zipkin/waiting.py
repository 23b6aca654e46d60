"""Waits for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

MAX_WAIT_S = 10.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fails after 10 s."""
    deadline = time.monotonic() + MAX_WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {MAX_WAIT_S:.0f} s"
        time.sleep(0.005)
