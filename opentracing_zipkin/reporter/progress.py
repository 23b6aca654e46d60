"""How the process's end waits: for all reporters together, as long as the collector accepts spans, and never beyond a limit."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Protocol

from ..clock import monotonic
from ..log import log
from ..process.interpreter import NONE, at_end, thread_kind
from ..process.termination import at_childs_exit, at_sigterm
from ..text import are, spans, were
from .alarm import Alarm
from .greenlets import prepare_exit

__all__ = ["await_end", "drain_at_exit", "end_now", "ends_with_child", "ends_with_process"]

MAX_POLL_S = 0.01
HURRY_S = 0.2  # between two tries of a reporter that is not told yet that the process ends


class Ending(Protocol):
    """A reporter, as far as the process's end asks it."""

    @property
    def patience(self) -> tuple[float, float]:
        """Seconds to wait after the last accepted message, and in all."""

    @property
    def is_late(self) -> bool:
        """Whether somebody may still hand over spans, although the process ends."""

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
    """Send what waits, of all reporters by one deadline, and say in one line what was lost.

    A late reporter, whose owner has an exit handler that Python calls after this one, goes on where nothing of it waits.
    """
    prepare_exit()
    _drain(list(_all), "expired", "the process ended")


def end_now(reporter: Ending, seconds: float) -> None:
    """The same for one reporter, by its owner, in no more than so many seconds."""
    reporter.begin_end("closed")
    _drain([reporter], "closed", "the exporter was shut down", seconds)


def _drain(reporters: Sequence[Ending], cause: str, end: str, most_s: float = inf) -> None:
    late = [reporter for reporter in reporters if reporter.is_late]
    hurried = [monotonic()]
    is_done = False
    lost = 0

    def wait(left_s: float) -> None:
        if late and monotonic() - hurried[0] >= HURRY_S:
            hurried[0] = monotonic()
            for reporter in late:
                reporter.hurry()
        _send_or_wait(reporters, left_s)

    with suppress(KeyboardInterrupt):  # enough of waiting
        for reporter in reporters:
            if reporter in late:
                reporter.hurry()
            else:
                reporter.begin_end(cause)
        is_done = await_end(reporters, monotonic, wait, most_s)
    for reporter in reporters:
        # What a late one has been given since is not lost: its owner will end it.
        if reporter not in late or (reporter.remaining and not is_done):
            lost += reporter.give_up(cause)
    if lost:
        _say(_lost(lost, end), by_logging=not any(reporter.speaking for reporter in reporters))


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


def await_end(
    reporters: Sequence[Ending], now: Callable[[], float], wait: Callable[[float], None], most_s: float = inf
) -> bool:
    """Call `wait`, with the seconds that are left, until nothing remains or the patience is at its end; whether it was not.

    The patience ends where no reporter had a span accepted for the longest stall, and at the longest limit in all, or after
    `most_s`.
    """
    stall_s = max((reporter.patience[0] for reporter in reporters), default=0.0)
    total_s = min(most_s, max((reporter.patience[1] for reporter in reporters), default=0.0))
    start = last = now()
    accepted = sum(reporter.accepted for reporter in reporters)
    while any(reporter.remaining for reporter in reporters):
        left_s = min(last + stall_s, start + total_s) - now()
        if left_s <= 0:
            return False
        wait(left_s)
        more = sum(reporter.accepted for reporter in reporters)
        if more != accepted:
            accepted, last = more, now()
    return True


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
