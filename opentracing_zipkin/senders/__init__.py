"""Senders: a sender knows bytes, never spans.  Here the Protocol and the one error it raises."""

from __future__ import annotations

import copyreg
from typing import Any, Protocol

__all__ = ["SendError", "Sender"]


class Sender(Protocol):
    """Carries a message to the collector; called from the reporter's thread only.

    A sender of one's own inherits from this class and has at least a `send`.
    """

    @property
    def max_bytes(self) -> int:
        """The longest message it takes."""
        return 512 * 1024

    def send(self, body: bytes, /) -> None:
        """Return once the collector has accepted the message; raise SendError otherwise."""

    def limit(self, seconds: float) -> None:
        """The process ends: from now on no `send` takes longer than this."""

    def close(self) -> None:
        """Give back what it holds; it may be used again after."""

    def renew_after_fork(self) -> None:
        """In a forked child: forget what it holds, and take no lock.

        A thread of the parent may have held a lock when the process was forked, and nobody releases it in the child.
        """
        self.close()


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

    def __reduce__(self) -> tuple[Any, ...]:
        # The reason alone would not do for the constructor: a pool of processes would break at an error that it cannot read.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]  # pickle's own
