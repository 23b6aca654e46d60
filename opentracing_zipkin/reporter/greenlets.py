"""Greenlets: gevent and eventlet put them in the place of threads, at any time, also while ours is running.

Rules: neither library is imported here.  A thread that was there before the patch stays a thread, and what it calls from then
on makes a hub, the library's event loop, for this thread alone.
Source: gevent 26.9, gevent/hub.py and gevent/_config.py.
"""

from __future__ import annotations

import _thread
import sys
import threading
from types import BuiltinFunctionType
from typing import Any

__all__ = ["are_threads", "is_hub_missing", "prepare_exit"]


def are_threads() -> bool:
    """Whether a thread that is started now is a greenlet."""
    return type(_thread.start_new_thread) is not BuiltinFunctionType


def is_hub_missing() -> bool:
    """Whether gevent has patched and has no hub yet; then a thread must call nothing that waits.

    The first hub of a process imports modules, and the locks of these imports want a hub.  Two threads that make one at the
    same time wait for each other for ever, so ours lets the application's be the first.
    """
    if not _are_gevents():
        return False
    hub: Any = sys.modules.get("gevent.hub")
    return hub is None or not getattr(hub.Hub, "_hub_counter", 1)


def prepare_exit() -> None:
    """At the interpreter's exit: import what gevent's DNS does, if nobody has.

    It registers with an exit that has begun already, which raises; there is nothing to register for any more.  Not earlier,
    because a lock of this module, if it is older than the patch, would stop greenlets that use an executor.
    """
    if not _are_gevents() or "concurrent.futures.thread" in sys.modules:
        return
    owner: Any = threading
    register = getattr(owner, "_register_atexit", None)
    owner._register_atexit = lambda *_: None
    try:
        import concurrent.futures.thread  # noqa: F401
    finally:
        owner._register_atexit = register


def _are_gevents() -> bool:
    return getattr(_thread.start_new_thread, "__module__", "").startswith("gevent")
