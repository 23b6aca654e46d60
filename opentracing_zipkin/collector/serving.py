"""Waitress, with limits that it does not have itself: connections, the time of a request, chunks, and its log lines.

Rules: no thread waits for a client.  A request is read completely before a thread gets it.  An answer waits in a buffer (a long
one in a file) until its client has taken it.  At the limit of connections, the one that has made us wait longest is closed.  So
even a thousand slow clients do not keep other clients out.
Source: RFC 9112, "Chunked Transfer Coding"; waitress 3.0, whose classes are made for this (`channel_class`, `parser_class`).
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import BadRequest, RequestEntityTooLarge
from waitress.wasyncore import close_all

from ..log import log
from .answers import TEXT, refusal
from .body import MAX_BODY_BYTES

__all__ = ["MAX_CONNECTIONS", "MAX_FRAMING_BYTES", "MAX_HEADER_BYTES", "MAX_REQUEST_S", "Server"]

MAX_CONNECTIONS = 400
MAX_HEADER_BYTES = 64 * 1024
# The limit for a request from its first byte to its last, including the wait for it, and the same for its answer.
MAX_REQUEST_S = 60.0
# The lengths of chunks, their extensions and trailers; a whole body in chunks of 64 bytes stays below this limit.
MAX_FRAMING_BYTES = 1024 * 1024
# A longer body is read up to this limit and discarded, so that its client gets to the answer.
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
# File descriptors that are kept free for the rest of the process.
_SPARE_DESCRIPTORS = 16
_THREAD_COUNT = 4
_ACCEPT_DELAY_S = 0.5  # the pause after a connection could not be accepted for lack of descriptors or memory

Application = Callable[..., Any]


class _Body(OverflowableBuffer):  # type: ignore[misc]  # waitress has no types
    """A body while it arrives; beyond the limit its bytes are only counted."""

    received = 0

    def append(self, piece: bytes) -> None:
        self.received += len(piece)
        if self.received <= MAX_BODY_BYTES:
            super().append(piece)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """A request while it arrives; `error` tells what is wrong with it."""

    _body: _Body | None = None
    error: Any = None

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except (ParsingError, TransferEncodingNotImplemented):
            raise
        except ValueError as error:  # from urlsplit or int
            raise ParsingError(f"malformed request: {error}") from error
        if self.body_rcv is not None:
            self.body_rcv.buf = self._body = _Body(self.adj.inbuf_overflow)

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        body = self._body
        if body is not None and self.error is None:
            if self.body_bytes_received - body.received > MAX_FRAMING_BYTES:
                self.error = RequestEntityTooLarge(f"more than {MAX_FRAMING_BYTES} bytes of chunk headers and trailers")
                self.completed = True
            elif self.completed and body.received > MAX_BODY_BYTES:
                self.error = RequestEntityTooLarge(f"more than {MAX_BODY_BYTES} bytes")
        return consumed


class _Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to a request that never reaches the application: one line of text."""

    def execute(self) -> None:
        error = self.request.error
        text = f"{error.reason}: {error.body}" if isinstance(error, BadRequest) else error.reason
        body = refusal(error.code, text).body
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", TEXT), ("X-Content-Type-Options", "nosniff")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection; `since` is the time at which we began to wait for its client."""

    parser_class = _Parser
    error_task_class = _Refusal
    logger = log

    def __init__(self, *given: Any, **named: Any) -> None:
        self.since = time.monotonic()
        super().__init__(*given, **named)

    def service(self) -> None:
        self.since = time.monotonic()  # the time of the answer starts anew; the answer may be sent before this returns
        super().service()
        self.since = time.monotonic()


class _NoLog:
    """A logger that drops waitress's warnings about requests that wait for a thread, which are normal here."""

    def warning(self, *given: Any, **named: Any) -> None:
        """Log nothing."""


class _Threads(ThreadedTaskDispatcher):  # type: ignore[misc]
    logger = log
    queue_logger = _NoLog()


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Answers on a listening socket after `start`, in threads that end with the process; `stop` ends them."""

    channel_class = _Channel
    logger = log

    def __init__(self, application: Application, listening: socket.socket) -> None:
        self._accept_again_at_s = 0.0
        self._max_connections = _max_connections()
        settings = Adjustments(
            sockets=[listening],
            ident="opentracing-zipkin",
            connection_limit=sys.maxsize,  # our own limit is lower
            cleanup_interval=1,
            asyncore_use_poll=True,
            inbuf_overflow=256 * 1024,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=_MAX_DISCARDED_BYTES,
            outbuf_high_watermark=sys.maxsize,  # so that no thread waits for a client
            log_socket_errors=False,
            clear_untrusted_proxy_headers=True,
        )
        address = (listening.family, listening.type, listening.proto, listening.getsockname())
        threads = _Threads()
        threads.set_thread_count(_THREAD_COUNT)
        super().__init__(application, {}, True, listening, threads, settings, address, bind_socket=False)
        self._loop = Thread(target=self.run, name="zipkin-collector", daemon=True)

    def start(self) -> None:
        """Serve on a new thread."""
        self._loop.start()

    def stop(self) -> None:
        """Close every connection; requests that are being answered get two seconds to end."""
        self.task_dispatcher.shutdown(timeout=2)
        # On the server's own thread, because no other thread may close the sockets that it waits for.
        with suppress(OSError):  # a request that ends now may trigger the closing first; then our write finds a closed pipe
            self.trigger.pull_trigger(lambda: close_all(self._map))
        self._loop.join(2)

    def accept(self) -> Any:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            # Wait before the next try: the connection is still there, so we would loop at full speed.
            self._accept_again_at_s = time.monotonic() + _ACCEPT_DELAY_S
            self._close_longest_waited_for()
            return None

    def handle_accept(self) -> None:
        if len(self.active_channels) >= self._max_connections:
            self._close_longest_waited_for()
        super().handle_accept()

    def readable(self) -> bool:  # waitress's name
        # If every connection is being answered, none can be closed to make room.
        return bool(super().readable()) and time.monotonic() >= self._accept_again_at_s and self._has_room()

    def maintenance(self, now: float) -> None:
        """Close connections whose clients take too long for a request or for reading its answer."""
        cutoff = time.monotonic() - MAX_REQUEST_S
        for channel in list(self.active_channels.values()):
            if not channel.requests and channel.since < cutoff:
                channel.will_close = True

    def _has_room(self) -> bool:
        return len(self.active_channels) < self._max_connections or any(
            not channel.requests for channel in self.active_channels.values()
        )

    def _close_longest_waited_for(self) -> None:
        waiting = [channel for channel in self.active_channels.values() if not channel.requests]
        if waiting:
            min(waiting, key=lambda channel: channel.since).handle_close()


def _max_connections() -> int:
    """MAX_CONNECTIONS, or half of the free file descriptors if that is less: a long body or answer needs a file."""
    try:
        import resource
    except ImportError:  # on Windows
        return MAX_CONNECTIONS
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(4, min(MAX_CONNECTIONS, (soft - _open_descriptors() - _SPARE_DESCRIPTORS) // 2))


def _open_descriptors() -> int:
    import os

    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # not Linux
        return 16
