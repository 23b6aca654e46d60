"""Encoding: passes spans through the handlers and the codec, and packs them into messages of the size that the sender takes.

Rules: a span that cannot be encoded, or that is too long alone, costs only itself.  No handler sees a span twice, and no span
is sent twice: an encoded span loses its slot `_start`, which reveals a span that was recorded twice.  After an exception in the
middle, `recover` finds out which spans are still held.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from ..codec import SpanEncoder
from ..handlers import SpanHandler
from ..model import FinishedSpan, TakenBefore
from .account import Account
from .log import GuardedLog
from .sendable import Unsendable, make_sendable

__all__ = ["Encoding"]


class Encoding:
    """Owns the chunk of spans that is being encoded and the message that is being filled.

    Used by the reporter's thread only.  `max_bytes` is the limit of a message.  `last` is a handler that sees each span as it
    would be encoded, after all others.
    """

    def __init__(
        self,
        encoder: SpanEncoder,
        handlers: Sequence[SpanHandler],
        max_bytes: int,
        account: Account,
        log: GuardedLog,
        last: SpanHandler | None = None,
    ) -> None:
        self.chunk: deque[Any] = deque()  # objects with a `to_finished`, which raises TakenBefore for a second copy
        self._message: list[bytes] = []
        self._length = 0  # bytes of the encoded spans in the message
        self._busy = False  # whether the first span of the chunk may be half encoded
        self._encoder = encoder
        self._handlers = handlers
        self._last = last
        self._is_failure_logged = False  # whether a handler has raised an exception
        self._is_unsendable_logged = False  # whether a handler has returned a span that cannot be sent
        self._max_bytes = max_bytes
        self._account = account
        self._log = log

    @property
    def held(self) -> int:
        """The number of spans in the chunk and in the message."""
        return len(self.chunk) + len(self._message)

    def messages(self) -> Iterator[list[bytes]]:
        """Encode the chunk; yields the messages that are full now."""
        message = self._message
        before = len(message)
        self._busy = True
        while self.chunk:
            try:
                self._encode_chunk()
            except Exception as error:
                self._drop_first(error)
        self._busy = False
        added = message[before:]
        if not added:
            return
        if not self._is_within_limit(1, max(map(len, added))):
            self._drop_too_large(before)
            added = message[before:]
        self._length += sum(map(len, added))
        if not self._is_within_limit(len(message), self._length):
            yield from self._cut_full(before)

    def rest(self) -> Iterator[list[bytes]]:
        """Yield the message that is not full yet, if there is one."""
        if self._message:
            message, self._message, self._length = self._message, [], 0
            yield message

    def recover(self) -> None:
        """Drop a span that may be half encoded, after an exception in the middle; the account then counts it as interrupted."""
        if self._busy and self.chunk:
            self.chunk.popleft()
        self._busy = False
        self._length = sum(map(len, self._message))

    def _encode_chunk(self) -> None:
        """Move spans from the chunk into the message; raises at the first span that cannot be encoded."""
        chunk, append = self.chunk, self._message.append
        encode, handle = self._encoder.encode, self._handle if self._handlers or self._last else None
        while chunk:
            span = chunk[0]
            finished = span.to_finished()
            try:  # noqa: SIM105  # `suppress` takes ten times as long
                del span._start
            except AttributeError:  # an object that is no span of ours, so it is not recorded twice
                pass
            if handle is not None:
                finished = handle(finished)
            if finished is not None:
                append(encode(finished))
            chunk.popleft()

    def _drop_first(self, error: Exception) -> None:
        self.chunk.popleft()
        if isinstance(error, TakenBefore):
            self._account.count_double()
        else:
            self._log.say(logging.DEBUG, "a span could not be encoded", traceback=True)
            self._account.count_dropped("too_large", 1)

    def _handle(self, span: FinishedSpan) -> FinishedSpan | None:
        """The span as the handlers return it; None where it is dropped and counted."""
        handled: FinishedSpan | None = span
        for handler in self._handlers:
            handled = self._call_handler(handler, handled)
            if handled is None:
                return None
        if self._handlers:
            handled = self._sendable(handled)
        return handled if handled is None or self._last is None else self._call_handler(self._last, handled)

    def _call_handler(self, handler: SpanHandler, span: Any) -> FinishedSpan | None:
        """The span as one handler returns it; None where it is dropped and counted."""
        try:
            handled = handler(span)
        except BaseException:  # application code: SystemExit or a time-out must not end the thread
            handled = None
            if not self._is_failure_logged:
                self._log.say(logging.ERROR, f"{handler!r} failed; the span is dropped (logged once)", traceback=True)
            self._is_failure_logged = True
        if handled is None:
            self._account.count_dropped("handler", 1)
        return handled

    def _sendable(self, span: Any) -> FinishedSpan | None:
        """The span with the types that the codec expects; None where that is impossible, so that it is dropped and counted."""
        try:
            return make_sendable(span)
        except Exception as error:  # a handler may have left objects of any class in it
            if not self._is_unsendable_logged:
                reason = str(error) if type(error) is Unsendable else type(error).__name__
                self._log.say(logging.ERROR, f"a handler left {reason}; the span is dropped (logged once)")
            self._is_unsendable_logged = True
            self._account.count_dropped("handler", 1)
            return None

    def _drop_too_large(self, before: int) -> None:
        """Drop the spans of the message, from `before` on, that are longer than a whole message may be."""
        fitting = [data for data in self._message[before:] if self._is_within_limit(1, len(data))]
        too_large = len(self._message) - before - len(fitting)
        self._message[before:] = fitting
        self._account.count_dropped("too_large", too_large)

    def _cut_full(self, before: int) -> Iterator[list[bytes]]:
        """Cut off messages that are as long as allowed; the spans up to `before` are known to fit."""
        start, length = 0, sum(map(len, self._message[:before]))
        pending = self._message
        for place in range(before, len(pending)):
            data = pending[place]
            if place > start and not self._is_within_limit(place - start + 1, length + len(data)):
                cut, self._message = pending[start:place], pending[place:]
                start, length = place, 0
                yield cut
            length += len(data)
        self._length = length

    def _is_within_limit(self, count: int, length: int) -> bool:
        return self._encoder.size(count, length) <= self._max_bytes
