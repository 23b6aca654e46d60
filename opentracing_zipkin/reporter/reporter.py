"""The background reporter: the first span starts its thread; it is woken, paused, and ended with the process.

Rules: `record` neither waits nor raises.  Everything else happens on one daemon thread.  Each span that is not sent is counted
by its cause, at the place where it was lost.  Nothing here knows HTTP or JSON.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING

from ..clock import monotonic
from ..codec import SpanEncoder
from ..handlers import SpanHandler
from ..log import log
from ..option import check_group, check_part, check_timeout
from ..options import ReporterOptions
from ..process.forking import is_uwsgi_without_threads, may_start_thread, renew_in_children, renewing
from ..process.interpreter import DAEMON, NONE, start_thread, thread_kind
from ..senders import Sender
from ..stats import TracerStats
from .account import Account
from .backlog import Backlog
from .delivery import Delivery
from .encoding import Encoding
from .listener import Listener
from .log import GuardedLog
from .loop import Loop
from .outbox import Outbox
from .pace import LAST_TRY_S
from .progress import drain_one, register_for_childs_exit, register_for_exit
from .rounds import Rounds
from .state import GIVEN_UP, PAUSED, State
from .streak import Streak
from .worker import Worker

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MIN_WAKE_SPANS", "Reporter"]

# A message costs 1 ms of CPU.  With 2,000 spans in it instead of 1,000, the delivery of a small span costs 5 % less.  A message
# of spans over 260 bytes each is full before 2,000.
MIN_WAKE_SPANS = 2000

MAX_JOIN_S = 0.5  # seconds that `close_and_wait` waits for the thread, which has nothing left to send


class Reporter:
    """Owns the backlog, the thread and the account.  All public methods may be called from any thread.

    The arguments are the settings of the group ReporterOptions, as in docs/reference/configuration.md.  `on_thread_start` is
    called once on the thread, before the first span is sent.  `owner`: the reporter closes when this object is no longer
    referenced.  `late`: the owner may hand over spans until the very end of the process, and calls `close_and_wait` then.
    Raises ValueError that names a wrong value and the remedy.
    """

    def __init__(
        self,
        encoder: SpanEncoder,
        sender: Sender,
        *,
        on_thread_start: Callable[[], None] = lambda: None,
        owner: object = None,
        late: bool = False,
        **given: Unpack[ReporterOptions],
    ) -> None:
        self._own = own = check_group("Reporter()", ReporterOptions, given)
        check_part("sender", sender, Sender, ("send", "close", "renew_after_fork", "limit", "max_bytes"))
        self._encoder = encoder
        self._sender = sender
        self._on_thread_start = on_thread_start
        self._late = late
        self._state = State()
        self._backlog = Backlog(
            own["max_queued_spans"],
            MIN_WAKE_SPANS,
            lambda: self._state.is_open,
            lambda wake: self._worker.ensure_thread(wake),
            lambda cause: self._account.count_refused(cause),
            own["queue_full_timeout"],
            own["max_queued_bytes"],
        )
        self.record = renewing("record", self, self._backlog.offer)
        self._renew()
        # The callback may run in the middle of any code, so it only sets a state that the thread reads.
        self._owner = None if owner is None else weakref.ref(owner, self._close_with_owner)
        register_for_exit(self)
        renew_in_children(self)
        if is_uwsgi_without_threads():
            log.warning("zipkin: uWSGI runs without threads: spans are sent late or not at all; start it with --enable-threads")

    def renew_after_fork(self) -> None:
        """Renew everything in a forked child: it begins without spans and starts a thread when needed.

        The parent keeps its spans and sends them.
        """
        self._worker.forget()
        self._renew()
        # The parent's thread may have held a lock of the connection at the fork.
        self._sender.renew_after_fork()

    def _renew(self) -> None:
        """Make all objects that a forked child must not share with its parent."""
        own, state = self._own, self._state
        self._closing: dict[str, Future[bool]] = {}
        self._log = guarded_log = GuardedLog()
        self._account = account = Account(self._backlog.__len__)
        self._streak = streak = Streak(guarded_log, monotonic)
        max_bytes = self._sender.max_bytes
        encoding = Encoding(self._encoder, own["handlers"], max_bytes, account, guarded_log, self._last_handler())
        outbox = Outbox(own["max_outbox_bytes"])
        join, timeout = self._encoder.join, own["retry_timeout"]
        self._delivery = Delivery(self._sender, join, outbox, account, streak, guarded_log, state, timeout, monotonic)
        listener = Listener(own["on_stats"], guarded_log)
        rounds = Rounds(self._backlog, encoding, self._delivery, account, state, streak, listener)
        interval, prepare = own["flush_interval"], self._on_thread_start
        self._loop = Loop(rounds, self._backlog, self._delivery, self._sender, state, guarded_log, interval, prepare)
        self._worker = Worker(self._loop.run, self._may_start)
        self._backlog.renew()

    def _last_handler(self) -> SpanHandler | None:
        """The redaction, which remembers texts and so is the thread's own."""
        chosen = self._own["redact"]
        if chosen is False:
            return None
        from ..handlers.redaction import redact  # here, because few ask for it

        return redact(() if chosen is True else chosen)

    # The application's side

    def pause(self, paused: bool) -> None:
        """Take and send no span from now on, but keep the waiting ones; with False, go on."""
        if paused:
            self._state.pause()
            self._backlog.close_fast_path()
            return
        self._state.resume()
        if self._worker.is_running:
            self._loop.open_fast_path()
            self._worker.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """Whether every span that waits now is accepted within `timeout` seconds (2 where it is None), and none was dropped.

        Where no thread may be started, the calling thread sends; it then stays until the last message that it began is done.
        """
        hurry = self._hurry_here if thread_kind() is NONE else self.hurry
        return self._account.await_flush(check_timeout(timeout), hurry)

    def attempt(self, timeout: float) -> None:
        """Wait until every span that waits now is accepted or dropped, or one try has failed, at most `timeout` seconds.

        One try is made at once, even if the collector has asked for a pause; the spans are kept.
        """
        # A deadline that is so near makes the next try the last one, and so one without a pause.
        near = monotonic() + min(timeout, LAST_TRY_S)
        hurry = self._hurry_here if thread_kind() is NONE else self.hurry
        hurry(near)
        if self._worker.is_started or thread_kind() is NONE:  # Python 3.12 starts no thread at its exit
            self._account.await_tried(timeout, lambda deadline: hurry(near))
        self._delivery.relax(near)  # so that the next caller has a try of its own

    def hurry(self, deadline: float) -> None:
        """Send the waiting spans now, with short pauses until `deadline`, in monotonic seconds; takes no lock."""
        self._delivery.hurry(deadline)
        self._worker.ensure_thread()

    def stats(self) -> TracerStats:
        """A snapshot of the account."""
        return self._account.stats()

    # The end

    def close(self, timeout: float | None = None) -> Future[bool]:
        """Flush, and refuse later spans; returns at once the Future of the result, done within `timeout` seconds (None: 2)."""
        timeout = check_timeout(timeout)
        closing: Future[bool] = Future()
        closing.set_running_or_notify_cancel()  # so that it cannot be cancelled: all callers of `close` share it
        first = self._closing.setdefault("future", closing)
        if first is not closing:
            return first
        self.begin_close("closed")
        if not self._state.may_send:  # it was paused, so nothing is sent and a wait is useless
            self.give_up("closed")
        if not self._account.pending:
            self._await_close(closing, 0.0)
            return closing
        try:
            start_thread(self._await_close, (closing, timeout), "zipkin-close")
        except RuntimeError:  # the interpreter is ending, or does not allow threads
            if thread_kind() is NONE:
                self._sender.limit(timeout)
            self._await_close(closing, timeout)
        return closing

    def _await_close(self, closing: Future[bool], timeout: float) -> None:
        accepted = False
        try:
            accepted = self.flush(timeout)
        finally:
            self.give_up("closed")
            closing.set_result(accepted)

    @property
    def exit_timeouts(self) -> tuple[float, float]:
        """Seconds that the process's end waits after the last accepted message, and in total."""
        return self._own["exit_stall_timeout"], self._own["exit_timeout"]

    def _close_with_owner(self, owner: object) -> None:
        try:
            if not self._state.is_closed:
                self.begin_close("closed")
        except Exception:  # the interpreter is ending, and modules are already empty
            pass

    def close_and_wait(self, seconds: float) -> None:
        """Send the waiting spans as at the process's end, in at most `seconds`, and stop; logs how many were lost."""
        drain_one(self, seconds)
        if self._worker.has_ended_within(MAX_JOIN_S):
            self._sender.close()

    @property
    def is_closed(self) -> bool:
        """Whether no span will be taken any more."""
        return self._state.is_closed

    @property
    def is_late(self) -> bool:
        """Whether the owner may still hand over spans, although the process ends."""
        return self._late and not self._state.is_closed

    @property
    def refused(self) -> int:
        """The number of spans that were refused because the queue was full or no span was taken."""
        return self._account.refused

    @property
    def accepted(self) -> int:
        """The number of spans that the collector has accepted."""
        return self._account.sent

    @property
    def accepted_at(self) -> float:
        """The time, in monotonic seconds, when the collector has last accepted spans; minus infinity if it never did."""
        return self._account.sent_at

    @property
    def remaining(self) -> int:
        """The number of spans that may still be sent."""
        return self._account.pending if self._state.may_send else 0

    @property
    def is_logging(self) -> bool:
        """Whether the reporter's thread is inside a log handler."""
        return self._log.is_logging

    def begin_close(self, cause: str) -> None:
        """Take no span from now on; send the waiting ones, or drop them as `cause` if sending is paused.  Takes no lock."""
        self._state.close(cause)
        self._backlog.close_fast_path()
        self._worker.ensure_thread()

    def send_here(self, seconds: float) -> None:
        """Send on the calling thread where no thread could be started; limit each send where the end waits for our thread."""
        if thread_kind() is not DAEMON:
            self._sender.limit(seconds)
            self._work_here()
        else:
            self._worker.work_here(lambda: copy_context().run(self._loop.send_within, seconds))

    def _hurry_here(self, deadline: float) -> None:
        self.hurry(deadline)
        self._work_here()

    def _work_here(self) -> None:
        """Do the thread's work on the calling thread, in a separate context, where no thread may be started."""
        self._worker.work_here(lambda: copy_context().run(self._loop.run_once))

    def release_lock(self) -> None:
        """Release, in a signal handler, the lock that the interrupted code holds."""
        self._account.release_lock()

    def give_up(self, cause: str) -> int:
        """Drop the waiting spans; returns their number plus that of the spans in flight.

        A span in flight stays with the thread, which counts it.
        """
        lost = self._account.drop_waiting(cause, self._backlog.drain)
        self._state.give_up(cause)
        self._log.mute()
        self._worker.wake()
        if thread_kind() is NONE:
            self._worker.forget()
        return lost

    # The thread's side

    def _may_start(self) -> bool:
        if self._state.now is GIVEN_UP:
            return False
        if not may_start_thread():
            self._streak.fail("spans wait in uWSGI's master, where a thread could block its workers; use --lazy-apps")
            return False
        register_for_childs_exit()
        return True

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"Reporter({self._condition()}, {self._sender!r}, queued={stats.queued}, sent={stats.sent}, "
            f"dropped={sum(stats.dropped.values())})"
        )

    def _condition(self) -> str:
        """The state as one word for people."""
        if self._state.is_closed:
            return "closed"
        if self._state.now is PAUSED:
            return "paused"
        return "failing" if self._streak.failing else "reporting" if self._worker.is_started else "idle"
