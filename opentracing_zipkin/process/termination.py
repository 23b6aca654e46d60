"""The ways a process ends, SIGTERM and SIGHUP: the waiting spans are sent, and the process still ends as it would have.

Rules: we handle these signals only if `configure` asks for it, on the main thread, and each only where no other code handles or
ignores it.  Other code that handles it ends the process by an exit, or in the way that own_signals.py describes.  Our handler
runs between two instructions of the interrupted code, so it takes no lock that this code may hold.  In a child of
multiprocessing, whose parent waits without limit, a thread makes sure that the handler does run.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..clock import monotonic
from ..log import log
from .hubs import call_outside_hub
from .others import await_others
from .own_signals import ENDING, is_blocked, is_caught_unseen, listen_for_own_signals, send_to_self, stop_listening

__all__ = ["at_childs_exit", "at_signal", "handle_signals", "leave_signals"]

# Lower than the priorities of an application, so that its last spans are recorded first.
_EXIT_PRIORITY = -1000

# After a signal the main thread is interrupted this many times, because the signal may not have reached it.
_NUDGE_COUNT = 20
_NUDGE_INTERVAL_S = 0.05

# The time for requests that other threads are still handling: the server may not have waited for them.
_OTHERS_TIMEOUT_S = 0.5
# A second signal counts as a copy of the first if it comes within this time: multiprocessing terminates daemons twice, systemd
# may send SIGHUP right after SIGTERM, and a closed terminal's kernel and shell each send a SIGHUP.
_MAX_COPY_DELAY_S = 0.2

_at_signal: list[tuple[Callable[[str], None], Callable[[], None]]] = []
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


def at_signal(drain: Callable[[str], None], hurry: Callable[[], None]) -> None:
    """Register functions for a signal that we handle: `drain(its_name)` if the process ends, `hurry` if it lives on.

    `drain` also closes; `hurry` does not.  `hurry` must neither wait nor take a lock.
    """
    _at_signal.append((drain, hurry))


def handle_signals() -> None:
    """Call the functions given to `at_signal` before SIGTERM or SIGHUP ends this process, which still has the signal's status.

    Changes nothing for a signal that cannot be handled, and logs the reason at DEBUG.
    """
    global _is_asked
    for number in ENDING:
        obstacle = _obstacle(number)
        if obstacle:
            log.debug("zipkin: %s is not handled, because %s", number.name, obstacle)
            continue
        _is_asked = True
        listen_for_own_signals(_drain)
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _HANDLERS[number])
    _watch_children()


def leave_signals() -> None:
    """Undo `handle_signals`, unless other code has wrapped or replaced our handler."""
    global _is_asked
    _is_asked = False
    stop_listening()
    if _is_signals_thread():
        for number in _ours():
            signal.signal(number, signal.SIG_DFL)


def _ours() -> list[int]:
    """The signals that our handlers would get now."""
    return [number for number in ENDING if signal.getsignal(number) is _HANDLERS[number]]


def _obstacle(number: int) -> str:
    """The reason why the signal cannot be handled here; empty where it can."""
    if not _is_signals_thread():
        return "this is not the main thread of the main interpreter"
    if is_blocked(number):
        return "it is blocked"
    if is_caught_unseen(number):
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


def _handle_terminate(number: int, frame: Any) -> None:
    """Handle SIGTERM; a handler that was set later, for any signal, may call this one to end the process."""
    _handle(signal.SIGTERM)


def _handle_hangup(number: int, frame: Any) -> None:
    """Handle SIGHUP.  To a handler that was set later it may mean a reload; such a handler may call this one and goes on."""
    if signal.getsignal(signal.SIGHUP) is _handle_hangup:
        _handle(signal.SIGHUP)
    else:
        _hurry()


_HANDLERS = dict(zip(ENDING, (_handle_terminate, _handle_hangup), strict=False))  # SIGHUP is missing on Windows


def _handle(number: int) -> None:
    """Send the waiting spans and end the process, except for process 1, and on a thread, which cannot restore SIG_DFL."""
    if _is_process_1() or not _is_signals_thread():
        _hurry()
        return
    begun_at = monotonic()

    def handle_again(number: int, frame: Any) -> None:
        """End the process at a second signal, unless it is a copy of the first."""
        if monotonic() - begun_at > _MAX_COPY_DELAY_S:
            _end(number)

    for each in {number, *_ours()}:
        signal.signal(each, handle_again)
    call_outside_hub(lambda: _drain_and_end(number))


def _drain_and_end(number: int) -> None:
    try:
        if _is_asked:
            _drain(number)
    finally:
        _end(number)


def _end(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    send_to_self(number)


def _is_process_1() -> bool:
    """Whether this is process 1 of a container: the kernel ignores a signal for it that has no handler."""
    return os.getpid() == 1


def _drain(number: int) -> None:
    """Send the waiting spans and take no more, unless the process lives on."""
    _hurry()
    if _is_process_1():
        return
    await_others(_OTHERS_TIMEOUT_S)
    for drain, _ in _at_signal:
        drain(signal.Signals(number).name)


def _hurry() -> None:
    for _, hurry in _at_signal:
        hurry()


def _watch_children() -> None:
    """Start a thread that makes sure that the handler runs: in this process, and in forked children of multiprocessing."""
    global _forks_are_watched
    if not _ours() or not hasattr(os, "fork"):  # on such a system SIGTERM ends a process without running a handler
        return
    if _utilities_of_parents():
        _watch()
    elif not _forks_are_watched:
        _forks_are_watched = True
        os.register_at_fork(after_in_child=_watch_if_multiprocessing)


def _utilities_of_parents() -> list[Any]:
    """The modules `util` of the packages, multiprocessing or billiard, that started this process."""
    found = []
    for package in ("multiprocessing", "billiard"):
        process, util = sys.modules.get(f"{package}.process"), sys.modules.get(f"{package}.util")
        if process is not None and util is not None and process.current_process().name != "MainProcess":
            found.append(util)
    return found


def _watch_if_multiprocessing() -> None:
    """Start the thread in a forked child if it belongs to multiprocessing, which alone calls the registered function."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_watch, lambda watch: watch())


def _watch() -> None:
    """Make sure that our handlers run when their signals come.

    Python runs a handler between two instructions of the main thread.  A signal may come after the last instruction and before
    the system call, or to another thread; then the main thread keeps waiting.  A multiprocessing pool that is closed did so
    once in fifty times.
    """
    numbers = _ours()
    if not numbers or signal.getsignal(signal.SIGURG) != signal.SIG_DFL:
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
        arguments = numbers, reader, writer
        threading.Thread(target=_nudge_after_signal, args=arguments, name="zipkin-signals", daemon=True).start()
    except RuntimeError:  # no more threads
        signal.set_wakeup_fd(-1)


def _nudge_after_signal(numbers: Sequence[int], reader: socket.socket, writer: socket.socket) -> None:
    """Interrupt the main thread after a signal; `writer`, to which Python writes the signals, is only kept open here."""
    while True:
        if not set(numbers).isdisjoint(reader.recv(4096)):
            for _ in range(_NUDGE_COUNT):
                time.sleep(_NUDGE_INTERVAL_S)
                os.kill(os.getpid(), signal.SIGURG)
