"""A server that says, byte by byte, what a test wants it to: the cruel cases that no real server shows on demand."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

__all__ = ["ACCEPTED", "RawServer", "answer", "raw_server", "read_request", "saying"]

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def answer(status: int, body: str = "", headers: Mapping[str, str] | None = None, reason: str = "Said") -> bytes:
    """The bytes of an answer."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status} {reason}\r\n{fields}{length}\r\n{body}".encode()


def saying(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answer each request with the next of these, and all further ones with the last."""
    left = list(answers)

    def say(connection: socket.socket) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return say


class RawServer(NamedTuple):
    """`requests` has head and body of each request so far, `connections` the number of their connections."""

    port: int
    requests: list[tuple[str, bytes]]
    connections: list[int]


def read_request(connection: socket.socket) -> tuple[str, bytes] | None:
    """The head and the body of a request; None where the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            return None
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")] or [0]
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode(errors="replace"), body


@contextmanager
def raw_server(
    answer: Callable[[socket.socket], None],
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    requests: list[tuple[str, bytes]] | None = None,
) -> Iterator[RawServer]:
    """Each connection has a thread, which reads requests and calls `answer` for each, until one side closes.

    `requests`: the list for the requests, if `answer` needs it: a client that knows the port may ask before the block begins.
    """
    requests = [] if requests is None else requests
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as plain:
            plain.settimeout(30)
            while (request := read_request(plain)) is not None:
                requests.append(request)
                answer(plain)
        connection.close()

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, address = listener.accept()
                connections.append(address[1])
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server((host, port)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield RawServer(listener.getsockname()[1], requests, connections)
        listener.shutdown(socket.SHUT_RDWR)
