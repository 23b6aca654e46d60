"""The background reporter: its thread is started by the first span, woken, paused, and ended with the process.

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
from ..option import check_part, check_timeout, taken
from ..options import ReporterOptions
from ..process.forking import checked, lacks_threads, may_start_thread, renew_in_children
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
from .progress import end_now, ends_with_child, ends_with_process
from .rounds import Rounds
from .state import GIVEN_UP, PAUSED, State
from .streak import Streak
from .worker import Worker

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["WAKE_AT", "Reporter"]

# A message costs 1 ms of CPU: 2,000 spans in it, where 1,000 were, take 5 % off what a small span costs until it is delivered.
# A message of larger spans, over 260 bytes each, is full before.
WAKE_AT = 2000

MAX_JOIN_S = 0.5  # that an end by the owner waits for the thread, which has nothing left to send


class Reporter:
    """Owns the backlog, the thread and the account.  All public methods may be called from any thread.

    The arguments are the settings of the group ReporterOptions, as in docs/reference/configuration.md.  `on_thread_start` is
    called once on the thread, before the first span is sent.  `owner`: the reporter ends when nobody holds this object any
    more.  `late`: the owner may hand over spans until the process's very end, and calls `end` then.  Raises ValueError that
    names a wrong value and the remedy.
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
        self._own = own = taken("Reporter()", ReporterOptions, given)
        check_part("sender", sender, Sender, ("send", "close", "renew_after_fork", "limit", "max_bytes"))
        self._encoder = encoder
        self._sender = sender
        self._on_thread_start = on_thread_start
        self._late = late
        self._state = State()
        self._backlog = Backlog(
            own["max_queued_spans"],
            WAKE_AT,
            lambda: self._state.takes,
            lambda wake: self._worker.attend(wake),
            lambda cause: self._account.refuse(cause),
            own["queue_full_timeout"],
            own["max_queued_bytes"],
        )
        self.record = checked("record", self, self._backlog.offer)
        self._renew()
        # The callback may run in the middle of anything, so it only sets what the thread looks at.
        self._owner = None if owner is None else weakref.ref(owner, self._end_with_owner)
        ends_with_process(self)
        renew_in_children(self)
        if lacks_threads():
            log.warning("zipkin: uWSGI runs without threads: spans are sent late or not at all; start it with --enable-threads")

    def renew_after_fork(self) -> None:
        """The parent keeps its spans and sends them; the child begins with none, and with its own thread when needed."""
        self._worker.forget()
        self._renew()
        # Whatever the parent's thread was at, it may have held a lock of the connection's.
        self._sender.renew_after_fork()

    def _renew(self) -> None:
        """Make everything that a forked child must not share with its parent."""
        own, state = self._own, self._state
        self._closing: dict[str, Future[bool]] = {}
        self._log = voice = GuardedLog()
        self._account = account = Account(self._backlog.__len__)
        self._streak = streak = Streak(voice, monotonic)
        encoding = Encoding(self._encoder, own["handlers"], self._sender.max_bytes, account, voice, self._last_handler())
        outbox = Outbox(own["max_outbox_bytes"])
        join, timeout = self._encoder.join, own["retry_timeout"]
        self._delivery = Delivery(self._sender, join, outbox, account, streak, voice, state, timeout, monotonic)
        listener = Listener(own["on_stats"], voice)
        rounds = Rounds(self._backlog, encoding, self._delivery, account, state, streak, listener)
        interval, prepare = own["flush_interval"], self._on_thread_start
        self._loop = Loop(rounds, self._backlog, self._delivery, self._sender, state, voice, interval, prepare)
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
        """Take and send nothing from now on, and keep what waits for the time after.  Or go on."""
        if paused:
            self._state.pause()
            self._backlog.unattended()
            return
        self._state.resume()
        if self._worker.runs:
            self._loop.let_offers_pass()
            self._worker.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """Whether every span that waits now is accepted within `timeout` seconds (2 where it is None), and none was dropped.

        Where there may be no thread, this one sends, and stays as long as the last message that it has begun to send.
        """
        attend = self._hurry_here if thread_kind() is NONE else self.hurry
        return self._account.flushed(check_timeout(timeout), attend)

    def hurry(self) -> None:
        """Send what waits now, whatever the delay; takes no lock."""
        self._delivery.hurry()
        self._worker.attend()

    def stats(self) -> TracerStats:
        """The account now."""
        return self._account.stats()

    # The end

    def close(self, timeout: float | None = None) -> Future[bool]:
        """Flush, and refuse what comes later; at once the Future of the answer, done within `timeout` seconds (None: 2)."""
        timeout = check_timeout(timeout)
        closing: Future[bool] = Future()
        closing.set_running_or_notify_cancel()  # nobody can cancel it: it is everybody's who closes
        first = self._closing.setdefault("future", closing)
        if first is not closing:
            return first
        self.begin_end("closed")
        if not self._state.sends:  # it was paused: there is nothing to wait for
            self.give_up("closed")
        if not self._account.pending:
            self._await_close(closing, 0.0)
            return closing
        try:
            start_thread(self._await_close, (closing, timeout), "zipkin-close")
        except RuntimeError:  # the interpreter is going down, or one where there may be no thread
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
    def patience(self) -> tuple[float, float]:
        """Seconds that the process's end waits after the last accepted message, and in all."""
        return self._own["exit_stall_timeout"], self._own["exit_timeout"]

    def _end_with_owner(self, owner: object) -> None:
        try:
            if not self._state.ended:
                self.begin_end("closed")
        except Exception:  # the interpreter goes down, and modules are empty
            pass

    def end(self, seconds: float) -> None:
        """Send what waits as at the process's end, but no longer than this, and stop; says in the log what was lost."""
        end_now(self, seconds)
        if self._worker.has_ended_within(MAX_JOIN_S):
            self._sender.close()

    @property
    def ended(self) -> bool:
        """Whether no span will be taken any more."""
        return self._state.ended

    @property
    def is_late(self) -> bool:
        """Whether somebody may still hand over spans, although the process ends."""
        return self._late and not self._state.ended

    @property
    def refused(self) -> int:
        """How many spans were offered in vain, because the queue was full or no span was taken."""
        return self._account.refused

    @property
    def accepted(self) -> int:
        """How many spans the collector has accepted."""
        return self._account.sent

    @property
    def remaining(self) -> int:
        """How many spans may still be sent."""
        return self._account.pending if self._state.sends else 0

    @property
    def speaking(self) -> bool:
        """Whether its thread is inside a log handler."""
        return self._log.speaking

    def begin_end(self, cause: str) -> None:
        """From now on no span is taken; what waits is sent, or dropped as `cause` where sending is paused.  Takes no lock."""
        self._state.end(cause)
        self._backlog.unattended()
        self.hurry()

    def send_here(self, seconds: float) -> None:
        """Where no thread could be started: send what waits on this one; and where the end waits for ours, hurry that."""
        if thread_kind() is not DAEMON:
            self._sender.limit(seconds)
            self._work_here()
        else:
            self._worker.work_here(lambda: copy_context().run(self._loop.send_within, seconds))

    def _hurry_here(self) -> None:
        self.hurry()
        self._work_here()

    def _work_here(self) -> None:
        """Where there may be no thread: what it would do, in a context of its own, on this one."""
        self._worker.work_here(lambda: copy_context().run(self._loop.run_once))

    def release(self) -> None:
        """In a signal's handler: give back the lock that the interrupted code holds."""
        self._account.release()

    def give_up(self, cause: str) -> int:
        """Drop what still waits; what is on its way stays with the thread, which counts it.  How many spans that is."""
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
            self._streak.fail("spans wait in uWSGI's master, where a thread could stop its workers; use --lazy-apps")
            return False
        ends_with_child()
        return True

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
        return "failing" if self._streak.failing else "reporting" if self._worker.is_there else "idle"
