"""The ways a process ends, and SIGTERM: what waits is sent, and the process still ends as it would have.

Rules: SIGTERM is ours only if `configure` asks, on the main thread, and where nobody else handles it; whoever handles it ends
the process by an exit, or as own_signals.py has it.  Our handler runs between two instructions of the interrupted code, so it
takes no lock that this code may hold.  In a child of multiprocessing, for which a parent waits without end, a thread sees to it
that the handler does run.
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

from ..clock import monotonic
from ..log import log
from .hubs import call_outside_hub
from .others import await_others
from .own_signals import is_blocked, is_caught_unseen, send_sigterm, tell_nobody, tell_of_sigterm

__all__ = ["at_childs_exit", "at_sigterm", "handle_sigterm", "leave_sigterm"]

# Below those of an application, whose last spans come first.
_LAST = -1000

# The main thread is interrupted so often, at such intervals, while SIGTERM may not have reached it.
_NUDGES = 20
_NUDGE_INTERVAL_S = 0.05

# For requests that other threads are at: the server may not have waited for them.
_OTHERS_END_S = 0.5
# Two SIGTERMs within this time are one end.
_SAME_END_S = 0.2

_at_sigterm: list[tuple[Callable[[], None], Callable[[], None]]] = []
_is_asked = False
_forks_are_watched = False


def at_childs_exit(hook: Callable[[], None]) -> None:
    """Call `hook` also where this is a child that ends without Python's exit; it may be called more than once."""
    # Forked children of multiprocessing (up to Python 3.12) and of billiard, which is Celery's, end by os._exit.
    for util in _utilities_of_parents():
        util.Finalize(None, hook, exitpriority=_LAST)
    # The processes of Celery's pool leave out billiard's way, too.
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(lambda **_: hook(), weak=False, dispatch_uid=hook)


def at_sigterm(drain: Callable[[], None], hurry: Callable[[], None]) -> None:
    """When SIGTERM comes and is ours, call `drain`, which also closes, or where the process lives on `hurry`, which does not.

    `hurry` must not wait, nor take a lock.
    """
    _at_sigterm.append((drain, hurry))


def handle_sigterm() -> None:
    """Before SIGTERM ends this process, call what `at_sigterm` was given; the process still ends by it, with status -15.

    Does nothing where that cannot be, and says so at DEBUG.
    """
    global _is_asked
    obstacle = _obstacle()
    if obstacle:
        log.debug("zipkin: SIGTERM is left alone, because %s", obstacle)
        return
    _is_asked = True
    tell_of_sigterm(_drain)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _handle)
        _watch_children()


def leave_sigterm() -> None:
    """Undo `handle_sigterm`, as far as nobody has built on it."""
    global _is_asked
    _is_asked = False
    tell_nobody()
    if signal.getsignal(signal.SIGTERM) is _handle and _is_signals_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _obstacle() -> str:
    """Why SIGTERM cannot be handled here; empty where it can."""
    if not _is_signals_thread():
        return "this is not the main thread of the main interpreter"
    if is_blocked():
        return "it is blocked"
    if is_caught_unseen():
        return "it has a handler that Python does not know"
    return ""


def _is_signals_thread() -> bool:
    """Whether handlers may be set here: Python looks at the thread and the interpreter first, and then at the handler."""
    try:
        signal.signal(signal.SIGTERM, None)  # no handler at all, so nothing is set
    except ValueError:
        return False
    except TypeError:
        pass
    return True


def _handle(number: int, frame: Any) -> None:
    """SIGTERM's handler; one that was set after it may call it, even from a thread, which cannot restore SIG_DFL."""
    if _outlives_sigterm() or not _is_signals_thread():
        _hurry()
        return
    begun_at = monotonic()

    def handle_again(number: int, frame: Any) -> None:
        """A second SIGTERM is impatience, unless it belongs to the first: multiprocessing ends its daemons twice."""
        if monotonic() - begun_at > _SAME_END_S:
            _end()

    signal.signal(signal.SIGTERM, handle_again)
    call_outside_hub(_drain_and_end)


def _drain_and_end() -> None:
    try:
        if _is_asked:
            _drain()
    finally:
        _end()


def _end() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    send_sigterm()


def _outlives_sigterm() -> bool:
    """Whether this is process 1 of a container: the kernel ignores the SIGTERM that it does not handle."""
    return os.getpid() == 1


def _drain() -> None:
    """Send what waits, and take nothing any more, unless the process lives on."""
    _hurry()
    if _outlives_sigterm():
        return
    await_others(_OTHERS_END_S)
    for drain, _ in _at_sigterm:
        drain()


def _hurry() -> None:
    for _, hurry in _at_sigterm:
        hurry()


def _watch_children() -> None:
    """Let a thread see to it that the handler runs, in this process and in forked ones that are multiprocessing's children."""
    global _forks_are_watched
    if not hasattr(os, "fork"):  # where SIGTERM ends a process without asking it
        return
    if _utilities_of_parents():
        _watch(_handle)
    elif not _forks_are_watched:
        _forks_are_watched = True
        os.register_at_fork(after_in_child=lambda: _watch_if_multiprocessing(_handle))


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
