"""Forks: an object that owns a thread, a connection or a generator of ids renews it in the child.

Rules: Python calls us in the child.  uWSGI forks without Python, so our function is added to uWSGI's own hook.  uWSGI's
decorators replace that hook; so under uWSGI, and only there, the process id is also checked at each id that is drawn and each
span that is recorded.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ..log import log

__all__ = ["is_uwsgi_without_threads", "may_start_thread", "renew_in_children", "renewing"]

_F = TypeVar("_F", bound=Callable[..., Any])


class Renewable(Protocol):
    """An object with parts that a forked child must not share with its parent."""

    def renew_after_fork(self) -> None: ...


_renewables: weakref.WeakSet[Renewable] = weakref.WeakSet()
_pid = os.getpid()


def renew_in_children(owner: Renewable) -> None:
    """Call the owner's `renew_after_fork` in every process forked from this one, before any other code of ours runs there."""
    _renewables.add(owner)
    if "uwsgi" in sys.modules:
        _chain_uwsgi()


def renewing(name: str, owner: Any, function: _F) -> _F:
    """`function`; under uWSGI a wrapper of it, which in a new process renews all owners first.

    The wrapper then calls the renewed attribute `name` of `owner` instead.
    """
    if "uwsgi" not in sys.modules:
        return function

    def renew_and_call(*args: Any) -> Any:
        if os.getpid() != _pid:
            _renew()
            return getattr(owner, name)(*args)
        return function(*args)

    return renew_and_call  # type: ignore[return-value]


def is_uwsgi_without_threads() -> bool:
    """Whether this is uWSGI without Python's threads, where our thread runs only while uWSGI runs the application's code.

    Since its commit 896ee575 of 2024-07 uWSGI always has them; before, it needed --enable-threads or --threads.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    return uwsgi is not None and not uwsgi.has_threads


def may_start_thread() -> bool:
    """Whether a thread may be started: not in uWSGI's master.

    A worker that is forked while a thread has the GIL waits for it for ever (unbit/uwsgi, 1369).  With
    --py-call-uwsgi-fork-hooks the master holds the GIL itself when it forks, if threads are enabled.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    return uwsgi is None or uwsgi.worker_id() != 0 or bool(uwsgi.has_threads and "py-call-uwsgi-fork-hooks" in uwsgi.opt)


def _renew() -> None:
    global _pid
    if os.getpid() == _pid:
        return
    _pid = os.getpid()
    for owner in list(_renewables):
        try:
            owner.renew_after_fork()
        except Exception:  # raised by a part of the application; all others are renewed nevertheless
            log.exception("zipkin: %r could not be renewed after a fork", owner)


def _chain_uwsgi() -> None:
    uwsgi: Any = sys.modules["uwsgi"]  # the server makes this module; no package has that name
    former = getattr(uwsgi, "post_fork_hook", None)
    if getattr(former, "is_zipkins", False):
        return

    def post_fork_hook() -> None:
        _renew()
        if former is not None:
            former()

    setattr(post_fork_hook, "is_zipkins", True)  # noqa: B010  # mypy knows no attributes of functions
    uwsgi.post_fork_hook = post_fork_hook


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
