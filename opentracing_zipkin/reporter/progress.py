"""The wait at the process's end: for all reporters together, while the collector accepts spans, and never beyond a limit."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Protocol

from ..clock import monotonic
from ..log import is_stuck, log
from ..process.interpreter import NONE, at_end, thread_kind
from ..process.termination import at_childs_exit, at_sigterm
from ..text import are, spans, were
from .alarm import Alarm
from .greenlets import prepare_exit

__all__ = ["await_sent", "drain_at_exit", "drain_one", "register_for_childs_exit", "register_for_exit"]

POLL_INTERVAL_S = 0.01


class Drainable(Protocol):
    """The part of a reporter that the process's end uses."""

    @property
    def exit_timeouts(self) -> tuple[float, float]:
        """Seconds to wait after the last accepted message, and in total."""

    @property
    def is_late(self) -> bool:
        """Whether the owner may still hand over spans, although the process ends."""

    @property
    def accepted(self) -> int:
        """The number of spans that the collector has accepted."""

    @property
    def remaining(self) -> int:
        """The number of spans that may still be sent."""

    @property
    def is_logging(self) -> bool:
        """Whether the reporter's thread is inside a log handler."""

    def begin_close(self, cause: str) -> None:
        """Take no span from now on, and send the waiting ones; takes no lock."""

    def hurry(self, deadline: float) -> None:
        """Send the waiting spans now, with short pauses until `deadline`, in monotonic seconds; takes no lock."""

    def send_here(self, seconds: float) -> None:
        """Limit each send to `seconds`; where no thread could be started, send the waiting spans on the calling thread."""

    def release_lock(self) -> None:
        """Release, in a signal handler, the lock that the interrupted code holds."""

    def give_up(self, cause: str) -> int:
        """Drop the remaining spans and log nothing from now on; returns the number of these spans."""


_all: weakref.WeakSet[Drainable] = weakref.WeakSet()
_registered: list[bool] = []
_children: set[int] = set()  # processes, this one or its ancestors, in which `register_for_childs_exit` was called


def register_for_exit(reporter: Drainable) -> None:
    """Make the process's end wait for this reporter from now on, as long as the reporter is referenced."""
    _all.add(reporter)
    if not _registered:
        _registered.append(True)
        at_end(drain_at_exit)
        at_sigterm(drain_for_signal, hurry_all)
        if thread_kind() is NONE:
            log.warning(
                "zipkin: in this kind of subinterpreter Python %d.%d allows no reporter's thread; "
                "spans are sent by flush(), by close() and when the interpreter ends, on the calling thread",
                *sys.version_info[:2],
            )


def register_for_childs_exit() -> None:
    """Make the end of a child wait, too, if it skips Python's exit; called before a thread is started."""
    pid = os.getpid()
    if pid not in _children:
        _children.add(pid)
        at_childs_exit(drain_at_exit)


def drain_at_exit() -> None:
    """Send the waiting spans of all reporters by one deadline, and log in one line how many were lost.

    A late reporter's owner has an exit handler that Python calls after this one.  Such a reporter goes on if none of its spans
    wait.
    """
    prepare_exit()
    _drain(list(_all), "expired", "the process ended")


def drain_one(reporter: Drainable, seconds: float) -> None:
    """Close one reporter, whose owner is shut down, and send its waiting spans in at most `seconds`; lost ones are logged."""
    reporter.begin_close("closed")
    _drain([reporter], "closed", "the exporter was shut down", seconds)


def _drain(reporters: Sequence[Drainable], cause: str, end: str, max_s: float = inf) -> None:
    """Wait for the reporters, then drop their spans as `cause` and log how many; `end` is the event that the line names."""
    late = [reporter for reporter in reporters if reporter.is_late]
    is_done = False
    lost = 0
    with suppress(KeyboardInterrupt):  # the user does not want to wait any longer
        for reporter in reporters:
            if reporter not in late:
                reporter.begin_close(cause)
        is_done = await_sent(reporters, monotonic, lambda deadline: _send_or_wait(reporters, deadline), max_s)
    for reporter in reporters:
        # Spans that a late reporter got meanwhile are not lost, because its owner will close it.
        if reporter not in late or (reporter.remaining and not is_done):
            lost += reporter.give_up(cause)
    if lost:
        _say(_lost_text(lost, end), by_logging=not any(reporter.is_logging for reporter in reporters))


def drain_for_signal() -> None:
    """Send the waiting spans of all reporters in a signal handler: take no lock, and release those of the interrupted code.

    That code will not go on, and while it holds the locks the threads could not send.
    """
    reporters = list(_all)
    for reporter in reporters:
        reporter.begin_close("expired")
        reporter.release_lock()
    await_sent(reporters, monotonic, lambda deadline: _hurry_and_wait(reporters, deadline))
    lost = sum(reporter.remaining for reporter in reporters)
    if lost:
        # Not by logging, because the interrupted code may hold the lock of logging.
        _say(_lost_text(lost, "SIGTERM"), by_logging=False)


def hurry_all() -> None:
    """Send the waiting spans of all reporters now; does not wait."""
    for reporter in list(_all):
        reporter.hurry(monotonic() + reporter.exit_timeouts[0])


def await_sent(
    reporters: Sequence[Drainable], now: Callable[[], float], wait: Callable[[float], None], max_s: float = inf
) -> bool:
    """Call `wait` with the deadline, by the clock `now`, until no span remains; returns whether that happened in time.

    The deadline is the longest stall limit after the last accepted span, but at most the longest total limit, or `max_s`, after
    the beginning.
    """
    stall_s = max((reporter.exit_timeouts[0] for reporter in reporters), default=0.0)
    total_s = min(max_s, max((reporter.exit_timeouts[1] for reporter in reporters), default=0.0))
    start = last = now()
    accepted = sum(reporter.accepted for reporter in reporters)
    while any(reporter.remaining for reporter in reporters):
        deadline = min(last + stall_s, start + total_s)
        if now() >= deadline:
            return False
        wait(deadline)
        more = sum(reporter.accepted for reporter in reporters)
        if more != accepted:
            accepted, last = more, now()
    return True


def _send_or_wait(reporters: Sequence[Drainable], deadline: float) -> None:
    _hurry(reporters, deadline)
    for reporter in reporters:
        if reporter.remaining and monotonic() < deadline:
            reporter.send_here(deadline - monotonic())
    Alarm().wait(POLL_INTERVAL_S)


def _hurry_and_wait(reporters: Sequence[Drainable], deadline: float) -> None:
    _hurry(reporters, deadline)
    Alarm().wait(POLL_INTERVAL_S)


def _hurry(reporters: Sequence[Drainable], deadline: float) -> None:
    for reporter in reporters:
        if reporter.remaining:
            reporter.hurry(deadline)


def _lost_text(count: int, end: str) -> str:
    return f"{spans(count)} {were(count)} not accepted before {end} and {are(count)} lost"


def _say(what: str, by_logging: bool) -> None:
    """Write to the log, or to file descriptor 2 where a log handler may delay us."""
    if by_logging:
        log.warning("zipkin: %s", what)
    elif not is_stuck(2):
        with suppress(OSError):
            os.write(2, f"zipkin: {what}\n".encode())
