"""A collector in its own process, and requests by hand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Process", "connected", "process", "said"]

POST = b"POST /api/v2/spans HTTP/1.1\r\nHost: localhost\r\n"


class Process:
    """A running collector: its URL, and the kernel's numbers about it."""

    def __init__(self, pid: int, url: str) -> None:
        self._pid = pid
        self.url = url

    def peak_mib(self) -> int:
        """The most memory that the process ever had."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    def cpu_s(self) -> float:
        """The CPU time of the process."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """The number of its open files and sockets."""
        return len(os.listdir(f"/proc/{self._pid}/fd"))

    def threads(self) -> int:
        """The number of its threads."""
        return len(os.listdir(f"/proc/{self._pid}/task"))


@contextmanager
def process(*options: str, files: int = 1024) -> Iterator[Process]:
    """`opentracing-zipkin collector`, with a limit on open files."""
    command = f'ulimit -n {files}; exec "$@"'
    own = [sys.executable, "-m", "opentracing_zipkin", "collector", "--port", "0", *options]
    started = subprocess.Popen(["sh", "-c", command, "sh", *own], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield Process(started.pid, started.stdout.readline().split()[3].rstrip(","))
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(10)
        started.stdout.close()


def connected(url: str) -> socket.socket:
    """A connection to the collector."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def said(url: str, parts: Iterable[bytes]) -> bytes:
    """The answer to these bytes, until the connection is closed, which may be before all of them are sent."""
    with connected(url) as connection:
        with suppress(OSError):
            for part in parts:
                connection.sendall(part)
        received = b""
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
        return received
