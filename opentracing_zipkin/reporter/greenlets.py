"""Greenlets: gevent and eventlet put them in the place of threads, at any time, even while our thread runs.

Rules: neither library is imported here.  A thread that started before the patch stays a thread.  But from then on its waiting
calls create a hub, the library's event loop, for this thread alone.
Source: gevent 26.9, gevent/hub.py and gevent/_config.py.
"""

from __future__ import annotations

import _thread
import sys
import threading
from types import BuiltinFunctionType
from typing import Any

__all__ = ["is_hub_missing", "prepare_exit", "starts_greenlets"]


def starts_greenlets() -> bool:
    """Whether a thread that is started now would be a greenlet."""
    return type(_thread.start_new_thread) is not BuiltinFunctionType


def is_hub_missing() -> bool:
    """Whether gevent has patched but has no hub yet; a thread must then call nothing that waits.

    The first hub of a process imports modules, and the locks of these imports need a hub.  Two threads that create the first
    hub at the same time wait for each other for ever.  So our thread lets the application create it.
    """
    if not _are_gevents():
        return False
    hub: Any = sys.modules.get("gevent.hub")
    return hub is None or not getattr(hub.Hub, "_hub_counter", 1)


def prepare_exit() -> None:
    """Import `concurrent.futures.thread` at the interpreter's exit, because gevent's DNS will import it.

    That module registers an exit function, which raises once the exit has begun, so the registration is turned off here.  The
    import does not happen earlier: a lock of this module, if older than gevent's patch, would stop greenlets that use an
    executor.
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
