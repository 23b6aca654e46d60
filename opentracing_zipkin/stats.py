"""Accounting: every finished span is waiting, on its way, sent, or dropped for a cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["CAUSES", "TracerStats"]

CAUSES = ("full", "closed", "too_large", "rejected", "expired", "handler", "fork")


class TracerStats(NamedTuple):
    """A snapshot that balances: `finished` is the sum of the other four.

    `queued` spans wait to be encoded, `in_flight` ones are being sent; `dropped` counts by cause: the queue was `full`, the
    tracer `closed`, the span alone `too_large` for a message or impossible to encode, the message `rejected` by the
    collector or `expired` before it took it, a `handler` said so, or a `fork` left it to the parent.
    """

    finished: int
    sent: int
    queued: int
    in_flight: int
    dropped: Mapping[str, int]
