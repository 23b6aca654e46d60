"""SIGTERM that a process sends to itself: our listener is called first, where the signal ends the process at once.

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

__all__ = ["is_blocked", "is_caught_unseen", "listen_for_own_sigterm", "send_sigterm", "stop_listening"]

_MAX_WRAPPERS = 100  # limits the search through wrappers, which might form a circle

_listener: Callable[[], None] | None = None
_wrappers: list[Any] = []
_is_notified = False  # whether a wrapped function has called the listener and has not returned yet


def listen_for_own_sigterm(listener: Callable[[], None]) -> None:
    """Call `listener` when this process is about to end itself by SIGTERM.  Repeated calls wrap the functions only once."""
    global _listener
    _listener = listener
    _wrap(signal, "raise_signal", _raising)
    _wrap(os, "kill", _killing)


def stop_listening() -> None:
    """Undo `listen_for_own_sigterm`; a wrapper that other code has wrapped again stays, and only passes calls on."""
    global _listener
    _listener = None
    for module, name in ((signal, "raise_signal"), (os, "kill")):
        function = getattr(module, name)
        if _is_ours(function):
            setattr(module, name, function.__wrapped__)


def send_sigterm() -> None:
    """Send SIGTERM to this process without calling the listener."""
    _notify_and_call(lambda: None, os.kill, os.getpid(), signal.SIGTERM)


def is_blocked() -> bool:
    """Whether this thread blocks SIGTERM."""
    return sys.platform != "win32" and signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def is_caught_unseen() -> bool:
    """Whether SIGTERM has a handler unknown to Python, as in a server in C or Rust; only Linux can tell."""
    if signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None):
        return False
    try:
        with open("/proc/self/status", "rb") as status:
            [caught] = [line.split()[1] for line in status if line.startswith(b"SigCgt:")]
    except (OSError, ValueError):  # another system, or a Linux without this line
        return False
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def _is_left_to_default() -> bool:
    """Whether a SIGTERM that this thread sends to this process has no handler and ends the process at once."""
    return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and not is_blocked() and not is_caught_unseen()


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
        if signalnum != signal.SIGTERM:
            return former(signalnum)
        return _notify_and_call(_listener, former, signalnum)

    return raise_signal


def _killing(former: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def kill(pid: int, signalnum: int, /) -> None:
        if signalnum != signal.SIGTERM or pid != os.getpid():
            return former(pid, signalnum)
        return _notify_and_call(_listener, former, pid, signalnum)

    return kill


def _notify_and_call(listener: Callable[[], None] | None, function: Callable[..., None], *args: int) -> None:
    """Call the listener, if the signal will end the process, and then `function` in any case.

    A function may be wrapped twice; the listener is still called only once.
    """
    global _is_notified
    if listener is None or _is_notified or not _is_left_to_default():
        return function(*args)
    _is_notified = True
    try:
        listener()
    finally:
        try:
            function(*args)
        finally:
            _is_notified = False
    return None
