"""Encoding: spans through the handlers and the codec, packed into messages that the sender takes.

Rules: a span that cannot be encoded, or that is too long alone, costs only itself.  No handler sees a span twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

from ..codec import SpanEncoder
from ..handlers import SpanHandler
from ..model import FinishedSpan
from .account import Account

__all__ = ["Encoding", "Finishable"]

log = logging.getLogger("opentracing_zipkin")


class Finishable(Protocol):
    """What the reporter asks of a span."""

    def to_finished(self) -> FinishedSpan: ...


class Encoding:
    """Owns the message that is being filled; used by the reporter's thread only.  `max_bytes`: of a message."""

    def __init__(self, encoder: SpanEncoder, handlers: Sequence[SpanHandler], max_bytes: int, account: Account) -> None:
        self._encoder = encoder
        self._handlers = handlers
        self._handler_failed = False
        self._max_bytes = max_bytes
        self._account = account
        self._message: list[bytes] = []
        self._length = 0

    def add(self, spans: list[Finishable]) -> Iterator[list[bytes]]:
        """Encode spans; the messages that are full now."""
        encoded = self._encode(spans)
        total = sum(map(len, encoded))
        if self._fits(len(self._message) + len(encoded), self._length + total):  # nearly always
            self._message += encoded
            self._length += total
            return
        for data in encoded:
            if self._message and not self._fits(len(self._message) + 1, self._length + len(data)):
                yield from self.rest()
            self._message.append(data)
            self._length += len(data)

    def rest(self) -> Iterator[list[bytes]]:
        """The message that is not full yet, if there is one."""
        if self._message:
            message, self._message, self._length = self._message, [], 0
            yield message

    def _encode(self, spans: list[Finishable]) -> list[bytes]:
        """All of them at once; one by one where that fails."""
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
        self._account.settle("too_large", len(encoded) - len(sendable))
        return sendable

    def _encode_one_by_one(self, spans: list[Finishable]) -> list[bytes]:
        encoded = []
        for span in spans:
            try:
                finished = self._handle(span.to_finished())
                if finished is not None:
                    encoded.append(self._encoder.encode(finished))
            except Exception:
                log.debug("zipkin: a span could not be encoded", exc_info=True)
                self._account.settle("too_large", 1)
        return encoded

    def _handle(self, span: FinishedSpan) -> FinishedSpan | None:
        """The span as the handlers leave it, None where it is dropped and counted."""
        for handler in self._handlers:
            try:
                handled = handler(span)
            except Exception:
                handled = None
                if not self._handler_failed:
                    log.exception("zipkin: %r failed, and the span is dropped (said once)", handler)
                self._handler_failed = True
            if handled is None:
                self._account.settle("handler", 1)
                return None
            span = handled
        return span

    def _fits(self, count: int, length: int) -> bool:
        return self._encoder.size(count, length) <= self._max_bytes
