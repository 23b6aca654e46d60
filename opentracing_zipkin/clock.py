"""Time: wall time once for each local root, then monotonic ticks, so that a duration is never negative.

A pairing is two ints in ns, `_offset` and `_paired_at` of a span or context.  The first is added to ticks to get wall time; the
second is the ticks at which the first was measured.

Rules: the times here are the machine's real times, even if a test of the application replaces the module `time`.  freezegun
replaces every reference to the functions of `time` that it finds, in other modules, too.  So the built-in module is loaded a
second time, and only this file knows its functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.machinery import BuiltinImporter
from typing import Any, Protocol

__all__ = ["Clock", "SystemClock", "monotonic", "monotonic_ns", "sleep"]


def _loaded_anew() -> Any:
    spec: Any = BuiltinImporter.find_spec("time")
    if spec is None:  # `time` is not built in; no such Python is known
        return time
    # The same steps as importlib.util.module_from_spec; its module imports threading on Python 3.13.
    module = spec.loader.create_module(spec)
    spec.loader.exec_module(module)
    return module


_time = _loaded_anew()

monotonic: Callable[[], float] = _time.monotonic
monotonic_ns: Callable[[], int] = _time.monotonic_ns
sleep: Callable[[float], None] = _time.sleep  # for a thread; in a greenlet it would stop all other greenlets


class Clock(Protocol):
    """Two clocks in ns: `wall_ns` since the epoch, `ticks_ns` monotonic since an unknown moment."""

    def wall_ns(self) -> int: ...

    def ticks_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks as bare built-in functions: a Python function around one would cost more than the call itself."""

    wall_ns = staticmethod(_time.time_ns)
    ticks_ns = staticmethod(_time.perf_counter_ns)
