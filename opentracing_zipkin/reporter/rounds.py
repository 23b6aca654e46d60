"""A round of reporting: encodes, packs and sends the waiting spans, as far as the outbox has room."""

from __future__ import annotations

from .account import Account
from .backlog import Backlog
from .delivery import Delivery
from .encoding import Encoding
from .gil import Handover
from .listener import Listener
from .state import State
from .streak import Streak
from .weight import weight_of

__all__ = ["MAX_CHUNK", "Rounds"]

# Spans are encoded in chunks, and the GIL is offered between chunks.  So a busy reporter delays the application's threads by at
# most 1.2 ms; one long batch would delay them by 7 ms (p99 of a sleeping thread).
MAX_CHUNK = 25


class Rounds:
    """Takes spans from the backlog through the encoding to the delivery; used by the reporter's thread only."""

    def __init__(
        self,
        backlog: Backlog,
        encoding: Encoding,
        delivery: Delivery,
        account: Account,
        state: State,
        streak: Streak,
        listener: Listener,
    ) -> None:
        self._backlog = backlog
        self._encoding = encoding
        self._delivery = delivery
        self._account = account
        self._state = state
        self._streak = streak
        self._listener = listener

    @property
    def is_done(self) -> bool:
        """Whether nothing waits any more in the backlog, the encoding and the delivery."""
        return not len(self._backlog) and not self._encoding.held and self._delivery.is_empty

    def run(self, handover: Handover) -> None:
        """Do one round."""
        sample = None
        while self._delivery.has_room and self._state.may_send:
            if not self._encoding.chunk:  # after an interrupted round the chunk is not empty
                self._account.put_in_flight(MAX_CHUNK, self._move)
            if not self._encoding.chunk:
                break
            if sample is None:  # one span of the round is weighed: the others will be similar
                sample = self._encoding.chunk[0]
                self._backlog.adjust_wake_at(weight_of(sample))
            for message in self._encoding.messages():
                self._post(message)
            handover.offer_lock()
        for message in self._encoding.rest():
            self._post(message)
        self._delivery.send()
        self._backlog.weigh(weight_of)
        self._streak.overflow(self._account.dropped_as_full, self._backlog.capacity)
        self._listener.notify(self._account.stats)

    def recover(self) -> None:
        """Count the spans that are really held, after an exception in the middle of a round."""
        self._encoding.recover()
        self._account.reconcile(self._encoding.held + self._delivery.held)

    def _move(self, count: int) -> None:
        self._backlog.move_to(self._encoding.chunk, count)

    def _post(self, message: list[bytes]) -> None:
        self._delivery.put(message)
        self._delivery.send()
