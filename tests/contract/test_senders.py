"""The senders whose receivers a test can make itself: HTTP with its collectors, and the console."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ..opentracing_zipkin.senders.raw_server import ACCEPTED, answer, raw_server
from .sender_contract import HasAddress, HasCredentials, LimitsSize, SenderContract, json_message, spans_of


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Collector:
    """Takes what is posted to it, up to `limit_bytes`, from those without credentials."""

    limit_bytes = 100_000
    message = staticmethod(json_message)

    def __init__(self) -> None:
        self._port = 0
        self._accepted: list[bytes] = []
        self._answers = threading.Event()
        self._answers.set()
        self._connections: set[socket.socket] = set()
        self._server = ExitStack()
        self._requests: list[tuple[str, bytes]] = []
        self.start()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": f"http://127.0.0.1:{self._port}"}

    def refusals(self, password: str, password_in_url: str) -> Mapping[str, Mapping[str, Any]]:
        address, away = f"127.0.0.1:{self._port}", f"127.0.0.1:{unused_port()}"
        return {
            "as a setting": {"endpoint": f"http://{address}", "auth": ("me", password)},
            "in the URL": {"endpoint": f"http://me:{password_in_url}@{address}"},
            "in the query": {"endpoint": f"http://{address}/api/v2/spans?key={password_in_url}"},
            "in a header": {"endpoint": f"http://{address}", "headers": {"Authorization": f"Bearer {password}"}},
            "as a setting, away": {"endpoint": f"http://{away}", "auth": ("me", password)},
            "in the URL, away": {"endpoint": f"http://me:{password_in_url}@{away}"},
            "of a proxy that is away": {"endpoint": "http://zipkin.invalid", "proxy": f"http://me:{password_in_url}@{away}"},
        }

    def received(self) -> list[bytes]:
        return list(self._accepted)

    def spans(self) -> list[Mapping[str, Any]]:
        return spans_of(self._accepted)

    def start(self) -> None:
        server = self._server.enter_context(raw_server(self._answer, port=self._port, requests=self._requests))
        self._port = server.port

    def stop(self) -> None:
        self._server.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    @contextmanager
    def hung(self) -> Iterator[None]:
        self._answers.clear()
        yield
        self._answers.set()

    def _answer(self, connection: socket.socket) -> None:
        head, body = self._requests[-1]
        self._connections.add(connection)
        self._answers.wait(60)
        if "authorization:" in head.lower() or "?key=" in head:
            connection.sendall(answer(401, f"not you: {head}"))
        elif len(body) > self.limit_bytes:
            connection.sendall(answer(413))
        else:
            self._accepted.append(body)
            connection.sendall(ACCEPTED)


class TestHttp(SenderContract, HasAddress, LimitsSize, HasCredentials):
    """One collector."""

    @pytest.fixture
    def receiver(self) -> Iterator[Collector]:
        collector = Collector()
        yield collector
        collector.stop()


class BehindADeadOne(Collector):
    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": [f"http://127.0.0.1:{unused_port()}", f"http://127.0.0.1:{self._port}"]}


class TestHttpOfSeveral(SenderContract, HasAddress, LimitsSize, HasCredentials):
    """A collector that gets the messages, because the one before it in the list does not answer."""

    @pytest.fixture
    def receiver(self) -> Iterator[Collector]:
        collector = BehindADeadOne()
        yield collector
        collector.stop()


def line(name: str, size: int = 0) -> bytes:
    """A message to the console: a span, and the line's end."""
    return json_message(name, size)[1:-1] + b"\n"


class LogFile:
    """A file in a folder."""

    message = staticmethod(line)

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "logs"
        self._folder.mkdir()
        self._file = self._folder / "spans.jsonl"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": f"console:{self._file}"}

    def received(self) -> list[bytes]:
        return self._file.read_bytes().splitlines(keepends=True) if self._file.exists() else []

    def spans(self) -> list[Mapping[str, Any]]:
        return list(map(json.loads, self.received()))

    def stop(self) -> None:
        self._folder.rename(self._folder.with_name("away"))

    def start(self) -> None:
        self._folder.with_name("away").rename(self._folder)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """A pipe that nobody reads stands in the file's place."""
        saved = self._folder / "saved"
        self._file.touch()
        self._file.rename(saved)
        os.mkfifo(self._file)
        reading = os.open(self._file, os.O_RDONLY | os.O_NONBLOCK)
        yield
        os.close(reading)
        saved.replace(self._file)


class TestConsoleFile(SenderContract):
    """Lines at the end of a file."""

    @pytest.fixture
    def receiver(self, tmp_path: Path) -> LogFile:
        return LogFile(tmp_path)


class Pipe:
    """A pipe with a reader, as a container's log has it."""

    message = staticmethod(line)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pipe"
        os.mkfifo(self._path)
        self._read = b""
        self._reads = threading.Event()
        self.start()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": f"console:{self._path}"}

    def received(self) -> list[bytes]:
        self._drain()
        return self._read.splitlines(keepends=True)

    def spans(self) -> list[Mapping[str, Any]]:
        return list(map(json.loads, self.received()))

    def _drain(self) -> None:
        while self._waiting():
            time.sleep(0.002)

    def _waiting(self) -> int:
        """Bytes in the pipe, or read from it and not yet kept."""
        count = fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, "little") or self._is_reading

    def start(self) -> None:
        self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        self._is_reading = False
        self._reads.set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._fd, self._ends), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._drain()
        self._ends.set()
        self._thread.join()
        os.close(self._fd)

    @contextmanager
    def hung(self) -> Iterator[None]:
        self._drain()
        self._reads.clear()
        time.sleep(0.02)
        yield
        self._reads.set()
        self._drain()

    def _run(self, fd: int, ends: threading.Event) -> None:
        while not ends.is_set():
            if not self._reads.wait(0.05):
                continue
            self._is_reading = True
            with suppress(BlockingIOError):
                self._read += os.read(fd, 1 << 16)
            self._is_reading = False
            time.sleep(0.0005)


class TestConsolePipe(SenderContract):
    """Lines into a pipe."""

    @pytest.fixture
    def receiver(self, tmp_path: Path) -> Iterator[Pipe]:
        pipe = Pipe(tmp_path)
        yield pipe
        pipe.stop()
