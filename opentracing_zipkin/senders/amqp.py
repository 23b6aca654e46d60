"""AMQP 0-9-1 as far as a publisher needs it: log in, look for the queue, publish, wait for the broker's confirm.

pika writes and reads the frames (`amqp_frames`).  Its connections are not used: they start a thread to look up a name, which an
interpreter that ends refuses, `basic_publish` has no deadline, and a refused connection is seven lines at ERROR (pika 1.4.4).

Rules: one channel, one message at a time.  We ask for no heartbeats, because nobody is there to send them while the application
is idle; the kernel's probes find a broker that is gone.  A message that a broker with an alarm has half taken stays on its
connection: sent anew each time it would wait there many times, and all of them would be taken in the end.
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
from .amqp_frames import MAX_FRAME_BYTES, method_frame, method_in, publishing
from .broker_url import RabbitmqUrl
from .connection import Terms
from .stream import Stream

__all__ = ["Login", "Publisher", "Refused", "Unroutable", "Unwanted"]

FAREWELL_S = 0.5  # how long the broker's farewell is waited for
MAX_NOTES = 64  # pieces of what came unasked

_STAGES = {
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

Login = tuple[str, str] | None  # user and password; None is the certificate, or RabbitMQ's own guest


class Refused(Exception):
    """The broker has closed the connection or the channel: `code` and `text` are its own, `stage` is one of Publisher's."""

    def __init__(self, code: int, text: str, stage: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.stage = stage


class Unroutable(Exception):
    """No queue has taken the message; the text is the broker's."""


class Unwanted(Exception):
    """The broker has said that it did not keep the message (basic.nack)."""


class Publisher:
    """Owns one connection to a broker; used from one thread at a time.

    Each method raises Refused, or OSError, which is TimeoutError at the deadline of `terms`.  `stage` is what was begun last,
    `blocked` why the broker reads nothing more for now, "" while it reads.
    """

    def __init__(self, url: RabbitmqUrl, context: ssl.SSLContext | None, terms: Terms) -> None:
        self.stage = "connect"
        self.blocked = ""
        self._terms = terms
        self._queue = url.queue
        self._channel = 0
        self._max_frame = MAX_FRAME_BYTES
        self._tag = 0
        self._body: bytes | None = None  # that is not confirmed
        self._unsent = memoryview(b"")
        self._answer: Any = None  # to the message: Ack or Nack
        self._returned: Any = None
        try:
            self._stream = Stream(url.host, url.port, context, terms)
        except TimeoutError:
            raise TimeoutError(_STAGES[self.stage]) from None

    # The beginning

    def open(self, login: Login, vhost: str) -> None:
        """Log in and find the queue; once, and before all else."""
        try:
            self._log_in(login)
            self._open_vhost(vhost)
            self._find_queue()
        except TimeoutError:
            raise TimeoutError(_STAGES[self.stage]) from None
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
        self._tell(spec.Connection.StartOk(client, mechanism, response, "en_US"), 0)
        tune = self._wait_for(spec.Connection.Tune)
        self._max_frame = min(tune.frame_max or MAX_FRAME_BYTES, MAX_FRAME_BYTES)
        self._tell(spec.Connection.TuneOk(tune.channel_max, self._max_frame, 0), 0)

    def _open_vhost(self, vhost: str) -> None:
        self.stage = "open"
        self._tell(spec.Connection.Open(vhost), 0)
        self._wait_for(spec.Connection.OpenOk)

    def _find_queue(self) -> None:
        """Look first: for a queue that is there, whatever its arguments, no permission is needed."""
        self.stage = "queue"
        self._open_channel()
        self._tell(spec.Queue.Declare(queue=self._queue, passive=True))
        try:
            self._wait_for(spec.Queue.DeclareOk)
        except Refused as refusal:
            if refusal.code != spec.NOT_FOUND:
                raise
            self._open_channel()
            self._tell(spec.Queue.Declare(queue=self._queue, durable=True))
            self.stage = "declare"
            self._wait_for(spec.Queue.DeclareOk)
        self._tell(spec.Confirm.Select())
        self._wait_for(spec.Confirm.SelectOk)

    def _open_channel(self) -> None:
        self._channel += 1  # a number is free again only after a farewell
        self._tell(spec.Channel.Open())
        self._wait_for(spec.Channel.OpenOk)

    # A message

    def is_usable(self, body: bytes) -> bool:
        """Whether this message can be published by this connection; without waiting."""
        try:
            self.take_note()
        except (OSError, ValueError, Refused):
            return False
        return self.stage == "publish" and self._body in (None, body)

    def publish(self, body: bytes, content_type: str) -> None:
        """Return once the broker has confirmed the message; raise Unroutable or Unwanted where it did not take it.

        After TimeoutError, it may be called again with the same message, which then is not sent again.
        """
        if self._body is None:
            self._tag += 1
            self._body, self._answer, self._returned = body, None, None
            self._unsent = memoryview(publishing(self._channel, self._queue, body, content_type, self._max_frame))
        try:
            self._send_rest()
            while self._answer is None:
                self._note(self._next_method())
        except OSError as error:
            with suppress(OSError):
                self.take_note()  # the broker may have said why
            if self._answer is None and isinstance(error, TimeoutError):
                raise TimeoutError(_STAGES[self.stage]) from None
            if self._answer is None:
                raise
        self._body = None
        if isinstance(self._answer, spec.Basic.Nack):
            raise Unwanted()
        if self._returned is not None:
            raise Unroutable(self._returned.reply_text)

    def take_note(self) -> None:
        """Read what has come, without waiting."""
        for _ in range(MAX_NOTES):
            if not self._stream.receive_waiting():
                return
            while (method := self._method()) is not None:
                self._note(method)
        raise ConnectionError("the broker says too much")

    # The end

    def close(self) -> None:
        """With a farewell, so that the broker's log has no warning; but not inside a frame."""
        ends_at_s = self._terms.ends_at_s
        self._terms.ends_at_s = min(ends_at_s, monotonic() + FAREWELL_S)
        if not self._unsent and not self.blocked:
            with suppress(OSError, Refused):
                self._tell(spec.Connection.Close(200, "", 0, 0), 0)
                self._wait_for(spec.Connection.CloseOk)
        self._terms.ends_at_s = ends_at_s
        self._stream.close()

    def drop(self) -> None:
        """Without a word."""
        self._stream.close()

    def forget(self) -> None:
        """In a forked process."""
        self._stream.forget()

    # Frames

    def _tell(self, method: Any, channel: int | None = None) -> None:
        self._write(method_frame(self._channel if channel is None else channel, method))

    def _write(self, data: bytes) -> None:
        self._unsent = memoryview(data)
        self._send_rest()

    def _send_rest(self) -> None:
        while self._unsent:
            self._unsent = self._stream.send(self._unsent)

    def _wait_for(self, expected: type[Any]) -> Any:
        while not isinstance(method := self._next_method(), expected):
            self._note(method)
        return method

    def _next_method(self) -> Any:
        while (method := self._method()) is None:
            self._stream.receive()
        return method

    def _note(self, method: Any) -> None:
        """What the broker may say at any time."""
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
            self._agree(method)
            raise Refused(method.reply_code, method.reply_text, self.stage)

    def _agree(self, method: Any) -> None:
        """Answer the broker's farewell."""
        whole = isinstance(method, spec.Connection.Close)
        if not self._unsent:  # else it would stand inside a frame
            with suppress(OSError):
                self._tell(spec.Connection.CloseOk() if whole else spec.Channel.CloseOk(), 0 if whole else None)

    def _method(self) -> Any:
        return method_in(self._stream.received, self._max_frame)


def _mechanism(login: Login, offered: list[str]) -> tuple[str, str]:
    if login is None and "EXTERNAL" in offered:
        return "EXTERNAL", ""
    if "PLAIN" not in offered:
        raise Refused(0, f"it offers no login by user and password, only {' '.join(offered) or 'none'}", "log in")
    user, password = login or ("guest", "guest")
    return "PLAIN", f"\0{user}\0{password}"
