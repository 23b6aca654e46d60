"""A collector that fails by a timetable; `python -m tests.soak.collector TIMETABLE` prints its port, and its counts at the end.

Rules: spans are told apart by their tag `number`.  A message with a span that has the tag `poison` is refused with 400.
"""

from __future__ import annotations

import json
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

__all__ = ["FAULTS", "TIMETABLE"]

# Faults, each with its seconds, repeated without end.  After each fault comes a quiet time for the recovery.
TIMETABLE = [
    ("none", 8), ("unavailable", 6), ("none", 4), ("silence", 8), ("none", 4), ("refused", 6), ("none", 4), ("reset", 5),
    ("none", 4), ("half an answer", 5), ("none", 6),
]  # fmt: skip
FAULTS = sorted({fault for fault, _ in TIMETABLE} - {"none"})

ANSWER = "HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\n\r\n{body}"


class Collected:
    """The numbers of the spans that arrived, how many arrived again, and the present fault."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.again = 0
        self.fault = "none"
        self.lock = threading.Lock()

    def add(self, numbers: list[int]) -> None:
        with self.lock:
            before = len(self.numbers)
            self.numbers.update(numbers)
            self.again += len(numbers) - (len(self.numbers) - before)


class Handler(socketserver.StreamRequestHandler):
    """One connection: it answers requests until the client or a fault closes it."""

    server: Server

    def handle(self) -> None:
        with suppress(OSError):
            while self._answer():
                pass

    def _answer(self) -> bool:
        body = self._read()
        if body is None:
            return False
        fault = self.server.collected.fault
        if fault == "silence":
            time.sleep(30)
            return False
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fault == "unavailable":
            return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "try later")
        spans = json.loads(body)
        if any("poison" in span["tags"] for span in spans):
            return self._say(HTTPStatus.BAD_REQUEST, "Malformed: poison")
        self.server.collected.add([int(span["tags"]["number"]) for span in spans])
        if fault == "half an answer":  # the spans are counted, but the client cannot know: it sends them again
            self.wfile.write(b"HTTP/1.1 20")
            return False
        return self._say(HTTPStatus.ACCEPTED, "")

    def _read(self) -> bytes | None:
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return self.rfile.read(length) if length else None

    def _say(self, status: HTTPStatus, body: str) -> bool:
        text = ANSWER.format(status=status.value, reason=status.phrase, length=len(body), body=body)
        self.wfile.write(text.encode())
        return True


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    collected: Collected


def run(timetable: list[tuple[str, int]]) -> None:
    collected = Collected()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = _listen(0, collected)
    port = server.server_address[1]
    print(port, flush=True)
    while not ended.is_set():
        for fault, seconds in timetable:
            if fault == "refused":
                _close(server)
            elif collected.fault == "refused":
                server = _listen(port, collected)
            collected.fault = fault
            if ended.wait(seconds):
                break
    print(json.dumps({"distinct": len(collected.numbers), "again": collected.again}), flush=True)


def _listen(port: int, collected: Collected) -> Any:
    server = Server(("127.0.0.1", port), Handler)
    server.collected = collected
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def _close(server: Any) -> None:
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
