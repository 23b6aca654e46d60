"""The part of AMQP 0-9-1 that a publisher needs: log in, look for the queue, publish, wait for the broker's confirm.

pika writes and reads the frames (`amqp_frames`).  Its connections are not used, for three reasons (pika 1.4.4): they look up a
name in a new thread, which an ending interpreter refuses to start; `basic_publish` has no deadline; and a refused connection
logs seven lines at ERROR.

Rules: one channel, one message at a time.  We ask for no heartbeats, because no thread would send them while the application is
idle; the kernel's probes find a broker that is gone.  A broker with an alarm stops reading, perhaps in the middle of a message.
This message then stays on its connection.  If each try sent it anew, the broker would accept every copy when the alarm ends.
Source: AMQP 0-9-1, "General Specification", 2.2, 4.2; RabbitMQ: "Consumer Acknowledgements and Publisher Confirms", "Blocked
Connection Notifications", "Authentication Failure Notification".
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from typing import Any

from pika import frame, spec

from ..clock import monotonic
from .amqp_frames import MAX_FRAME_BYTES, method_frame, publish_frames, take_method
from .broker_url import RabbitmqUrl
from .connection import Terms
from .stream import Stream

__all__ = ["Login", "Nacked", "Publisher", "Refused", "Unroutable"]

MAX_FAREWELL_S = 0.5  # the wait for the broker's answer to our farewell
MAX_UNASKED_READS = 64  # pieces that a broker may send unasked before the connection is given up

_TIMEOUT_REASONS = {
    "connect": "the broker was not reached in time",
    "log in": "the broker did not answer the login in time",
    "open": "the broker did not open the virtual host in time",
    "queue": "the broker did not find the queue in time",
    "declare": "the broker did not declare the queue in time",
    "publish": "the broker did not confirm the message in time",
}
_CLIENT = {
    "product": "opentracing-zipkin",
    "platform": "Python",
    "capabilities": {
        "publisher_confirms": True,
        "basic.nack": True,
        "connection.blocked": True,
        "authentication_failure_close": True,
    },
}

Login = tuple[str, str] | None  # user and password; None means the client's certificate, or RabbitMQ's user `guest`


class Refused(Exception):
    """The broker has closed the connection or the channel; `code` and `text` are the broker's, `stage` is the Publisher's."""

    def __init__(self, code: int, text: str, stage: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.stage = stage


class Unroutable(Exception):
    """No queue has taken the message; the text is the broker's."""


class Nacked(Exception):
    """The broker has answered that it did not keep the message (basic.nack)."""


