"""Senders: a sender knows bytes, never spans.  Here the Protocol and the one error it raises."""

from __future__ import annotations

from typing import Protocol

__all__ = ["SendError", "Sender"]


class Sender(Protocol):
    """Carries a message to the collector; called from the reporter's thread only."""

    @property
    def max_bytes(self) -> int:
        """The longest message it takes."""

    def send(self, body: bytes, /) -> None:
        """Return once the collector has accepted the message; raise SendError otherwise."""

    def close(self) -> None:
        """Give back what it holds; it may be used again after.

        A sender with a method `renew_after_fork` has it called in a forked child in place of `close`.  It forgets what it
        holds and takes no lock, because a thread of the parent's may have held that when the process was forked.
        """


class SendError(Exception):
    """A message was not accepted.

    `retryable`: the same bytes may be accepted later, after `retry_after` seconds at the least.  `divisible`: parts of it may
    be accepted now, as one span is to blame or, if `too_large`, its size.
    """

    def __init__(
        self, reason: str, *, retryable: bool, divisible: bool = False, too_large: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.divisible = divisible or too_large
        self.too_large = too_large
        self.retry_after = retry_after
