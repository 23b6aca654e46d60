"""Run as a process: load on one service, first as much as it takes, then at a fixed rate.

Rules: a few kept connections, each with a thread; at a fixed rate a request's time is counted from when it was due, so that
one that waits for a slow one is counted as slow as well; any answer but 200 is a failure.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable

CONNECTIONS = 8
REQUEST = b"GET /orders HTTP/1.1\r\nHost: bench\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"


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


def _on_all_connections(port: int, loop: Callable[[socket.socket], None]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                loop(connection)
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]


def saturate(port: int, seconds: float) -> int:
    """How many requests were answered."""
    done: list[int] = []
    end = time.perf_counter() + seconds

    def loop(connection: socket.socket) -> None:
        count = 0
        while time.perf_counter() < end:
            _ask(connection)
            count += 1
        done.append(count)

    _on_all_connections(port, loop)
    return sum(done)


def at_rate(port: int, rate: int, seconds: float) -> list[float]:
    """The seconds that each request took."""
    taken: list[float] = []
    numbers = iter(range(int(rate * seconds)))
    lock = threading.Lock()
    start = time.perf_counter()

    def loop(connection: socket.socket) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = start + number / rate
            ahead = due - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            _ask(connection)
            taken.append(time.perf_counter() - due)

    _on_all_connections(port, loop)
    return sorted(taken)


def main() -> None:
    port, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if rate:
        taken = at_rate(port, rate, seconds)
        p50_s, p99_s = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        print(json.dumps({"requests": len(taken), "p50_ms": p50_s * 1000, "p99_ms": p99_s * 1000}))
    else:
        start = time.perf_counter()
        print(json.dumps({"requests": saturate(port, seconds), "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
