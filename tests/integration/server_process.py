"""Real servers as processes on loopback: started, waited for, paused, killed, started again on the same data, ended.

Rules: only loopback and free ports; waits have a timeout; an exception has the last lines of the server that failed.  A program
that the machine lacks is an error with the remedy, never a skip.  No server outlives its block or (on Linux) this process.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..ports import free_port

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PROJECT", "ServerProcess", "ServerUnavailable", "await_port", "end_with_parent", "program", "stop"]

PROJECT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 15.0
# 1 to 47 s were seen, the longest of RabbitMQ while five other builds ran.
READY_TIMEOUT_S = 180.0


class ServerUnavailable(Exception):
    """The real server cannot be had here; the message names the remedy."""


def program(name: str, package: str) -> str:
    """A program's path; raises ServerUnavailable that names the package to install."""
    path = shutil.which(name)
    if path is None:
        raise ServerUnavailable(f"{name} is not installed; install it, for instance with: apt-get install -y {package}")
    return path


def await_port(name: str, port: int, process: subprocess.Popen[bytes], timeout_s: float = READY_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        if listens(port):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} does not listen on port {port}; its exit status is {process.poll()}")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def end_with_parent() -> Callable[[], None] | None:
    """A function for the child, before it becomes the server: then the kernel ends it with this process, however that ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    return lambda: prctl(set_parent_death_signal, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End the process by SIGTERM, or by SIGKILL if that takes too long; do nothing if it has ended."""
    if process.poll() is not None:
        return
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a paused one is not ended before it goes on
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class ServerProcess:
    """Owns one server and its folder of data.  As a context manager: ready inside the block; then gone, with the folder.

    `stop` and `kill` end the process and keep the data; `start` starts it again there, on the same ports.
    """

    name = "server"

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begins = 0

    # Each server's own part

    def make(self) -> None:
        """Make the data before the first start."""

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def user(self) -> str | None:
        """The user that the server has to run as, or None for this process's user."""
        return None

    def is_ready(self) -> bool:
        return listens(self.port)

    def process_id(self) -> int:
        """The process that signals are for."""
        assert self._process is not None
        return self._process.pid

    # Its life

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name.lower()}-"))
        try:
            self.make()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        assert self._process is None, f"{self.name} runs"
        with self.log.open("ab") as output:
            self._log_begins = output.tell()
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=dict(self.environment()),
                user=self.user(),
                start_new_session=True,  # Ctrl-C is for us, and force reaches all that it started
                preexec_fn=end_with_parent(),
            )
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def _await_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.is_ready():
            if self._process.poll() is not None:
                raise ServerUnavailable(f"{self.name} ended with status {self._process.returncode}, it said:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"{self.name} was not ready after {READY_TIMEOUT_S:.0f} s, it said:\n{self._tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server in order; do nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            stop(process)
            self._force(process)

    def kill(self) -> None:
        """End the server at once by SIGKILL, as if its machine failed; do nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            self._force(process)
            process.wait()

    def _force(self, process: subprocess.Popen[bytes]) -> None:
        """Send SIGKILL to all processes that the server started, so that none is left."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def pause(self) -> None:
        """Stop the server without closing its connections, as if its machine hung."""
        os.kill(self.process_id(), signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process_id(), signal.SIGCONT)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def logged(self) -> str:
        """The server's log since its last start."""
        return self.log.read_bytes()[self._log_begins :].decode(errors="replace")

    def _tail(self) -> str:
        return "\n".join(self.logged().splitlines()[-20:])
