"""Time: wall time once per local root, monotonic ticks after, so that a duration never runs backwards.

A pairing is two ints in ns, `_offset` and `_paired_at` of a span or context: what to add to ticks to have wall time, and the
ticks at which that was measured.

Rules: what is read here is the machine's own time, whatever a test of the application puts in place of the module `time`.
freezegun replaces every reference to its functions that it finds, those saved elsewhere too; so the built-in module is loaded
once more, and its functions are known here alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.machinery import BuiltinImporter
from typing import Any, Protocol

__all__ = ["Clock", "SystemClock", "monotonic", "monotonic_ns", "sleep"]


def _loaded_anew() -> Any:
    spec: Any = BuiltinImporter.find_spec("time")
    if spec is None:  # not built in: no such Python is known
        return time
    # What importlib.util.module_from_spec does; that module imports threading on Python 3.13.
    module = spec.loader.create_module(spec)
    spec.loader.exec_module(module)
    return module


_time = _loaded_anew()

monotonic: Callable[[], float] = _time.monotonic
monotonic_ns: Callable[[], int] = _time.monotonic_ns
sleep: Callable[[float], None] = _time.sleep  # of a thread; in a greenlet it would stop all others


class Clock(Protocol):
    """Both in ns: `wall_ns` since the epoch, `ticks_ns` monotonic since whenever."""

    def wall_ns(self) -> int: ...

    def ticks_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks, as the bare builtins: a Python function around them would cost more than they do."""

    wall_ns = staticmethod(_time.time_ns)
    ticks_ns = staticmethod(_time.perf_counter_ns)
