"""The ways a process ends, and SIGTERM: what waits is sent, and the process still ends as it would have.

Rules: SIGTERM is ours only if `configure` asks, on the main thread, and where nobody else handles it.  Its handler runs between
two instructions of the interrupted code, so it takes no lock that this code may hold.  In a child of multiprocessing, for which
a parent waits without end, a thread sees to it that the handler does run.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["at_childs_exit", "at_sigterm", "handle_sigterm"]

# Below those of an application, whose last spans come first.
_LAST = -1000

# The main thread is interrupted so often, at such intervals, while SIGTERM may not have reached it.
_NUDGES = 20
_NUDGE_INTERVAL_S = 0.05

_at_sigterm: list[Callable[[], None]] = []


def at_childs_exit(hook: Callable[[], None]) -> None:
    """Call `hook` also where this is a child that ends without Python's exit; it may be called more than once."""
    # Forked children of multiprocessing (up to Python 3.12) and of billiard, which is Celery's, end by os._exit.
    for util in _utilities_of_parents():
        util.Finalize(None, hook, exitpriority=_LAST)
    # The processes of Celery's pool leave out billiard's way, too.
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(lambda **_: hook(), weak=False, dispatch_uid=hook)


def at_sigterm(drain: Callable[[], None]) -> None:
    """Call `drain` when SIGTERM comes and is ours."""
    _at_sigterm.append(drain)


def handle_sigterm() -> bool:
    """Call what `at_sigterm` was given when SIGTERM comes, and then end by it, with status -15; False where it is not ours."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return False

    def handle(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            for drain in _at_sigterm:
                drain()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, handle)
    if not hasattr(os, "fork"):  # where SIGTERM ends a process without asking it
        return True
    if _utilities_of_parents():
        _watch(handle)
    else:
        os.register_at_fork(after_in_child=lambda: _watch_if_multiprocessing(handle))
    return True


def _utilities_of_parents() -> list[Any]:
    """The module `util` of every package, multiprocessing or billiard, that has made this process."""
    found = []
    for package in ("multiprocessing", "billiard"):
        process, util = sys.modules.get(f"{package}.process"), sys.modules.get(f"{package}.util")
        if process is not None and util is not None and process.current_process().name != "MainProcess":
            found.append(util)
    return found


def _watch_if_multiprocessing(handle: Callable[[int, Any], None]) -> None:
    """In a forked child, before it knows whose child it is: multiprocessing calls what is registered, others do not."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(handle, _watch)


def _watch(handle: Callable[[int, Any], None]) -> None:
    """See to it that `handle` runs when SIGTERM comes.

    Python runs a handler between two instructions of the main thread.  A signal that comes after the last of them and before
    the system call, or to another thread, leaves the main thread waiting: a pool that is left did so once in fifty times.
    """
    if signal.getsignal(signal.SIGTERM) is not handle or signal.getsignal(signal.SIGURG) != signal.SIG_DFL:
        return
    bell, ringer = socket.socketpair()
    ringer.setblocking(False)
    former = signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
    if former != -1:  # an event loop's, which wakes the main thread itself
        signal.set_wakeup_fd(former, warn_on_full_buffer=False)
        return
    # Which interrupts whatever waits, and is ignored by whoever does not handle it.
    signal.signal(signal.SIGURG, lambda *_: None)
    try:
        threading.Thread(target=_insist, args=(bell, ringer), name="zipkin-sigterm", daemon=True).start()
    except RuntimeError:  # no threads left
        signal.set_wakeup_fd(-1)


def _insist(bell: socket.socket, ringer: socket.socket) -> None:
    """Interrupt the main thread after SIGTERM; `ringer`, to which the signals are written, is only to be kept open."""
    while True:
        if signal.SIGTERM in bell.recv(4096):
            for _ in range(_NUDGES):
                time.sleep(_NUDGE_INTERVAL_S)
                os.kill(os.getpid(), signal.SIGURG)
