"""The interpreter that we run in: the main one, or a subinterpreter, and the thread that its end allows us.

Rules: Python refuses daemon threads in most subinterpreters, and aborts the process where one lives when its interpreter ends.
So a thread of ours there is not a daemon: it is told to end before the interpreter waits for it.  Where Python lets no
thread live until then, there is none.  Each interpreter has its own copy of this module.
"""

from __future__ import annotations

import _thread
import atexit
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["DAEMON", "JOINED", "NONE", "at_end", "is_main", "start_thread", "thread_kind"]

DAEMON = "daemon"  # the process ends without waiting for it
JOINED = "joined"  # the interpreter waits for it; it is told to end before
NONE = "none"  # no thread

# uWSGI ends its subinterpreters with the process only, and mod_wsgi removes their threads before.  So daemon threads are safe
# there, as they are in the main interpreter.  (uWSGI: two mounts on Python 3.11; mod_wsgi: not tried.)
_HOSTS = ("uwsgi", "mod_wsgi")

_kind: list[str] = []  # the answer of `thread_kind`, once it was asked for


def is_main() -> bool:
    """Whether this is the main interpreter."""
    known: Callable[[], bool] | None = getattr(_thread, "_is_main_interpreter", None)
    if known is not None:  # since Python 3.12
        return known()
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:  # a Python that was built without
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


def thread_kind() -> str:
    """The thread that we may start here: DAEMON, JOINED or NONE."""
    if not _kind:
        _kind.append(_thread_kind())
    return _kind[0]


def _thread_kind() -> str:
    if is_main() or any(host in sys.modules for host in _HOSTS):
        return DAEMON
    if not hasattr(threading, "_register_atexit") or sys.version_info < (3, 12):
        # Up to 3.11 an isolated one starts no thread, and one with a thread cannot be destroyed: "has more than one thread".
        return NONE
    if sys.version_info < (3, 13):
        allow_daemons: Callable[[], bool] = _thread.daemon_threads_allowed  # type: ignore[attr-defined,unused-ignore]
        return NONE if allow_daemons() else JOINED
    import _interpreters  # type: ignore[import-not-found,unused-ignore]

    config = _interpreters.get_config(_interpreters.get_current()[0])
    return JOINED if config.allow_threads else NONE


def at_end(hook: Callable[[], None]) -> None:
    """Call `hook` at the interpreter's end, where our thread is JOINED before it is waited for; it may be called twice."""
    atexit.register(hook)
    if thread_kind() is JOINED:
        try:
            threading._register_atexit(_end_of_threads, hook)  # type: ignore[attr-defined]
        except RuntimeError:  # the interpreter is ending: nobody would wait for a thread
            _kind[0] = NONE


def _end_of_threads(hook: Callable[[], None]) -> None:
    _kind[0] = NONE  # nobody would wait for a later one
    hook()


def start_thread(function: Callable[..., Any], args: tuple[Any, ...], name: str) -> None:
    """Run `function` on a thread of the kind that may be started here; RuntimeError where there can be none.

    In the main interpreter it is a bare one, without its `name`: `Thread.start` waits for the thread with a lock in its hands.
    A signal's handler that raises there would leave the lock taken, and no thread of the process could be started any more.
    A subinterpreter handles no signals.
    """
    kind = thread_kind()
    if kind is DAEMON:
        _thread.start_new_thread(function, args)
    elif kind is JOINED:
        threading.Thread(target=function, args=args, name=name, daemon=False).start()
    else:
        raise RuntimeError("no thread can be started in this subinterpreter")
