"""Queues of a real RabbitMQ, as the tests of its sender need them: a broker with TLS for the session, and what is in a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import trustme

from ..ports import free_port
from .rabbitmq_server import RabbitmqServer

__all__ = ["MAX_MESSAGE_BYTES", "RabbitmqBroker", "spans_in", "taken"]

MAX_MESSAGE_BYTES = 300_000  # less than our own limit, so that the broker's is met


class RabbitmqBroker(RabbitmqServer):
    """Speaks TLS on a second port, too; `authority` is the certificate to trust."""

    def __init__(self, folder: Path) -> None:
        self.tls_port = free_port()
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1")
        self.authority, certificate, key = (str(folder / name) for name in ("authority.pem", "cert.pem", "key.pem"))
        authority.cert_pem.write_to_path(self.authority)
        server.private_key_pem.write_to_path(key)
        server.cert_chain_pems[0].write_to_path(certificate)
        super().__init__(
            {
                "max_message_size": MAX_MESSAGE_BYTES,
                "heartbeat": 1,
                "listeners.ssl.1": f"127.0.0.1:{self.tls_port}",
                "ssl_options.cacertfile": self.authority,
                "ssl_options.certfile": certificate,
                "ssl_options.keyfile": key,
            }
        )

    def endpoint(self, queue: str, user: str = "guest:guest", vhost: str = "") -> str:
        """The URL of a queue; without TLS."""
        return f"amqp://{user}@{self.address}/{vhost}?queue={queue}"

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel of pika, as an application has it."""
        parameters = pika.URLParameters(self.url)
        parameters.heartbeat = 0
        connection = pika.BlockingConnection(parameters)
        try:
            yield connection.channel()
        finally:
            connection.close()


def taken(broker: RabbitmqBroker, queue: str) -> list[bytes]:
    """Take all messages from a queue; an empty list if there is no such queue."""
    messages = []
    with broker.channel() as channel:
        channel.queue_declare(queue, durable=True)
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return messages
            messages.append(body)


def spans_in(messages: list[bytes]) -> list[str]:
    """The names of the spans."""
    return [span["name"] for message in messages for span in json.loads(message)]
