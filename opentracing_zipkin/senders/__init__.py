"""Senders: a sender knows bytes, never spans.  This file has the Protocol, and the one error that a sender raises."""

from __future__ import annotations

import copyreg
from typing import Any, Protocol

__all__ = ["SendError", "Sender"]


class Sender(Protocol):
    """Carries a message to the collector; called from the reporter's thread only.

    A sender of your own inherits from this class and has at least a `send`.
    """

    @property
    def max_bytes(self) -> int:
        """The length of the longest message that it takes."""
        return 512 * 1024

    def send(self, body: bytes, /) -> None:
        """Return once the collector has accepted the message; raise SendError otherwise."""

    def limit(self, seconds: float) -> None:
        """Called when the process ends: from now on no `send` takes longer than this."""

    def close(self) -> None:
        """Close connections and files; `send` may be called again, and opens them anew."""

    def renew_after_fork(self) -> None:
        """Called in a forked child: forget the parent's connections, and take no lock.

        A thread of the parent may have held a lock at the fork, and nobody in the child would release it.
        """
        self.close()


class SendError(Exception):
    """A message was not accepted.

    `retryable`: the same bytes may be accepted later, after at least `retry_after` seconds.  `divisible`: parts of the message
    may be accepted now, because only one span or, if `too_large`, the size of the message is the reason.
    """

    def __init__(
        self, reason: str, *, retryable: bool, divisible: bool = False, too_large: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.divisible = divisible or too_large
        self.too_large = too_large
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle would call the constructor with the reason alone, and fail; a pool of processes would break at this error.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]  # pickle's own