class Publisher:
    """Owns one connection to a broker; used from one thread at a time.

    Each method raises Refused or OSError; at the deadline of `terms` this is TimeoutError.  `stage` is the last step that was
    begun.  `blocked` is the broker's reason to read nothing for now, "" while it reads.
    """

    def __init__(self, url: RabbitmqUrl, context: ssl.SSLContext | None, terms: Terms) -> None:
        self.stage = "connect"
        self.blocked = ""
        self._terms = terms
        self._queue = url.queue
        self._channel = 0
        self._max_frame = MAX_FRAME_BYTES
        self._tag = 0
        self._body: bytes | None = None  # the message that is not confirmed yet
        self._unsent = memoryview(b"")
        self._answer: Any = None  # the broker's answer to the message: Ack or Nack
        self._returned: Any = None
        try:
            self._stream = Stream(url.host, url.port, context, terms)
        except TimeoutError:
            raise TimeoutError(_TIMEOUT_REASONS[self.stage]) from None

    # The beginning

    def open(self, login: Login, vhost: str) -> None:
        """Log in and find the queue; called once, before any other method."""
        try:
            self._log_in(login)
            self._open_vhost(vhost)
            self._find_queue()
        except TimeoutError:
            raise TimeoutError(_TIMEOUT_REASONS[self.stage]) from None
        except (ConnectionAbortedError, ConnectionResetError) as error:
            if self.stage != "log in":
                raise
            raise ConnectionError(f"{error}; a port for TLS needs amqps://") from None
        self.stage = "publish"

    def _log_in(self, login: Login) -> None:
        self.stage = "log in"
        self._write(frame.ProtocolHeader().marshal())
        offered = self._wait_for(spec.Connection.Start).mechanisms.decode("ascii", "replace").split()
        mechanism, response = _mechanism(login, offered)
        client = {**_CLIENT, "connection_name": f"opentracing-zipkin, process {os.getpid()}"}
        self._send_method(spec.Connection.StartOk(client, mechanism, response, "en_US"), 0)
        tune = self._wait_for(spec.Connection.Tune)
        self._max_frame = min(tune.frame_max or MAX_FRAME_BYTES, MAX_FRAME_BYTES)
        self._send_method(spec.Connection.TuneOk(tune.channel_max, self._max_frame, 0), 0)

    def _open_vhost(self, vhost: str) -> None:
        self.stage = "open"
        self._send_method(spec.Connection.Open(vhost), 0)
        self._wait_for(spec.Connection.OpenOk)

    def _find_queue(self) -> None:
        """Look for the queue before declaring it: looking needs no permission, and works whatever arguments the queue has."""
        self.stage = "queue"
        self._open_channel()
        self._send_method(spec.Queue.Declare(queue=self._queue, passive=True))
        try:
            self._wait_for(spec.Queue.DeclareOk)
        except Refused as refusal:
            if refusal.code != spec.NOT_FOUND:
                raise
            self._open_channel()
            self._send_method(spec.Queue.Declare(queue=self._queue, durable=True))
            self.stage = "declare"
            self._wait_for(spec.Queue.DeclareOk)
        self._send_method(spec.Confirm.Select())
        self._wait_for(spec.Confirm.SelectOk)

    def _open_channel(self) -> None:
        self._channel += 1  # the number of a closed channel is free again only after its farewell
        self._send_method(spec.Channel.Open())
        self._wait_for(spec.Channel.OpenOk)

    # A message

    def is_usable(self, body: bytes) -> bool:
        """Whether this connection can publish this message; answers without waiting."""
        try:
            self.handle_received()
        except (OSError, ValueError, Refused):
            return False
        return self.stage == "publish" and self._body in (None, body)

    def publish(self, body: bytes, content_type: str) -> None:
        """Return once the broker has confirmed the message; raise Unroutable or Nacked where it did not take it.

        After TimeoutError, call it again with the same message: it goes on, and does not send the message twice.
        """
        if self._body is None:
            self._tag += 1
            self._body, self._answer, self._returned = body, None, None
            self._unsent = memoryview(publish_frames(self._channel, self._queue, body, content_type, self._max_frame))
        try:
            self._send_rest()
            while self._answer is None:
                self._handle(self._next_method())
        except OSError as error:
            with suppress(OSError):
                self.handle_received()  # the reason may have come already
            if self._answer is None and isinstance(error, TimeoutError):
                raise TimeoutError(_TIMEOUT_REASONS[self.stage]) from None
            if self._answer is None:
                raise
        self._body = None
        if isinstance(self._answer, spec.Basic.Nack):
            raise Nacked()
        if self._returned is not None:
            raise Unroutable(self._returned.reply_text)

    def handle_received(self) -> None:
        """Read and handle the methods that have come already, without waiting."""
        for _ in range(MAX_UNASKED_READS):
            if not self._stream.receive_available():
                return
            while (method := self._received_method()) is not None:
                self._handle(method)
        raise ConnectionError("the broker sends too much that was not asked for")

    # The end

    def close(self) -> None:
        """Close with a farewell, so that the broker logs no warning; in the middle of a frame, close without it."""
        ends_at_s = self._terms.ends_at_s
        self._terms.ends_at_s = min(ends_at_s, monotonic() + MAX_FAREWELL_S)
        if not self._unsent and not self.blocked:
            with suppress(OSError, Refused):
                self._send_method(spec.Connection.Close(200, "", 0, 0), 0)
                self._wait_for(spec.Connection.CloseOk)
        self._terms.ends_at_s = ends_at_s
        self._stream.close()

    def drop(self) -> None:
        """Close without a farewell."""
        self._stream.close()

    def forget(self) -> None:
        """In a forked process: close our copy of the socket, and send nothing."""
        self._stream.forget()

    # Frames

    def _send_method(self, method: Any, channel: int | None = None) -> None:
        self._write(method_frame(self._channel if channel is None else channel, method))

    def _write(self, data: bytes) -> None:
        self._unsent = memoryview(data)
        self._send_rest()

    def _send_rest(self) -> None:
        while self._unsent:
            self._unsent = self._stream.send(self._unsent)

    def _wait_for(self, expected: type[Any]) -> Any:
        while not isinstance(method := self._next_method(), expected):
            self._handle(method)
        return method

    def _next_method(self) -> Any:
        while (method := self._received_method()) is None:
            self._stream.receive()
        return method

    def _handle(self, method: Any) -> None:
        """Handle a method that the broker may send at any time."""
        if isinstance(method, (spec.Basic.Ack, spec.Basic.Nack)):
            if method.delivery_tag >= self._tag:
                self._answer = method
        elif isinstance(method, spec.Basic.Return):
            self._returned = method
        elif isinstance(method, spec.Connection.Blocked):
            self.blocked = method.reason or "no reason given"
        elif isinstance(method, spec.Connection.Unblocked):
            self.blocked = ""
        elif isinstance(method, (spec.Connection.Close, spec.Channel.Close)):
            self._confirm_close(method)
            raise Refused(method.reply_code, method.reply_text, self.stage)

    def _confirm_close(self, method: Any) -> None:
        """Answer the broker's farewell, unless this would stand in the middle of a frame."""
        whole = isinstance(method, spec.Connection.Close)
        if not self._unsent:
            with suppress(OSError):
                self._send_method(spec.Connection.CloseOk() if whole else spec.Channel.CloseOk(), 0 if whole else None)

    def _received_method(self) -> Any:
        return take_method(self._stream.received, self._max_frame)


def _mechanism(login: Login, offered: list[str]) -> tuple[str, str]:
    if login is None and "EXTERNAL" in offered:
        return "EXTERNAL", ""
    if "PLAIN" not in offered:
        raise Refused(0, f"it offers no login by user and password, only {' '.join(offered) or 'none'}", "log in")
    user, password = login or ("guest", "guest")
    return "PLAIN", f"\0{user}\0{password}"
