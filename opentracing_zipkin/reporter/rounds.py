"""A round of reporting: what waits is encoded, packed and sent, as far as the outbox has room."""

from __future__ import annotations

from typing import Any

from .account import Account
from .backlog import Backlog
from .delivery import Delivery
from .encoding import Encoding
from .gil import Handover
from .listener import Listener
from .state import State
from .streak import Streak

__all__ = ["MAX_CHUNK", "Rounds"]

# In chunks, with the GIL offered between them: a busy reporter then delays the application's threads by 1.2 ms at the most,
# where one long batch delays them by 7 (p99 of a sleeping thread).
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
        self._handover = Handover()

    def run(self) -> None:
        """One round."""
        while self._delivery.has_room and self._state.sends:
            spans = self._account.take(self._drain)
            if not spans:
                break
            for message in self._encoding.add(spans):
                self._post(message)
            self._handover.offer()
        for message in self._encoding.rest():
            self._post(message)
        self._delivery.send()
        self._streak.overflow(self._account.full, self._backlog.capacity)
        self._listener.tell(self._account.stats)

    def _drain(self) -> list[Any]:
        return self._backlog.drain(MAX_CHUNK)

    def _post(self, message: list[bytes]) -> None:
        self._delivery.put(message)
        self._delivery.send()
