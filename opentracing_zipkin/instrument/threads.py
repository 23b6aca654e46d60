"""Threads: a span that is active when work is handed to a thread is active in that thread, too.

Rules: covers ThreadPoolExecutor.submit (and so `map` and `loop.run_in_executor`) and Thread.start.  Only the active span goes
along, and the thread does not finish it.  Off unless it is asked for by name, because a long-lived thread would keep its span
as the parent of all its work.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import opentracing

from .http import OFF, HttpPolicy, check_policy, in_force
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF


def install(policy: HttpPolicy | None = None) -> None:
    """Carry the active span into threads; only the tracer of `policy` is used."""
    global _policy
    check_policy(policy)
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
        # A worker thread of an executor outlives the work that it was started for, so it must not keep the span.
        if getattr(getattr(self, "_target", None), "__module__", "") == "concurrent.futures.thread":
            return original(self)
        run = self.run
        carrying = _carrying(run)
        if carrying is run or "run" in vars(self):  # at a second `start`, which raises, `run` has been replaced already
            return original(self)

        def run_once() -> None:
            del self.run  # the function refers back to the thread, which would be a cycle
            carrying()

        self.run = run_once  # type: ignore[method-assign]
        return original(self)

    return start


def _carrying(function: Any) -> Any:
    """A function that calls `function` under the span that is active now; `function` itself where none is active."""
    try:
        tracer = _policy.tracer or opentracing.global_tracer()
        span = tracer.active_span
    except Exception as fault:
        _policy.log_fault("the active span of a thread", fault)
        return function
    if span is None:
        return function
    activate = tracer.scope_manager.activate

    def carrying(*args: Any, **kwargs: Any) -> Any:
        scope = activate(span, False)
        try:  # not `with`, which would set the error: the span belongs to another thread
            return function(*args, **kwargs)
        finally:
            scope.close()

    return carrying
