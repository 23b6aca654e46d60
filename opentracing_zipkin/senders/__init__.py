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
        """Give back what it holds; it may be used again after, as in a forked process."""


class SendError(Exception):
    """A message was not accepted; `retryable` says whether the same bytes may be accepted later."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.retryable = retryable
