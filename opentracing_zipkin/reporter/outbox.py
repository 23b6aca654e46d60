"""Outbox: encoded messages on their way to the collector, oldest first.

Rules: a message that is sent again has the same bytes, because storages recognise copies by their content.  So a message is
encoded once and kept until it is accepted or given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

__all__ = ["Message", "Outbox"]


class Message:
    """Encoded spans that travel together; `made_at`: monotonic seconds."""

    __slots__ = ("encoded", "length", "made_at")

    def __init__(self, encoded: Sequence[bytes], made_at: float) -> None:
        self.encoded = encoded
        self.length = sum(map(len, encoded))
        self.made_at = made_at

    def __len__(self) -> int:
        return len(self.encoded)

    def halves(self) -> Iterator[Message]:
        """Two messages of half the spans each."""
        middle = len(self.encoded) // 2
        yield Message(self.encoded[:middle], self.made_at)
        yield Message(self.encoded[middle:], self.made_at)


class Outbox:
    """A queue of messages bounded in bytes; used by the reporter's thread only."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._messages: deque[Message] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def has_room(self) -> bool:
        """Whether the outbox is below its limit; the spans that are encoded next may exceed it."""
        return self.bytes < self.max_bytes

    def put(self, message: Message) -> None:
        self._messages.append(message)
        self.bytes += message.length

    def first(self) -> Message:
        """The oldest message, which stays in the outbox."""
        return self._messages[0]

    @property
    def spans(self) -> int:
        """The number of spans in the messages."""
        return sum(map(len, self._messages))

    def take(self, message: Message) -> None:
        """Remove the oldest message, if it is this one."""
        if self._messages and self._messages[0] is message:
            self._messages.popleft()
            self.bytes -= message.length

    def split(self, message: Message) -> None:
        """Replace the oldest message by its two halves."""
        self.take(message)
        for half in reversed(list(message.halves())):
            self._messages.appendleft(half)
            self.bytes += half.length
