"""The background reporter: its thread is started by the first span, woken, paused, and ended with the process.

Rules: `record` neither waits nor raises.  Everything else happens on one daemon thread.  Each span that is not sent is counted
by its cause, at the place where it was lost.  Nothing here knows HTTP or JSON.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..codec import SpanEncoder
from ..option import check_part, taken
from ..options import ReporterOptions
from ..process.forking import checked, lacks_threads, may_start_thread, renew_in_children
from ..process.termination import at_childs_exit, at_exit, at_sigterm
from ..senders import Sender
from ..stats import TracerStats
from ..text import are, spans, were
from .account import Account
from .backlog import Alarm, Backlog
from .delivery import Delivery
from .encoding import Encoding
from .listener import Listener
from .outbox import Outbox
from .progress import await_end
from .rounds import Rounds
from .state import PAUSED, State
from .streak import Streak
from .untraced import suppress_instrumentation

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["WAKE_AT", "Reporter"]

log = logging.getLogger("opentracing_zipkin")

# A message costs 1 ms of CPU: 2,000 spans in it, where 1,000 were, take 5 % off what a small span costs until it is delivered.
# A message of larger spans, over 260 bytes each, is full before.
WAKE_AT = 2000

EXIT_POLL_S = 0.05
SIGNAL_POLL_S = 0.01


class Reporter:
    """Owns the backlog, the thread and the account.  All public methods may be called from any thread.

    The arguments are the settings of the group ReporterOptions, as in docs/reference/configuration.md.  `on_thread_start` is
    called once on the thread, before the first span is sent.  Raises ValueError that names a wrong value and the remedy.
    """

    def __init__(
        self,
        encoder: SpanEncoder,
        sender: Sender,
        *,
        on_thread_start: Callable[[], None] = lambda: None,
        **given: Unpack[ReporterOptions],
    ) -> None:
        self._own = own = taken("Reporter()", ReporterOptions, given)
        check_part("sender", sender, Sender, ("send", "close", "renew_after_fork", "max_bytes"))
        self._encoder = encoder
        self._sender = sender
        self._on_thread_start = on_thread_start
        self._state = State()
        self._backlog = Backlog(own["max_queued_spans"], WAKE_AT, self._attend, self._count_full, own["queue_full_timeout"])
        self.record = checked("record", self, self._backlog.offer)
        self._renew()
        self._exit_hook = at_exit(self._at_exit)
        at_sigterm(self._at_sigterm, self._hurry)
        renew_in_children(self)
        if lacks_threads():
            log.warning(
                "zipkin: uWSGI runs without threads, so spans are sent late or not at all; start it with --enable-threads"
            )

    def renew_after_fork(self) -> None:
        """The parent keeps its spans and sends them; the child begins with none, and with its own thread when needed."""
        self._renew()
        # Whatever the parent's thread was at, it may have held a lock of the connection's.
        self._sender.renew_after_fork()

    def _renew(self) -> None:
        """Make everything that a forked child must not share with its parent."""
        own, now = self._own, time.monotonic
        self._account = account = Account(self._backlog.__len__)
        self._streak = Streak(now)
        # Guards the thread's start, and `close`.  Re-entrant: a collection of garbage inside it may finish a span.
        self._lock = threading.RLock()
        self._wake = Alarm()
        self._thread: threading.Thread | None = None
        self._closing: Future[bool] | None = None
        encoding = Encoding(self._encoder, own["handlers"], self._sender.max_bytes, account)
        self._delivery = Delivery(
            self._sender,
            self._encoder.join,
            Outbox(own["max_outbox_bytes"]),
            account,
            self._streak,
            self._state,
            own["retry_timeout"],
            now,
        )
        listener = Listener(own["on_stats"])
        self._rounds = Rounds(self._backlog, encoding, self._delivery, account, self._state, self._streak, listener)
        self._backlog.renew()

    # The application's side

    def _attend(self) -> bool:
        """Called by an offer that needs the thread: start it, wake it, or refuse the span."""
        if not self._state.takes:
            self._account.drop("closed")
            return False
        if self._thread is None:
            if sys.is_finalizing():  # a thread would never get to run, and Python 3.11 waits for it for ever
                self._account.drop("closed")
                return False
            self._start()
        else:
            self._wake.set()
        return True

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._state.ended:
                return
            if not may_start_thread():
                self._streak.fail("spans wait in uWSGI's master, where a thread could stop its workers; use --lazy-apps")
                return
            thread = threading.Thread(target=self._run, name="zipkin-reporter", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no threads left, or the interpreter is going down: the next span tries again
                return
            self._thread = thread
        at_childs_exit(self._exit_hook)
        self._attended()

    def _attended(self) -> None:
        """Let offers take the fast path, unless the reporter was paused or ended meanwhile."""
        self._backlog.attended()
        if not self._state.takes:
            self._backlog.unattended()

    def pause(self, paused: bool) -> None:
        """Take and send nothing from now on, and keep what waits for the time after.  Or go on."""
        if paused:
            self._state.pause()
            self._backlog.unattended()
            return
        self._state.resume()
        if self._thread is not None:
            self._attended()
            self._wake.set()

    def _count_full(self) -> None:
        self._account.drop("full")

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether every span finished before the call was accepted by the collector, within `timeout` seconds."""
        return self._account.flushed(timeout, self._hurry)

    def _hurry(self) -> None:
        self._delivery.hurry()
        self._wake.set()

    # The end

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush, and refuse what comes later; at once the Future of the answer, done within `timeout` seconds."""
        with self._lock:
            if self._closing is not None:
                return self._closing
            closing: Future[bool] = Future()
            self._closing = closing
        self._begin_end("closed")
        if not self._state.sends:  # it was paused: there is nothing to wait for
            self._give_up("closed")
        if self._thread is None:
            closing.set_result(self.flush(0.0))
            return closing
        awaiting = threading.Thread(target=self._await_close, args=(closing, timeout), name="zipkin-close", daemon=True)
        try:
            awaiting.start()
        except RuntimeError:  # the interpreter is going down
            self._await_close(closing, timeout)
        return closing

    def _await_close(self, closing: Future[bool], timeout: float) -> None:
        accepted = self.flush(timeout)
        self._give_up("closed")
        closing.set_result(accepted)

    def _at_exit(self) -> None:
        """Drain as long as it makes progress, and say what was lost."""
        self._begin_end("expired")
        if self._thread is None and self._state.sends:  # it could not be started; there is nobody who would wait
            self._rounds.run()
        with suppress(KeyboardInterrupt):  # enough of waiting
            self._await_end(lambda: self._account.wait(EXIT_POLL_S))
        lost = self._give_up("expired")
        if lost:
            log.warning("zipkin: %s", _lost(lost, "the process ended"))

    def _at_sigterm(self) -> None:
        """As at exit, in a signal's handler: take no lock, and give back those that the interrupted code holds.

        That code will not go on, and the thread could not send what waits.
        """
        self._begin_end("expired")
        if self._thread is None:
            return
        self._account.release()
        self._backlog.release()
        with suppress(RuntimeError):  # it is not ours, or not any more
            while True:
                self._lock.release()
        self._await_end(self._wake_and_sleep)
        lost = self._account.pending
        if lost:
            # Not by logging, whose lock the interrupted code may hold.
            with suppress(OSError):
                os.write(2, f"zipkin: {_lost(lost, 'SIGTERM')}\n".encode())

    def _wake_and_sleep(self) -> None:
        self._wake.set()
        time.sleep(SIGNAL_POLL_S)

    def _begin_end(self, cause: str) -> None:
        """From now on no span is taken; what waits is sent, or dropped as `cause` where sending is paused."""
        self._state.end(cause)
        self._backlog.unattended()
        self._hurry()

    def _await_end(self, wait: Callable[[], None]) -> None:
        own = self._own
        stall_s, total_s = own["exit_stall_timeout"], own["exit_timeout"]
        await_end(self._account, self._state, stall_s=stall_s, total_s=total_s, now=time.monotonic, wait=wait)

    def _give_up(self, cause: str) -> int:
        """Drop what still waits; what is on its way stays with the thread, which counts it."""
        lost = self._account.drop_waiting(cause, self._drain_all)
        self._state.give_up(cause)
        self._wake.set()
        return lost

    def _drain_all(self) -> list[Any]:
        return self._backlog.drain(len(self._backlog))

    def stats(self) -> TracerStats:
        """The account now."""
        return self._account.stats()

    # The thread's side

    def _run(self) -> None:
        try:
            self._on_thread_start()
        except Exception:
            log.exception("zipkin: the reporter's preparation failed; spans are reported all the same")
        while not (self._state.ended and not len(self._backlog) and self._delivery.is_empty):
            self._wake.wait(self._patience_s())
            try:
                suppress_instrumentation()
                self._rounds.run()
            except Exception:  # never the thread: the next batch may be fine
                log.exception("zipkin: reporting failed unexpectedly")
        self._sender.close()

    def _patience_s(self) -> float:
        """Seconds for which there is nothing to do: until the next flush, or the next try of what failed."""
        interval: float = self._own["flush_interval"]
        if self._state.now is PAUSED:
            return interval
        delay_s = self._delivery.delay_s()
        if delay_s is None:
            return 0.0 if self._state.ended else interval
        return min(interval, delay_s)

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"Reporter({self._condition()}, {self._sender!r}, queued={stats.queued}, sent={stats.sent}, "
            f"dropped={sum(stats.dropped.values())})"
        )

    def _condition(self) -> str:
        """The state, in a word for people."""
        if self._state.ended:
            return "closed"
        if self._state.now is PAUSED:
            return "paused"
        return "failing" if self._streak.failing else "reporting" if self._thread else "idle"


def _lost(count: int, end: str) -> str:
    return f"{spans(count)} {were(count)} not accepted before {end} and {are(count)} lost"
