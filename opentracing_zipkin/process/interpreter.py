"""The interpreter that we run in: the main interpreter or a subinterpreter, and the kind of thread that it allows us.

Rules: most subinterpreters refuse daemon threads, and Python aborts the process if one is alive when its interpreter ends.  So
our thread in a subinterpreter is not a daemon: it is told to end before the interpreter waits for it.  Where Python lets no
thread live until then, we start none.  Each interpreter has its own copy of this module.
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
JOINED = "joined"  # the interpreter waits for it; it is told to end before that
NONE = "none"  # no thread can be started

# uWSGI ends its subinterpreters only with the process, and mod_wsgi removes their threads before.  So daemon threads are as
# safe there as in the main interpreter.  (uWSGI: two mounts on Python 3.11; mod_wsgi: not tried.)
_HOSTS = ("uwsgi", "mod_wsgi")

_kind: list[str] = []  # the result of `thread_kind`, after its first call


def is_main() -> bool:
    """Whether this is the main interpreter."""
    known: Callable[[], bool] | None = getattr(_thread, "_is_main_interpreter", None)
    if known is not None:  # since Python 3.12
        return known()
    try:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    except ImportError:  # a Python built without this module
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


def thread_kind() -> str:
    """The kind of thread that we may start here: DAEMON, JOINED or NONE."""
    if not _kind:
        _kind.append(_thread_kind())
    return _kind[0]


def _thread_kind() -> str:
    if is_main() or any(host in sys.modules for host in _HOSTS):
        return DAEMON
    if not hasattr(threading, "_register_atexit") or sys.version_info < (3, 12):
        # Up to 3.11 an isolated interpreter starts no thread, and one with a thread cannot be destroyed: "has more than one
        # thread".
        return NONE
    if sys.version_info < (3, 13):
        allow_daemons: Callable[[], bool] = _thread.daemon_threads_allowed  # type: ignore[attr-defined,unused-ignore]
        return NONE if allow_daemons() else JOINED
    import _interpreters  # type: ignore[import-not-found,unused-ignore]

    config = _interpreters.get_config(_interpreters.get_current()[0])
    return JOINED if config.allow_threads else NONE


def at_end(hook: Callable[[], None]) -> None:
    """Call `hook` at the interpreter's end, and before a JOINED thread is waited for; it may be called twice."""
    atexit.register(hook)
    if thread_kind() is JOINED:
        try:
            threading._register_atexit(_end_of_threads, hook)  # type: ignore[attr-defined]
        except RuntimeError:  # the interpreter is ending, so nothing would wait for a thread
            _kind[0] = NONE


def _end_of_threads(hook: Callable[[], None]) -> None:
    _kind[0] = NONE  # nothing would wait for a thread that is started later
    hook()


def start_thread(function: Callable[..., Any], args: tuple[Any, ...], name: str) -> None:
    """Run `function` on a thread of the allowed kind; raises RuntimeError where no thread is allowed.

    In the main interpreter it is a bare thread, without its `name`.  The reason: `Thread.start` holds a lock while it waits for
    the thread.  A signal handler that raises there would leave the lock taken, and no thread of the process could be started
    any more.  A subinterpreter handles no signals.
    """
    kind = thread_kind()
    if kind is DAEMON:
        _thread.start_new_thread(function, args)
    elif kind is JOINED:
        threading.Thread(target=function, args=args, name=name, daemon=False).start()
    else:
        raise RuntimeError("no thread can be started in this subinterpreter")
