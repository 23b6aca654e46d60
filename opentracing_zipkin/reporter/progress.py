"""The wait at the process's end: for all reporters together, while the collector accepts spans, and never beyond a limit.

An application's shutdown is a part of the end: the time that it has waited is missing later, so that both share the limits.
"""

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
from ..process.termination import at_childs_exit, at_signal
from ..text import are, spans, were
from .alarm import Alarm
from .greenlets import prepare_exit

__all__ = [
    "await_sent",
    "drain_at_exit",
    "drain_one",
    "flush_at_shutdown",
    "register_for_childs_exit",
    "register_for_exit",
]

POLL_INTERVAL_S = 0.01
MAX_SHUTDOWN_S = 1.0  # an application's shutdown waits no longer, because its server may wait for it


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
    def accepted_at(self) -> float:
        """The time, in monotonic seconds, when the collector has last accepted spans; minus infinity if it never did."""

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


class Shutdown:
    """An application's wait before its process's end, in monotonic seconds.  It lasts until `ended_at` is set."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.ended_at = inf

    def waited_s(self, now: float) -> float:
        """The seconds of this wait."""
        return min(now, self.ended_at) - self.began_at

    def stalled_s(self, now: float, accepted_at: float) -> float:
        """The seconds of this wait after the last acceptance; 0 if spans were accepted since the wait."""
        return max(0.0, min(now, self.ended_at) - max(self.began_at, accepted_at))


_shutdowns: list[Shutdown] = []  # the last one, unless every span was accepted in it
_all: weakref.WeakSet[Drainable] = weakref.WeakSet()
_given_up: weakref.WeakSet[Drainable] = weakref.WeakSet()  # at the process's end, which may call `drain_at_exit` twice
_registered: list[bool] = []
_children: set[int] = set()  # processes, this one or its ancestors, in which `register_for_childs_exit` was called


def register_for_exit(reporter: Drainable) -> None:
    """Make the process's end wait for this reporter from now on, as long as the reporter is referenced."""
    _all.add(reporter)
    if not _registered:
        _registered.append(True)
        at_end(drain_at_exit)
        at_signal(drain_for_signal, hurry_all)
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
        _shutdowns.clear()  # of the parent
        _given_up.clear()
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
        is_done = await_sent(reporters, monotonic, lambda deadline: _send_or_wait(reporters, deadline), max_s, _shutdowns)
    for reporter in reporters:
        # Spans that a late reporter got meanwhile are not lost, because its owner will close it.
        if reporter not in _given_up and (reporter not in late or (reporter.remaining and not is_done)):
            lost += reporter.give_up(cause)
            _given_up.add(reporter)
    if lost:
        _say(_lost_text(lost, end), by_logging=not any(reporter.is_logging for reporter in reporters))


def flush_at_shutdown(flush: Callable[[float], bool]) -> bool:
    """Call `flush` with its timeout, because the application shuts down; the process's end then waits that much less.

    The timeout is half of the time that is left for the end, so that spans of the server's last steps have the other half.
    """
    reporters = list(_all)
    now = monotonic()
    waited_s, stalled_s = _spent(reporters, now, _shutdowns)
    stall_s, total_s = _limits(reporters)
    left_s = min(stall_s - stalled_s, total_s - waited_s) if reporters else inf
    _shutdowns[:] = [Shutdown(now - stalled_s)]
    try:
        is_done = flush(min(MAX_SHUTDOWN_S, max(0.0, left_s / 2)))
        if is_done:
            _shutdowns.clear()
        return is_done
    finally:
        for shutdown in _shutdowns:
            shutdown.ended_at = monotonic()


def drain_for_signal(name: str) -> None:
    """Send the waiting spans of all reporters in a signal handler: take no lock, and release those of the interrupted code.

    That code will not go on, and while it holds the locks the threads could not send.
    """
    reporters = list(_all)
    for reporter in reporters:
        reporter.begin_close("expired")
        reporter.release_lock()
    await_sent(reporters, monotonic, lambda deadline: _hurry_and_wait(reporters, deadline), shutdowns=_shutdowns)
    lost = sum(reporter.remaining for reporter in reporters)
    if lost:
        # Not by logging, because the interrupted code may hold the lock of logging.
        _say(_lost_text(lost, name), by_logging=False)


def hurry_all() -> None:
    """Send the waiting spans of all reporters now; does not wait."""
    for reporter in list(_all):
        reporter.hurry(monotonic() + reporter.exit_timeouts[0])


def await_sent(
    reporters: Sequence[Drainable],
    now: Callable[[], float],
    wait: Callable[[float], None],
    max_s: float = inf,
    shutdowns: Sequence[Shutdown] = (),
) -> bool:
    """Call `wait` with the deadline, by the clock `now`, until no span remains; returns whether that happened in time.

    The deadline is the longest stall limit after the last accepted span, but at most the longest total limit, or `max_s`, after
    the beginning.  The seconds of `shutdowns` count, too.
    """
    stall_s, total_s = _limits(reporters)
    begin = now()
    waited_s, stalled_s = _spent(reporters, begin, shutdowns)
    end = begin + min(max_s, total_s - waited_s)
    last = begin - stalled_s
    accepted = sum(reporter.accepted for reporter in reporters)
    while any(reporter.remaining for reporter in reporters):
        deadline = min(last + stall_s, end)
        if now() >= deadline:
            return False
        wait(deadline)
        more = sum(reporter.accepted for reporter in reporters)
        if more != accepted:
            accepted, last = more, now()
    return True


def _limits(reporters: Sequence[Drainable]) -> tuple[float, float]:
    """The longest limits of the reporters, in seconds: after the last accepted message, and in total."""
    timeouts = [reporter.exit_timeouts for reporter in reporters] or [(0.0, 0.0)]
    return max(stall_s for stall_s, _ in timeouts), max(total_s for _, total_s in timeouts)


def _spent(reporters: Sequence[Drainable], now: float, shutdowns: Sequence[Shutdown]) -> tuple[float, float]:
    """The seconds that the shutdowns have waited, in total and after the last accepted message."""
    accepted_at = max((reporter.accepted_at for reporter in reporters), default=-inf)
    return (
        sum(shutdown.waited_s(now) for shutdown in shutdowns),
        sum(shutdown.stalled_s(now, accepted_at) for shutdown in shutdowns),
    )


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
