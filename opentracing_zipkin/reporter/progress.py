"""How the process's end waits: for all reporters together, as long as the collector accepts spans, and never beyond a limit."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ..clock import monotonic
from ..log import log
from ..process.interpreter import NONE, at_end, thread_kind
from ..process.termination import at_childs_exit, at_sigterm
from ..text import are, spans, were
from .alarm import Alarm
from .greenlets import prepare_exit

__all__ = ["await_end", "drain_at_exit", "ends_with_child", "ends_with_process"]

MAX_POLL_S = 0.01


class Ending(Protocol):
    """A reporter, as far as the process's end asks it."""

    @property
    def patience(self) -> tuple[float, float]:
        """Seconds to wait after the last accepted message, and in all."""

    @property
    def accepted(self) -> int:
        """How many spans the collector has accepted."""

    @property
    def remaining(self) -> int:
        """How many spans may still be sent."""

    @property
    def speaking(self) -> bool:
        """Whether its thread is inside a log handler."""

    def begin_end(self, cause: str) -> None:
        """Take no span any more, and send what waits without patience; takes no lock."""

    def hurry(self) -> None:
        """Send what waits now; takes no lock."""

    def send_here(self, seconds: float) -> None:
        """Send nothing longer than this; where no thread could be started, send what waits on this one."""

    def release(self) -> None:
        """In a signal's handler: give back the locks that the interrupted code holds."""

    def give_up(self, cause: str) -> int:
        """Drop what remains, and say no more in the log; how many spans that is."""


_all: weakref.WeakSet[Ending] = weakref.WeakSet()
_registered: list[bool] = []
_children: set[int] = set()  # the processes, this one or those it was forked from, that the next function was called in


def ends_with_process(reporter: Ending) -> None:
    """From now on the process's end waits for this reporter, unless nobody holds it any more."""
    _all.add(reporter)
    if not _registered:
        _registered.append(True)
        at_end(drain_at_exit)
        at_sigterm(drain_for_signal, hurry_all)
        if thread_kind() is NONE:
            log.warning(
                "zipkin: in this kind of subinterpreter Python %d.%d allows no thread that reports; "
                "spans are sent by flush(), by close() and when the interpreter ends, on the thread that asks",
                *sys.version_info[:2],
            )


def ends_with_child() -> None:
    """Before a thread is started: if this is a child that leaves out Python's exit, its end waits as well."""
    pid = os.getpid()
    if pid not in _children:
        _children.add(pid)
        at_childs_exit(drain_at_exit)


def drain_at_exit() -> None:
    """Send what waits, of all reporters by one deadline, and say in one line what was lost."""
    reporters = list(_all)
    lost = 0
    prepare_exit()
    with suppress(KeyboardInterrupt):  # enough of waiting
        for reporter in reporters:
            reporter.begin_end("expired")
        await_end(reporters, monotonic, lambda left_s: _send_or_wait(reporters, left_s))
    for reporter in reporters:
        lost += reporter.give_up("expired")
    if lost:
        _say(_lost(lost, "the process ended"), by_logging=not any(reporter.speaking for reporter in reporters))


def drain_for_signal() -> None:
    """As at exit, in a signal's handler: take no lock, and give back those that the interrupted code holds.

    That code will not go on, and the threads could not send what waits.
    """
    reporters = list(_all)
    for reporter in reporters:
        reporter.begin_end("expired")
        reporter.release()
    await_end(reporters, monotonic, lambda left_s: _hurry_and_wait(reporters))
    lost = sum(reporter.remaining for reporter in reporters)
    if lost:
        # Not by logging, whose lock the interrupted code may hold.
        _say(_lost(lost, "SIGTERM"), by_logging=False)


def hurry_all() -> None:
    """Send what waits now, of all reporters; waits for nothing."""
    for reporter in list(_all):
        reporter.hurry()


def await_end(reporters: Sequence[Ending], now: Callable[[], float], wait: Callable[[float], None]) -> None:
    """Call `wait`, with the seconds that are left, until nothing remains or the patience is at its end.

    The patience ends where no reporter had a span accepted for the longest stall, and at the longest limit in all.
    """
    stall_s = max((reporter.patience[0] for reporter in reporters), default=0.0)
    total_s = max((reporter.patience[1] for reporter in reporters), default=0.0)
    start = last = now()
    accepted = sum(reporter.accepted for reporter in reporters)
    while any(reporter.remaining for reporter in reporters):
        left_s = min(last + stall_s, start + total_s) - now()
        if left_s <= 0:
            return
        wait(left_s)
        more = sum(reporter.accepted for reporter in reporters)
        if more != accepted:
            accepted, last = more, now()


def _send_or_wait(reporters: Sequence[Ending], left_s: float) -> None:
    deadline = monotonic() + left_s
    for reporter in reporters:
        if reporter.remaining and monotonic() < deadline:
            reporter.send_here(deadline - monotonic())
    Alarm().wait(MAX_POLL_S)


def _hurry_and_wait(reporters: Sequence[Ending]) -> None:
    for reporter in reporters:
        reporter.hurry()
    Alarm().wait(MAX_POLL_S)


def _lost(count: int, end: str) -> str:
    return f"{spans(count)} {were(count)} not accepted before {end} and {are(count)} lost"


def _say(what: str, by_logging: bool) -> None:
    """By the log, or where a log handler may hold us up, by file descriptor 2."""
    if by_logging:
        log.warning("zipkin: %s", what)
    else:
        with suppress(OSError):
            os.write(2, f"zipkin: {what}\n".encode())
