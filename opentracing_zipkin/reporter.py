"""The background reporter: finished spans in, encoded messages out to the collector.

Rules: `record` neither waits nor raises.  Everything else happens on one daemon thread, started at the first span.  Each span
that is not sent is counted by its cause, at the place where it was lost.  Nothing here knows HTTP or JSON.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Protocol

from .backlog import Alarm, Backlog
from .codec import SpanEncoder
from .forking import checked, lacks_threads, may_start_thread, renew_in_children
from .handover import Handover
from .model import FinishedSpan
from .outbox import Message, Outbox, backoff_s
from .senders import Sender, SendError
from .stats import CAUSES, TracerStats
from .termination import at_childs_exit, at_exit
from .untraced import suppress_instrumentation

__all__ = ["Finishable", "Handler", "Recorder", "Reporter"]

log = logging.getLogger("opentracing_zipkin")

# In chunks, with the GIL offered between them: a busy reporter then delays the application's threads by 1.2 ms at the most,
# where one long batch delays them by 7 (p99 of a sleeping thread).
CHUNK = 25
# A message costs 1 ms of CPU: 2,000 spans in it, where 1,000 were, take a twentieth off what a small span costs until it is
# delivered; of larger ones, over 260 bytes, a message is full before.
WAKE_AT = 2000
LOG_INTERVAL_S = 30.0

LONGEST_RETRY_AFTER_S = 60.0
# While the process ends there is no time for patience.
CLOSING_DELAY_S = 0.2
# A message that is refused is halved until the span that is to blame is alone.  A collector that refuses so many in a row
# refuses everything: then whole messages are dropped, instead of two requests a span.
MOST_REFUSALS = 32


class Finishable(Protocol):
    """What the reporter asks of a span."""

    def to_finished(self) -> FinishedSpan: ...


class Handler(Protocol):
    """Sees each span before it is encoded, on the reporter's thread.

    Returns it, changed or not, or another one in its place, or None to drop it.  One that raises drops the span, too, because
    what it was to remove from the span must not be sent.
    """

    def __call__(self, span: FinishedSpan, /) -> FinishedSpan | None: ...


class Recorder(Protocol):
    """Where a tracer leaves its finished spans; `record` is called on the application's threads."""

    def record(self, span: Any, /) -> None: ...

    def flush(self, timeout: float) -> bool: ...

    def close(self, timeout: float) -> Future[bool]: ...


