"""The ways a process ends, and SIGTERM: what waits is sent, and the process still ends as it would have.

Rules: SIGTERM is ours only if `configure` asks, on the main thread, and where nobody else handles it.  Its handler runs between
two instructions of the interrupted code, so it takes no lock that this code may hold.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["at_childs_exit", "at_exit", "on_sigterm"]

# Below those of an application, whose last spans come first.
_LAST = -1000


def at_exit(drain: Callable[[], None]) -> Callable[[], None]:
    """Call `drain`, a method, when this process ends, unless its object is gone; returns what `atexit.unregister` takes.

    Python calls the handlers that were registered later first: spans that they finish are still sent.
    """
    weak = weakref.WeakMethod(drain)

    def hook() -> None:
        method = weak()
        if method is not None:
            method()

    return atexit.register(hook)


def at_childs_exit(hook: Callable[[], None]) -> None:
    """Call `hook` also where this is a child that ends without Python's exit; it may be called more than once."""
    # Forked children of multiprocessing (up to Python 3.12) and of billiard, which is Celery's, end by os._exit.
    for package in ("multiprocessing", "billiard"):
        process, util = sys.modules.get(f"{package}.process"), sys.modules.get(f"{package}.util")
        if process is not None and util is not None and process.current_process().name != "MainProcess":
            util.Finalize(None, hook, exitpriority=_LAST)
    # The processes of Celery's pool leave out billiard's way, too.
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(lambda **_: hook(), weak=False, dispatch_uid=hook)


def on_sigterm(drain: Callable[[], None]) -> bool:
    """Call `drain` when SIGTERM comes, and then end by it, with status -15; False where that is not ours to do."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return False

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            drain()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, handle)
    return True
