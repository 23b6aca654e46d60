"""A broker that speaks AMQP 0-9-1 until a test wants it to misbehave: the cruel cases that no real one shows on demand."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

from pika import frame, spec

__all__ = ["ANSWERS", "Answer", "Message", "RawBroker", "Talk", "raw_broker"]

GREETING_BYTES = 8
MECHANISMS = "PLAIN AMQPLAIN"


class Message(NamedTuple):
    """A published message."""

    publish: Any
    properties: Any
    body: bytes


class Talk:
    """One connection, from the broker's side."""

    def __init__(self, connection: socket.socket, file: IO[bytes]) -> None:
        self.connection = connection
        self._file = file
        self.channel = 0
        self.tag = 0

    def greeted(self) -> bool:
        """Whether the client has sent the protocol's header."""
        return len(self._file.read(GREETING_BYTES)) == GREETING_BYTES

    def say(self, *methods: Any, channel: int | None = None) -> None:
        self.connection.sendall(self.framed(*methods, channel=channel))

    def framed(self, *methods: Any, channel: int | None = None) -> bytes:
        number = self.channel if channel is None else channel
        return b"".join(frame.Method(number, method).marshal() for method in methods)

    def read(self) -> Any:
        """The next frame; None where the client has gone."""
        head = self._file.read(7)
        if len(head) < 7:
            return None
        rest = self._file.read(int.from_bytes(head[3:], "big") + 1)
        return frame.decode_frame(head + rest)[1]

    def read_message(self, publish: Any) -> Message:
        header = self.read()
        body = bytearray()
        while len(body) < header.body_size:
            body += self.read().fragment
        self.tag += 1
        return Message(publish, header.properties, bytes(body))


Answer = Callable[[Talk], None]

# The usual answers, each by the method that the client has sent.
ANSWERS: dict[str, Answer] = {
    "greeting": lambda talk: talk.say(spec.Connection.Start(0, 9, {"product": "raw"}, MECHANISMS, "en_US"), channel=0),
    "Connection.StartOk": lambda talk: talk.say(spec.Connection.Tune(2047, 131_072, 60)),
    "Connection.TuneOk": lambda talk: None,
    "Connection.Open": lambda talk: talk.say(spec.Connection.OpenOk()),
    "Channel.Open": lambda talk: talk.say(spec.Channel.OpenOk()),
    "Queue.Declare": lambda talk: talk.say(spec.Queue.DeclareOk("zipkin", 0, 0)),
    "Confirm.Select": lambda talk: talk.say(spec.Confirm.SelectOk()),
    "Basic.Publish": lambda talk: talk.say(spec.Basic.Ack(talk.tag)),
    "Connection.Close": lambda talk: talk.say(spec.Connection.CloseOk()),
}


class RawBroker(NamedTuple):
    """`methods` has the methods of all clients, `messages` the published messages, `connections` their number."""

    port: int
    methods: list[Any]
    messages: list[Message]
    connections: list[int]

    @property
    def url(self) -> str:
        return f"amqp://127.0.0.1:{self.port}"

    def said(self) -> list[str]:
        return [method.NAME for method in self.methods]

    def await_said(self, name: str) -> None:
        """Wait until a client has sent this method."""
        deadline = time.monotonic() + 10
        while name not in self.said():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)


@contextmanager
def raw_broker(
    answers: Mapping[str, Answer] | None = None, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[RawBroker]:
    """A broker with a thread for each connection; `answers` replace its usual answers by method."""
    broker = RawBroker(0, [], [], [])
    known = {**ANSWERS, **(answers or {})}

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as plain:
            plain.settimeout(30)
            with plain.makefile("rb") as file:
                converse(Talk(plain, file))
        connection.close()

    def converse(talk: Talk) -> None:
        if not talk.greeted():
            return
        known["greeting"](talk)
        while (found := talk.read()) is not None:
            method = found.method
            talk.channel = found.channel_number
            broker.methods.append(method)
            if isinstance(method, spec.Basic.Publish):
                broker.messages.append(talk.read_message(method))
            known.get(method.NAME, lambda talk: None)(talk)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, address = listener.accept()
                broker.connections.append(address[1])
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield broker._replace(port=listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
