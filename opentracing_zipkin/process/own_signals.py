"""SIGTERM or SIGHUP that a process sends to itself: our listener is called first, where the signal ends the process at once.

Rules: a server that handles SIGTERM may restore SIG_DFL after it has stopped, and send the signal again, to get the signal's
exit status.  uvicorn does so by `signal.raise_signal`, Twisted's `twistd` by `os.kill`.  No exit handler runs then, so both
functions are wrapped.  Calls with another signal, another process or another disposition are passed on unchanged.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import update_wrapper
from types import ModuleType
from typing import Any

__all__ = ["ENDING", "is_blocked", "is_caught_unseen", "listen_for_own_signals", "send_to_self", "stop_listening"]

# The signals that others send to end a process.  SIGHUP comes when a terminal or a session is closed; Windows lacks it.
ENDING: tuple[signal.Signals, ...] = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))

_MAX_WRAPPERS = 100  # limits the search through wrappers, which might form a circle

_listener: Callable[[int], None] | None = None
_wrappers: list[Any] = []
_is_notified = False  # whether a wrapped function has called the listener and has not returned yet


def listen_for_own_signals(listener: Callable[[int], None]) -> None:
    """Call `listener(number)` when this process is about to end itself by a signal; repeated calls wrap only once."""
    global _listener
    _listener = listener
    _wrap(signal, "raise_signal", _raising)
    _wrap(os, "kill", _killing)


def stop_listening() -> None:
    """Undo `listen_for_own_signals`; a wrapper that other code has wrapped again stays, and only passes calls on."""
    global _listener
    _listener = None
    for module, name in ((signal, "raise_signal"), (os, "kill")):
        function = getattr(module, name)
        if _is_ours(function):
            setattr(module, name, function.__wrapped__)


def send_to_self(number: int) -> None:
    """Send a signal to this process without calling the listener."""
    _notify_and_call(lambda number: None, number, os.kill, os.getpid(), number)


def is_blocked(number: int) -> bool:
    """Whether this thread blocks the signal."""
    return sys.platform != "win32" and number in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def is_caught_unseen(number: int) -> bool:
    """Whether the signal has a handler unknown to Python, as in a server in C or Rust; only Linux can tell."""
    if signal.getsignal(number) not in (signal.SIG_DFL, None):
        return False
    try:
        with open("/proc/self/status", "rb") as status:
            [caught] = [line.split()[1] for line in status if line.startswith(b"SigCgt:")]
    except (OSError, ValueError):  # another system, or a Linux without this line
        return False
    return bool(int(caught, 16) >> (number - 1) & 1)


def _is_left_to_default(number: int) -> bool:
    """Whether the signal, sent by this thread to this process, has no handler and ends the process at once."""
    return signal.getsignal(number) == signal.SIG_DFL and not is_blocked(number) and not is_caught_unseen(number)


def _wrap(module: ModuleType, name: str, make: Callable[[Any], Any]) -> None:
    former = inner = getattr(module, name)
    for _ in range(_MAX_WRAPPERS):
        if _is_ours(inner):
            return
        inner = getattr(inner, "__wrapped__", None)
    wrapper = update_wrapper(make(former), former)
    wrapper.__module__ = module.__name__  # the original name, `posix` or `_signal`, has another function
    _wrappers.append(wrapper)
    setattr(module, name, wrapper)


def _is_ours(function: Any) -> bool:
    return any(function is wrapper for wrapper in _wrappers)


def _raising(former: Callable[[int], None]) -> Callable[[int], None]:
    def raise_signal(signalnum: int, /) -> None:
        if signalnum not in ENDING:
            return former(signalnum)
        return _notify_and_call(_listener, signalnum, former, signalnum)

    return raise_signal


def _killing(former: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def kill(pid: int, signalnum: int, /) -> None:
        if signalnum not in ENDING or pid != os.getpid():
            return former(pid, signalnum)
        return _notify_and_call(_listener, signalnum, former, pid, signalnum)

    return kill


def _notify_and_call(listener: Callable[[int], None] | None, number: int, function: Callable[..., None], *args: int) -> None:
    """Call the listener, if the signal will end the process, and then `function` in any case.

    A function may be wrapped twice; the listener is still called only once.
    """
    global _is_notified
    if listener is None or _is_notified or not _is_left_to_default(number):
        return function(*args)
    _is_notified = True
    try:
        listener(number)
    finally:
        try:
            function(*args)
        finally:
            _is_notified = False
    return None
