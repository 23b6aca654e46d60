"""The time that a call takes, apart from other work on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec

__all__ = ["least_seconds"]

_P = ParamSpec("_P")


def least_seconds(call: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> float:
    """The least CPU time of several calls."""
    seconds = []
    for _ in range(7):
        begin = time.thread_time()
        call(*args, **kwargs)
        seconds.append(time.thread_time() - begin)
    return min(seconds)
