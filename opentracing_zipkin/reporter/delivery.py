"""Delivery: sends encoded messages to the collector, the oldest first, one at a time, until each is accepted or given up.

Rules: after a failure that may pass, the same bytes are sent again, when `Pace` says.  A message that is refused is halved
until the span at fault is alone.  This file starts no thread and reads no clock but the given one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..senders import Sender, SendError
from .account import Account
from .log import GuardedLog
from .outbox import Message, Outbox
from .pace import Pace
from .state import GIVEN_UP, State
from .streak import Streak

__all__ = ["MAX_REFUSALS", "Delivery"]

# A collector that refuses this many messages in a row refuses everything.  From then on whole messages are dropped, because
# dividing them would cost two requests for each span.
MAX_REFUSALS = 32
# An interruption (SystemExit, a cancellation, gevent's Timeout) is no refusal of the message, so the message is tried again.
MAX_INTERRUPTIONS = 3


class Delivery:
    """Owns the outbox; used by the reporter's thread only, except for `hurry` and `relax`.

    `join` frames encoded spans as a message.  `retry_timeout`: seconds until an unaccepted message is dropped as `expired`.
    `now`: monotonic seconds.
    """

    def __init__(
        self,
        sender: Sender,
        join: Callable[[Sequence[bytes]], bytes],
        outbox: Outbox,
        account: Account,
        streak: Streak,
        log: GuardedLog,
        state: State,
        retry_timeout: float,
        now: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._join = join
        self._outbox = outbox
        self._account = account
        self._streak = streak
        self._log = log
        self._state = state
        self._retry_timeout = retry_timeout
        self._now = now
        self._pace = Pace(now)
        self._refusals = 0  # refusals in a row of messages that could be divided
        self._is_asked = False  # whether `hurry` was called since the last `send`
        self._interruptions = 0  # interruptions in a row

    @property
    def has_room(self) -> bool:
        """Whether the outbox has room for another message."""
        return self._outbox.has_room

    @property
    def is_empty(self) -> bool:
        """Whether every message was accepted or given up."""
        return not len(self._outbox)

    @property
    def held(self) -> int:
        """The number of spans in the outbox."""
        return self._outbox.spans

    def hurry(self, deadline: float) -> None:
        """Make short pauses until `deadline`, in monotonic seconds, because a caller waits; from any thread, takes no lock."""
        self._pace.hurry(deadline)
        self._is_asked = True  # a thread that is only starting cannot be woken

    def relax(self, deadline: float) -> None:
        """The caller with this deadline waits no longer; from any thread, takes no lock."""
        self._pace.relax(deadline)

    def delay_s(self) -> float | None:
        """Seconds until the next try, 0 where `hurry` was called since the last look; None where there is nothing to send."""
        if self._is_asked:
            return 0.0
        return None if self.is_empty else self._pace.pause_s

    def put(self, encoded: Sequence[bytes]) -> None:
        """Add a new message of encoded spans behind the others."""
        self._outbox.put(Message(encoded, self._now()))

    def send(self) -> None:
        """Send messages until none is left, or one fails in a way that may pass."""
        self._is_asked = False
        while len(self._outbox):
            if self._state.now is GIVEN_UP:
                message = self._outbox.first()
                self._outbox.take(message)
                self._account.count_dropped(self._state.cause, len(message))
            elif self._state.may_send and self._pace.is_due:
                self._try_first()
            else:
                return

    def _try_first(self) -> None:
        message = self._outbox.first()
        self._pace.begin_try()
        try:
            self._sender.send(self._join(message.encoded))
        except SendError as error:
            self._fail(message, error)
        except BaseException as error:  # from a sender of the application, or a bug of ours: the thread must go on
            self._log.say(logging.DEBUG, "sending failed unexpectedly", traceback=True)
            self._interruptions += not isinstance(error, Exception)
            again = not isinstance(error, Exception) and self._interruptions < MAX_INTERRUPTIONS
            self._fail(message, SendError(repr(error), retryable=again))
        else:
            self._refusals = self._interruptions = 0
            self._pace.succeed()
            self._outbox.take(message)
            self._account.count_sent(len(message))
            self._streak.recover()

    def _fail(self, message: Message, error: SendError) -> None:
        if error.retryable:
            self._pace.fail(error.retry_after)
            self._account.count_failure()
            if self._now() - message.made_at < self._retry_timeout:
                self._streak.retry(len(message), error)
                return
            self._drop(message, "expired", error)
        elif error.divisible and len(message) > 1 and self._refusals < MAX_REFUSALS:
            self._refusals += 1
            self._outbox.split(message)
        else:
            self._refusals += 1
            self._drop(message, "too_large" if error.too_large else "rejected", error)

    def _drop(self, message: Message, cause: str, error: SendError) -> None:
        self._interruptions = 0
        self._outbox.take(message)
        self._account.count_dropped(cause, len(message))
        self._streak.lose(len(message), cause, error)
