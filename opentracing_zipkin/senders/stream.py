"""A stream of bytes to a broker, over TLS or not: each step may take no longer than what is left until the deadline.

Rules: no thread and no lock, so that it works while the interpreter ends and in a forked process.  No clock is read but our
own.  The name's look-up is the resolver's affair: Python has no way to bound it.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress

from .connection import Terms, connected

__all__ = ["Stream"]

CHUNK_BYTES = 65536
IDLE_S, INTERVAL_S, TRIES = 60, 10, 3  # of the kernel's own probes, which find a broker that is gone while nothing is sent

_KEPT_ALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", IDLE_S), ("TCP_KEEPINTVL", INTERVAL_S), ("TCP_KEEPCNT", TRIES))
        if hasattr(socket, name)  # not on every system
    ),
]


class Stream:
    """Owns one socket; used from one thread at a time.

    `received` is what came and was not taken yet.  Each step raises OSError, which is TimeoutError at the deadline of `terms`.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, terms: Terms) -> None:
        self.received = bytearray()
        self._terms = terms
        self._socket = connected(host, port, terms, _KEPT_ALIVE)
        if context is not None:
            try:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
            except BaseException:
                self.close()
                raise

    def send(self, data: memoryview) -> memoryview:
        """Send some of it; the rest."""
        self._socket.settimeout(self._terms.left_s())
        return data[self._socket.send(data) :]

    def receive(self) -> None:
        """Wait until more came.  Raises ConnectionAbortedError where the other side has closed."""
        self._socket.settimeout(self._terms.left_s())
        self._take(self._socket.recv(CHUNK_BYTES))

    def receive_waiting(self) -> bool:
        """Whether more had come already; nothing is waited for."""
        self._socket.settimeout(0)
        try:
            self._take(self._socket.recv(CHUNK_BYTES))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        return True

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionAbortedError("the broker has closed the connection")
        self.received += data

    def close(self) -> None:
        self._socket.close()

    def __del__(self) -> None:
        """Python warns of a socket that is collected while it is open."""
        with suppress(AttributeError):  # of one that was never connected
            self.close()

    def forget(self) -> None:
        """In a forked process: close our descriptor, and say nothing to the broker, who speaks with the parent."""
        if self._socket.fileno() >= 0:
            os.close(self._socket.detach())