class Reporter:
    """Owns the backlog, the thread and the account.  All public methods may be called from any thread."""

    def __init__(
        self,
        encoder: SpanEncoder,
        sender: Sender,
        *,
        max_queued_spans: int = 50_000,
        flush_interval: float = 1.0,
        exit_stall: float = 2.0,
        exit_total: float = 10.0,
        max_outbox_bytes: int = 32 * 1024 * 1024,
        retry_timeout: float = 300.0,
        queue_full_timeout: float = 0.0,
        handlers: Sequence[Handler] = (),
        on_stats: Callable[[TracerStats], None] | None = None,
        on_thread_start: Callable[[], None] = lambda: None,
    ) -> None:
        self._encoder = encoder
        self._sender = sender
        self._flush_interval = flush_interval
        self._exit_stall = exit_stall
        self._exit_total = exit_total
        self._max_outbox_bytes = max_outbox_bytes
        self._retry_timeout = retry_timeout
        self._handlers = _checked(handlers)
        self._handler_failed = False
        self._on_stats = on_stats
        self._on_thread_start = on_thread_start
        self._closed = False
        self._paused = False
        self._backlog = Backlog(max_queued_spans, WAKE_AT, self._attend, self._count_full, queue_full_timeout)
        self.record = checked("record", self, self._backlog.offer)
        self._renew()
        self._exit_hook = at_exit(self._at_exit)
        renew_in_children(self)
        if lacks_threads():
            log.warning("uWSGI runs without threads, so spans are sent late or not at all; start it with --enable-threads")

    def renew_after_fork(self) -> None:
        """The parent keeps its spans and sends them; the child begins with none, and with its own thread when needed."""
        self._renew()
        # Whatever the parent's thread was at, it may have held a lock of the connection's.
        getattr(self._sender, "renew_after_fork", self._sender.close)()

    def _renew(self) -> None:
        """Everything that a forked child must not share with its parent."""
        # Re-entrant: a collection of garbage inside it may finish a span, on this very thread.
        self._lock = threading.RLock()
        # Notified whenever spans have left the reporter, sent or dropped.
        self._settled = threading.Condition(self._lock)
        self._wake = Alarm()
        self._thread: threading.Thread | None = None
        self._closing: Future[bool] | None = None
        self._abandoned: str | None = None  # the cause, once what is left is to be dropped
        self._hurried = False  # somebody waits: try now, whatever the delay
        self._handover = Handover()
        self._outbox = Outbox(self._max_outbox_bytes)
        self._failures = 0  # in a row, that may pass
        self._refusals = 0  # in a row, of messages that could be divided
        self._retry_at = 0.0
        self._sent = 0
        self._in_flight = 0
        self._dropped = dict.fromkeys(CAUSES, 0)
        self._dropped_before_flush = 0
        self._full_said = 0
        self._told: TracerStats | None = None
        self._failing = False
        self._logged_at = 0.0
        self._backlog.renew()

    # The application's side

    def _attend(self) -> bool:
        """Called by an offer that needs the thread: start it, wake it, or refuse the span."""
        if self._closed or self._paused:
            self._count_dropped("closed", 1)
            return False
        if self._thread is None:
            if sys.is_finalizing():  # a thread would never get to run, and Python 3.11 waits for it for ever
                self._count_dropped("closed", 1)
                return False
            self._start()
        else:
            self._wake.set()
        return True

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._closed:
                return
            if not may_start_thread():
                self._say_failing("spans wait in uWSGI's master, where a thread could stop its workers; use --lazy-apps")
                return
            thread = threading.Thread(target=self._run, name="zipkin-reporter", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no threads left, or the interpreter is going down: the next span tries again
                return
            self._thread = thread
        at_childs_exit(self._exit_hook)
        self._backlog.attended()

    def pause(self, paused: bool) -> None:
        """From now on take and send nothing; what waits is kept for the time after.  Or go on."""
        self._paused = paused
        self._backlog.unattended()
        if not paused and self._thread is not None:
            self._backlog.attended()
            self._wake.set()

    def _count_full(self) -> None:
        self._count_dropped("full", 1)

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether every span finished before the call was accepted by the collector, within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._lock:
            due = self._gone() + self._in_flight + len(self._backlog)
            if self._gone() < due:
                self._hurried = True
                self._wake.set()
            while self._gone() < due:
                left = deadline - time.monotonic()
                if left <= 0 or not self._settled.wait(left):
                    break
            dropped = sum(self._dropped.values())
            lossless = dropped == self._dropped_before_flush
            self._dropped_before_flush = dropped
            return lossless and self._gone() >= due

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush, and refuse what comes later; at once the Future of the answer, done within `timeout` seconds."""
        with self._lock:
            if self._closing is not None:
                return self._closing
            closing: Future[bool] = Future()
            self._closing = closing
            self._closed = True
        self._backlog.unattended()
        if self._thread is None:
            closing.set_result(self.flush(0.0))
            return closing
        self._wake.set()
        awaiting = threading.Thread(target=self._await_end, args=(closing, timeout), name="zipkin-close", daemon=True)
        try:
            awaiting.start()
        except RuntimeError:  # the interpreter is going down
            self._await_end(closing, timeout)
        return closing

    def _await_end(self, closing: Future[bool], timeout: float) -> None:
        accepted = self.flush(timeout)
        self._give_up("closed")
        closing.set_result(accepted)

    def _at_exit(self) -> None:
        """Drain as long as it makes progress, and say what was lost."""
        self._closed = True
        self._hurried = True
        self._backlog.unattended()
        self._wake.set()
        if self._thread is None and not self._paused:  # it could not be started; there is nobody who would wait
            self._report()
        with suppress(KeyboardInterrupt):  # enough of waiting
            self._await_progress()
        lost = self._give_up("expired")
        if lost:
            log.warning("%d spans were not accepted before the process ended and are lost", lost)

    def _await_progress(self) -> None:
        """Until nothing waits any more, or nothing has been accepted for too long."""
        start = last = time.monotonic()
        sent = self._sent
        with self._lock:
            while (self._in_flight or len(self._backlog)) and not self._paused:
                self._settled.wait(0.05)
                now = time.monotonic()
                if self._sent != sent:
                    sent, last = self._sent, now
                if now - last > self._exit_stall or now - start > self._exit_total:
                    break

    def drain_for_signal(self) -> None:
        """As at exit, in a signal handler: it takes no lock, and gives back those that the code it interrupted holds.

        That code will not go on, and the thread could not send what waits.
        """
        self._closed = True
        self._hurried = True
        self._backlog.unattended()
        if self._thread is None:
            return
        for lock in (self._lock, self._backlog.room):
            with suppress(RuntimeError):  # it is not ours, or not any more
                while True:
                    lock.release()
        start = last = time.monotonic()
        sent = self._sent
        while (self._in_flight or len(self._backlog)) and not self._paused:
            self._wake.set()
            time.sleep(0.01)
            now = time.monotonic()
            if self._sent != sent:
                sent, last = self._sent, now
            if now - last > self._exit_stall or now - start > self._exit_total:
                break
        lost = self._in_flight + len(self._backlog)
        if lost:
            # Not by logging, whose lock the interrupted code may hold.
            with suppress(OSError):
                os.write(2, b"opentracing_zipkin: %d spans were not accepted before SIGTERM and are lost\n" % lost)

    def _give_up(self, cause: str) -> int:
        """Drop what still waits; what is on its way stays with the thread, which counts it."""
        with self._lock:
            waiting = len(self._backlog.drain(len(self._backlog)))
            self._dropped[cause] += waiting
            self._abandoned = cause
            self._wake.set()
            return waiting + self._in_flight

    def stats(self) -> TracerStats:
        """The account now."""
        with self._lock:
            queued, in_flight, sent = len(self._backlog), self._in_flight, self._sent
            dropped = dict(self._dropped)
        finished = queued + in_flight + sent + sum(dropped.values())
        return TracerStats(finished, sent, queued, in_flight, MappingProxyType(dropped))

    # The thread's side

    def _run(self) -> None:
        try:
            self._on_thread_start()
        except Exception:
            log.exception("the reporter's preparation failed; spans are reported all the same")
        while not (self._closed and self._is_empty()):
            self._wake.wait(self._patience_s())
            try:
                suppress_instrumentation()
                self._report()
                self._say_full()
                self._tell_stats()
            except Exception:  # never the thread: the next batch may be fine
                log.exception("reporting failed unexpectedly")
        self._sender.close()

    def _is_empty(self) -> bool:
        return not len(self._backlog) and not len(self._outbox)

    def _tell_stats(self) -> None:
        if self._on_stats is None:
            return
        stats = self.stats()
        if stats == self._told:
            return
        self._told = stats
        try:
            self._on_stats(stats)
        except Exception:
            log.exception("on_stats failed and is not called any more")
            self._on_stats = None

    def _patience_s(self) -> float:
        """How long nothing has to be done: until the next flush, or the next try of what failed."""
        if self._paused and self._abandoned is None:
            return self._flush_interval
        if self._hurried or (self._closed and not len(self._outbox)):
            return 0.0
        if not len(self._outbox):
            return self._flush_interval
        return min(self._flush_interval, max(0.0, self._retry_at - time.monotonic()))

    def _report(self) -> None:
        """Encode all that waits as far as the outbox has room, and send it unless a delay is to be kept."""
        message: list[bytes] = []
        length = 0
        while self._outbox.has_room and not self._paused:
            with self._lock:
                spans = self._backlog.drain(CHUNK)
                self._in_flight += len(spans)
            if not spans:
                break
            encoded = self._encode(spans)
            total = sum(map(len, encoded))
            if self._fits(len(message) + len(encoded), length + total):  # nearly always
                message += encoded
                length += total
            else:
                for data in encoded:
                    if message and not self._fits(len(message) + 1, length + len(data)):
                        self._post(message)
                        message, length = [], 0
                    message.append(data)
                    length += len(data)
            self._handover.offer()
        if message:
            self._post(message)
        self._send_outbox()

    def _post(self, encoded: list[bytes]) -> None:
        self._outbox.put(Message(encoded, time.monotonic()))
        self._send_outbox()

    def _send_outbox(self) -> None:
        """Send messages, oldest first, until none is left or one fails in a way that may pass."""
        while len(self._outbox):
            if self._abandoned is not None:
                self._settle(self._abandoned, len(self._outbox.take()))
            elif self._paused or (time.monotonic() < self._retry_at and not self._hurried):
                return
            else:
                self._hurried = False
                self._try_first()
        self._hurried = False

    def _try_first(self) -> None:
        message = self._outbox.first()
        try:
            self._sender.send(self._encoder.join(message.encoded))
        except SendError as error:
            self._handle_failure(message, error)
        except Exception as error:  # a sender of the user's, or a fault of ours: no reason to lose count of the spans
            log.debug("sending failed unexpectedly", exc_info=True)
            self._handle_failure(message, SendError(repr(error), retryable=False))
        else:
            self._failures = self._refusals = 0
            self._retry_at = 0.0
            self._settle(None, len(self._outbox.take()))
            self._say_recovered()

    def _handle_failure(self, message: Message, error: SendError) -> None:
        if error.retryable:
            self._failures += 1
            self._retry_at = time.monotonic() + self._delay_s(error)
            if time.monotonic() - message.since < self._retry_timeout:
                self._say_failing(f"{len(message)} spans are not accepted yet: {error}")
                return
            self._drop_first("expired", error)
        elif error.divisible and len(message) > 1 and self._refusals < MOST_REFUSALS:
            self._refusals += 1
            self._outbox.split_first()
        else:
            self._refusals += 1
            self._drop_first("too_large" if error.too_large else "rejected", error)

    def _delay_s(self, error: SendError) -> float:
        if self._closed:
            return CLOSING_DELAY_S
        return backoff_s(self._failures, min(error.retry_after, LONGEST_RETRY_AFTER_S))

    def _drop_first(self, cause: str, error: SendError) -> None:
        message = self._outbox.take()
        self._settle(cause, len(message))
        self._say_failing(f"{len(message)} spans are lost ({cause}): {error}")

    def _encode(self, spans: list[Finishable]) -> list[bytes]:
        """All of them at once; one by one where that fails, so that a span that cannot be sent costs only itself."""
        if self._handlers:
            encoded = self._encode_one_by_one(spans)
        else:
            encode = self._encoder.encode
            try:
                encoded = [encode(span.to_finished()) for span in spans]
            except Exception:
                encoded = self._encode_one_by_one(spans)
        if self._fits(1, max(map(len, encoded), default=0)):
            return encoded
        sendable = [data for data in encoded if self._fits(1, len(data))]
        self._settle("too_large", len(encoded) - len(sendable))
        return sendable

    def _encode_one_by_one(self, spans: list[Finishable]) -> list[bytes]:
        encoded = []
        for span in spans:
            try:
                finished = self._handle(span.to_finished())
                if finished is not None:
                    encoded.append(self._encoder.encode(finished))
            except Exception:
                log.debug("a span could not be encoded", exc_info=True)
                self._settle("too_large", 1)
        return encoded

    def _handle(self, span: FinishedSpan) -> FinishedSpan | None:
        """The span as the handlers leave it, None where it is dropped and counted."""
        for handler in self._handlers:
            try:
                handled = handler(span)
            except Exception:
                handled = None
                if not self._handler_failed:
                    log.exception("%r failed, and the span is dropped (said once)", handler)
                self._handler_failed = True
            if handled is None:
                self._settle("handler", 1)
                return None
            span = handled
        return span

    def _fits(self, count: int, length: int) -> bool:
        return self._encoder.size(count, length) <= self._sender.max_bytes

    def _settle(self, cause: str | None, spans: int) -> None:
        """Spans leave: accepted, or dropped for a cause."""
        with self._lock:
            self._in_flight -= spans
            if cause is None:
                self._sent += spans
            else:
                self._dropped[cause] += spans
            self._settled.notify_all()

    def _count_dropped(self, cause: str, spans: int) -> None:
        if sys.is_finalizing():  # the thread is frozen, and may be so with the lock in its hands
            self._dropped[cause] += spans
            return
        with self._lock:
            self._dropped[cause] += spans

    def _gone(self) -> int:
        return self._sent + sum(self._dropped.values())

    def _say_full(self) -> None:
        """Said here, as a log handler may take its time, and not by the thread whose span was dropped."""
        full = self._dropped["full"]
        if full != self._full_said:
            self._say_failing(f"{full - self._full_said} spans were dropped: {self._backlog.capacity} were waiting already")
            self._full_said = full

    def _say_failing(self, what: str) -> None:
        """The first failure of a streak is a warning, and one more each 30 s; the rest is for who debugs."""
        now = time.monotonic()
        if self._failing and now - self._logged_at < LOG_INTERVAL_S:
            log.debug("%s", what)
            return
        self._failing = True
        self._logged_at = now
        log.warning("%s", what)

    def _say_recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("the collector accepts spans again")

    def __repr__(self) -> str:
        state = (
            "closed"
            if self._closed
            else "paused"
            if self._paused
            else "failing"
            if self._failing
            else "reporting"
            if self._thread
            else "idle"
        )
        stats = self.stats()
        return (
            f"Reporter({state}, {self._sender!r}, queued={stats.queued}, sent={stats.sent}, "
            f"dropped={sum(stats.dropped.values())})"
        )


def _checked(handlers: Any) -> tuple[Handler, ...]:
    if callable(handlers) or not isinstance(handlers, (list, tuple)) or not all(map(callable, handlers)):
        raise ValueError(f"handlers is {handlers!r}; use a list of functions that take and return a FinishedSpan")
    return tuple(handlers)
