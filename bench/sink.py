"""A collector that only counts spans, so that no tracer has to wait for it.

Rules: a POST is answered with 202, and its body is searched for `"traceId"` but not parsed.  A GET is answered with the count.
As a program it prints its port, and ends when its standard input ends.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

__all__ = ["Sink", "capacity"]

MARK = b'"traceId"'
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Sink:
    """Owns a listening socket and a thread for each connection; with `keep`, it also keeps the bodies, for tests."""

    def __init__(self, keep: bool = False) -> None:
        self.count = 0
        self.bodies: list[bytes] = []
        self._keep = keep
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # `close` alone does not wake the thread that waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", 1 << 16) as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := stream.readline():
                length = 0
                while (line := stream.readline().strip()) != b"":
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                connection.sendall(self._answer(request, stream.read(length)))

    def _answer(self, request: bytes, body: bytes) -> bytes:
        if not request.startswith(b"POST"):
            count = b"%d" % self.count
            return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(count), count)
        spans = body.count(MARK)
        with self._lock:
            self.count += spans
            if self._keep:
                self.bodies.append(body)
        return ACCEPTED


def capacity(port: int, seconds: float = 0.2) -> float:
    """The spans a second that the sink on `port` accepts over one connection, in messages of 1,000 ordinary spans."""
    span = json.dumps({"traceId": "0" * 32, "id": "1" * 16, "name": "get", "tags": {"http.path": "/" + "x" * 180}})
    body = ("[" + ",".join([span] * 1000) + "]").encode()
    message = b"POST /api/v2/spans HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    sent, start = 0, time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.perf_counter() - start < seconds:
            connection.sendall(message)
            received = 0
            while received < len(ACCEPTED):
                received += len(connection.recv(4096))
            sent += 1000
    return sent / (time.perf_counter() - start)


def main() -> None:
    sink = Sink()
    print(sink.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
