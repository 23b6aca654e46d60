"""Load on one service: as many requests as it can answer, or a fixed rate of requests.

Rules: a few connections are kept open, each with a thread.  At a fixed rate, the time of a request is counted from the moment
when it was due, so a request that waits for a slow one counts as slow as well.  Any status but 200 is a failure.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

__all__ = ["Load"]

CONNECTIONS = 8
REQUEST = b"GET /orders HTTP/1.1\r\nHost: bench\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"

_T = TypeVar("_T")


class Load:
    """Owns the connections to a service while its block is entered."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __enter__(self) -> Load:
        with ExitStack() as stack:
            self._threads = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
            self._connections = [
                stack.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=10)) for _ in range(CONNECTIONS)
            ]
            self._open = stack.pop_all()
        for connection in self._connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def saturate(self, requests: int) -> None:
        """Send this number of requests, one after the other on each connection."""
        numbers = iter(range(requests))

        def ask(connection: socket.socket) -> None:
            for _ in numbers:  # shared by all connections, so that all of them end at the same time
                _ask(connection)

        self._on_all(ask)

    def at_rate(self, rate: int, seconds: float) -> list[float]:
        """For each request, the seconds from the moment when it was due until its response."""
        start = time.perf_counter()
        due_times = iter([start + number / rate for number in range(int(rate * seconds))])

        def ask(connection: socket.socket) -> list[float]:
            taken = []
            for due in due_times:
                ahead = due - time.perf_counter()
                if ahead > 0:
                    time.sleep(ahead)
                _ask(connection)
                taken.append(time.perf_counter() - due)
            return taken

        return [each for taken in self._on_all(ask) for each in taken]

    def _on_all(self, work: Callable[[socket.socket], _T]) -> list[_T]:
        return list(self._threads.map(work, self._connections))


def _ask(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _received(connection)


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the service closed the connection")
    return data
