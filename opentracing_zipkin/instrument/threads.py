"""Threads: the span that is active where work is handed over is active where it runs.

Rules: covers ThreadPoolExecutor.submit (and so `map` and `loop.run_in_executor`) and Thread.start.  Only the span goes along,
and it is not finished by the thread.  Off unless it is asked for by name: a thread that lives on would keep its span as parent.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import opentracing

from .http import OFF, HttpPolicy, in_force
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF


def install(policy: HttpPolicy | None = None) -> None:
    """Carry the active span into threads; `policy`: only its tracer counts."""
    global _policy
    _policy = in_force(policy, _policy)
    if not _patches:
        _patches.replace(ThreadPoolExecutor, "submit", _submitting)
        _patches.replace(threading.Thread, "start", _starting)


def uninstall() -> None:
    """Undo `install`."""
    global _policy
    _policy = OFF
    _patches.undo()


def _submitting(original: Any) -> Any:
    def submit(self: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        return original(self, _carrying(fn), *args, **kwargs)

    return submit


def _starting(original: Any) -> Any:
    def start(self: threading.Thread) -> Any:
        # A worker of an executor outlives the work it was started for.
        if getattr(getattr(self, "_target", None), "__module__", "") == "concurrent.futures.thread":
            return original(self)
        run = self.run
        carrying = _carrying(run)
        if carrying is run or "run" in vars(self):  # replaced already where it is started a second time, which raises
            return original(self)

        def run_once() -> None:
            del self.run  # it refers back to the thread
            carrying()

        self.run = run_once  # type: ignore[method-assign]
        return original(self)

    return start


def _carrying(function: Any) -> Any:
    """`function` under the span that is active now; itself where there is none."""
    try:
        tracer = _policy.tracer or opentracing.global_tracer()
        span = tracer.active_span
    except Exception as fault:
        _policy.tell("the active span of a thread", fault)
        return function
    if span is None:
        return function
    activate = tracer.scope_manager.activate

    def carrying(*args: Any, **kwargs: Any) -> Any:
        scope = activate(span, False)
        try:  # not `with`: a failure here is no error of the span, which is another thread's
            return function(*args, **kwargs)
        finally:
            scope.close()

    return carrying
