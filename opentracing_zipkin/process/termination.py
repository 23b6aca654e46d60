"""The ways a process ends, and SIGTERM: the waiting spans are sent, and the process still ends as it would have.

Rules: we handle SIGTERM only if `configure` asks for it, on the main thread, and where no other code handles it.  Other code
that handles it ends the process by an exit, or in the way that own_signals.py describes.  Our handler runs between two
instructions of the interrupted code, so it takes no lock that this code may hold.  In a child of multiprocessing, whose parent
waits without limit, a thread makes sure that the handler does run.
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
from .own_signals import is_blocked, is_caught_unseen, listen_for_own_sigterm, send_sigterm, stop_listening

__all__ = ["at_childs_exit", "at_sigterm", "handle_sigterm", "leave_sigterm"]

# Lower than the priorities of an application, so that its last spans are recorded first.
_EXIT_PRIORITY = -1000

# After SIGTERM the main thread is interrupted this many times, because the signal may not have reached it.
_NUDGE_COUNT = 20
_NUDGE_INTERVAL_S = 0.05

# The time for requests that other threads are still handling: the server may not have waited for them.
_OTHERS_TIMEOUT_S = 0.5
# A second SIGTERM counts as a copy of the first if it comes within this time.
_MAX_COPY_DELAY_S = 0.2

_at_sigterm: list[tuple[Callable[[], None], Callable[[], None]]] = []
_is_asked = False
_forks_are_watched = False


def at_childs_exit(hook: Callable[[], None]) -> None:
    """Call `hook` also in a child process that ends without Python's exit; it may be called more than once."""
    # Forked children of multiprocessing (up to Python 3.12) and of billiard, Celery's copy of it, end by os._exit.
    for util in _utilities_of_parents():
        util.Finalize(None, hook, exitpriority=_EXIT_PRIORITY)
    # The processes of Celery's pool skip even billiard's finalizers.
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(lambda **_: hook(), weak=False, dispatch_uid=hook)


def at_sigterm(drain: Callable[[], None], hurry: Callable[[], None]) -> None:
    """Register functions for a SIGTERM that we handle: `drain` if the process ends, `hurry` if it lives on.

    `drain` also closes; `hurry` does not.  `hurry` must neither wait nor take a lock.
    """
    _at_sigterm.append((drain, hurry))


def handle_sigterm() -> None:
    """Call the functions given to `at_sigterm` before SIGTERM ends this process, which still ends with status -15.

    Does nothing where SIGTERM cannot be handled, and logs the reason at DEBUG.
    """
    global _is_asked
    obstacle = _obstacle()
    if obstacle:
        log.debug("zipkin: SIGTERM is not handled, because %s", obstacle)
        return
    _is_asked = True
    listen_for_own_sigterm(_drain)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _handle)
        _watch_children()


def leave_sigterm() -> None:
    """Undo `handle_sigterm`, unless other code has wrapped or replaced our handler."""
    global _is_asked
    _is_asked = False
    stop_listening()
    if signal.getsignal(signal.SIGTERM) is _handle and _is_signals_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _obstacle() -> str:
    """The reason why SIGTERM cannot be handled here; empty where it can."""
    if not _is_signals_thread():
        return "this is not the main thread of the main interpreter"
    if is_blocked():
        return "it is blocked"
    if is_caught_unseen():
        return "it has a handler from outside Python"
    return ""


def _is_signals_thread() -> bool:
    """Whether handlers may be set here: Python checks the thread and the interpreter before it checks the handler."""
    try:
        signal.signal(signal.SIGTERM, None)  # None is no handler, so nothing is set
    except ValueError:
        return False
    except TypeError:
        pass
    return True


def _handle(number: int, frame: Any) -> None:
    """Handle SIGTERM.  A handler that was set later may call this one, even on a thread, which cannot restore SIG_DFL."""
    if _is_process_1() or not _is_signals_thread():
        _hurry()
        return
    begun_at = monotonic()

    def handle_again(number: int, frame: Any) -> None:
        """End the process at a second SIGTERM, unless it belongs to the first: multiprocessing terminates daemons twice."""
        if monotonic() - begun_at > _MAX_COPY_DELAY_S:
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


def _is_process_1() -> bool:
    """Whether this is process 1 of a container: the kernel ignores SIGTERM for it, unless it has a handler."""
    return os.getpid() == 1


def _drain() -> None:
    """Send the waiting spans and take no more, unless the process lives on."""
    _hurry()
    if _is_process_1():
        return
    await_others(_OTHERS_TIMEOUT_S)
    for drain, _ in _at_sigterm:
        drain()


def _hurry() -> None:
    for _, hurry in _at_sigterm:
        hurry()


def _watch_children() -> None:
    """Start a thread that makes sure that the handler runs: in this process, and in forked children of multiprocessing."""
    global _forks_are_watched
    if not hasattr(os, "fork"):  # on such a system SIGTERM ends a process without running a handler
        return
    if _utilities_of_parents():
        _watch(_handle)
    elif not _forks_are_watched:
        _forks_are_watched = True
        os.register_at_fork(after_in_child=lambda: _watch_if_multiprocessing(_handle))


def _utilities_of_parents() -> list[Any]:
    """The modules `util` of the packages, multiprocessing or billiard, that started this process."""
    found = []
    for package in ("multiprocessing", "billiard"):
        process, util = sys.modules.get(f"{package}.process"), sys.modules.get(f"{package}.util")
        if process is not None and util is not None and process.current_process().name != "MainProcess":
            found.append(util)
    return found


def _watch_if_multiprocessing(handle: Callable[[int, Any], None]) -> None:
    """Start the thread in a forked child if it belongs to multiprocessing, which alone calls the registered function."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(handle, _watch)


def _watch(handle: Callable[[int, Any], None]) -> None:
    """Make sure that `handle` runs when SIGTERM comes.

    Python runs a handler between two instructions of the main thread.  A signal may come after the last instruction and before
    the system call, or to another thread; then the main thread keeps waiting.  A multiprocessing pool that is closed did so
    once in fifty times.
    """
    if signal.getsignal(signal.SIGTERM) is not handle or signal.getsignal(signal.SIGURG) != signal.SIG_DFL:
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    if former != -1:  # of an event loop, which wakes the main thread itself
        signal.set_wakeup_fd(former, warn_on_full_buffer=False)
        return
    # SIGURG interrupts any waiting call; code that does not handle SIGURG ignores it.
    signal.signal(signal.SIGURG, lambda *_: None)
    try:
        threading.Thread(target=_nudge_after_sigterm, args=(reader, writer), name="zipkin-sigterm", daemon=True).start()
    except RuntimeError:  # no more threads
        signal.set_wakeup_fd(-1)


def _nudge_after_sigterm(reader: socket.socket, writer: socket.socket) -> None:
    """Interrupt the main thread after SIGTERM; `writer`, to which Python writes the signals, is only kept open here."""
    while True:
        if signal.SIGTERM in reader.recv(4096):
            for _ in range(_NUDGE_COUNT):
                time.sleep(_NUDGE_INTERVAL_S)
                os.kill(os.getpid(), signal.SIGURG)
