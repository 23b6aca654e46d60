"""A stream of bytes to a broker, with or without TLS; no step may last beyond the deadline.

Rules: it needs no thread and no lock, so it works while the interpreter ends and in a forked process.  It reads only our own
clock, which no mock replaces.  The time to look up a host name is not bounded, because Python has no way to do it.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress

from .connection import Terms, connected

__all__ = ["Stream"]

CHUNK_BYTES = 65536
# The kernel probes an idle connection, and so finds a broker that is gone.
PROBE_IDLE_S, PROBE_INTERVAL_S, MAX_PROBES = (
    60,
    10,
    3,
)

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", PROBE_IDLE_S), ("TCP_KEEPINTVL", PROBE_INTERVAL_S), ("TCP_KEEPCNT", MAX_PROBES))
        if hasattr(socket, name)  # not on every system
    ),
]


class Stream:
    """Owns one socket; used from one thread at a time.

    `received` has the bytes that came and were not taken yet; the reader deletes what it takes.  Each method raises OSError, at
    the deadline of `terms` TimeoutError.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, terms: Terms) -> None:
        self.received = bytearray()
        self._terms = terms
        self._socket = connected(host, port, terms, _SOCKET_OPTIONS)
        if context is not None:
            try:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
            except BaseException:
                self.close()
                raise

    def send(self, data: memoryview) -> memoryview:
        """Send a part of the data; returns the rest."""
        self._socket.settimeout(self._terms.left_s())
        return data[self._socket.send(data) :]

    def receive(self) -> None:
        """Wait for more bytes.  Raises ConnectionAbortedError if the other side has closed the connection."""
        self._socket.settimeout(self._terms.left_s())
        self._take(self._socket.recv(CHUNK_BYTES))

    def receive_available(self) -> bool:
        """Take bytes that have come already, without waiting; returns whether there were any."""
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
        """Close the socket, because Python warns of one that is garbage-collected while it is open."""
        with suppress(AttributeError):  # `__init__` has failed before there was a socket
            self.close()

    def forget(self) -> None:
        """In a forked process: close our descriptor, and send nothing to the broker, because the parent uses the connection."""
        if self._socket.fileno() >= 0:
            os.close(self._socket.detach())
