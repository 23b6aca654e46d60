"""SIGTERM that a process sends to itself: whoever asked is told first, where the signal ends the process at once.

Rules: a server that handles SIGTERM may restore SIG_DFL once it has stopped, and send the signal again, for the exit status
that is the signal's: uvicorn does so by `signal.raise_signal`, Twisted's `twistd` by `os.kill`.  No exit handler runs then, so
both are wrapped.  Other signals, other processes and other dispositions go straight through.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import update_wrapper
from types import ModuleType
from typing import Any

__all__ = ["is_blocked", "is_caught_unseen", "send_sigterm", "tell_nobody", "tell_of_sigterm"]

_MAX_WRAPPERS = 100  # so many are looked through; a circle of them would have no end

_listener: Callable[[], None] | None = None
_wrappers: list[Any] = []
_is_told = False  # within the call of a wrapped function that has told the listener


def tell_of_sigterm(listener: Callable[[], None]) -> None:
    """Call `listener` when this process is about to end itself by SIGTERM.  Wraps once, however often it is called."""
    global _listener
    _listener = listener
    _wrap(signal, "raise_signal", _raising)
    _wrap(os, "kill", _killing)


def tell_nobody() -> None:
    """Undo `tell_of_sigterm`; a wrapper on which somebody has put another one stays, and only passes calls on."""
    global _listener
    _listener = None
    for module, name in ((signal, "raise_signal"), (os, "kill")):
        function = getattr(module, name)
        if _is_ours(function):
            setattr(module, name, function.__wrapped__)


def send_sigterm() -> None:
    """Send SIGTERM to this process without telling anybody."""
    _tell_and_call(lambda: None, os.kill, os.getpid(), signal.SIGTERM)


def is_blocked() -> bool:
    """Whether this thread keeps SIGTERM waiting."""
    return sys.platform != "win32" and signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def is_caught_unseen() -> bool:
    """Whether a handler takes SIGTERM that Python does not know, as a server in C or Rust has one; only Linux can tell."""
    if signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None):
        return False
    try:
        with open("/proc/self/status", "rb") as status:
            [caught] = [line.split()[1] for line in status if line.startswith(b"SigCgt:")]
    except (OSError, ValueError):  # another system, or a Linux that does not tell
        return False
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def _is_left_to_default() -> bool:
    """Whether SIGTERM, sent to this process by this thread, has nobody who handles it, and ends the process at once."""
    return signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and not is_blocked() and not is_caught_unseen()


def _wrap(module: ModuleType, name: str, make: Callable[[Any], Any]) -> None:
    former = inner = getattr(module, name)
    for _ in range(_MAX_WRAPPERS):
        if _is_ours(inner):
            return
        inner = getattr(inner, "__wrapped__", None)
    wrapper = update_wrapper(make(former), former)
    wrapper.__module__ = module.__name__  # `posix` and `_signal` have the function without us, so that it could not be pickled
    _wrappers.append(wrapper)
    setattr(module, name, wrapper)


def _is_ours(function: Any) -> bool:
    return any(function is wrapper for wrapper in _wrappers)


def _raising(former: Callable[[int], None]) -> Callable[[int], None]:
    def raise_signal(signalnum: int, /) -> None:
        if signalnum != signal.SIGTERM:
            return former(signalnum)
        return _tell_and_call(_listener, former, signalnum)

    return raise_signal


def _killing(former: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def kill(pid: int, signalnum: int, /) -> None:
        if signalnum != signal.SIGTERM or pid != os.getpid():
            return former(pid, signalnum)
        return _tell_and_call(_listener, former, pid, signalnum)

    return kill


def _tell_and_call(listener: Callable[[], None] | None, function: Callable[..., None], *args: int) -> None:
    """Call `function` in any case.  The listener is told once, though it may be wrapped twice."""
    global _is_told
    if listener is None or _is_told or not _is_left_to_default():
        return function(*args)
    _is_told = True
    try:
        listener()
    finally:
        try:
            function(*args)
        finally:
            _is_told = False
    return None
