"""The three services as child processes, which end when this process ends in any way.

Rules: a service ends when its standard input ends, and before that sends its waiting spans.  Every wait has a limit; a service
that exceeds it is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType

from .failure import DemoFailed

__all__ = ["SERVICES", "Services"]

SERVICES = ("frontend", "orders", "payment")

START_TIMEOUT_S = 30.0
# More than the 10 s that a tracer may need at exit while a slow collector still accepts spans.
END_TIMEOUT_S = 15.0


class Services:
    """Owns the processes: they run inside the `with` block and are ended after it.

    At the end of the block they first send their spans, unless an exception left the block.
    """

    def __init__(self, endpoint: str, encoding: str) -> None:
        self._environment = _environment(endpoint, encoding)
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.addresses: dict[str, str] = {}

    def __enter__(self) -> Services:
        try:
            for name in SERVICES:
                self.processes[name] = self._start(name)
            self.addresses = {name: f"http://127.0.0.1:{self._port(name)}" for name in SERVICES}
            for name in SERVICES:
                self._write_line(name, json.dumps(self.addresses) + "\n")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:
            self._kill()
            return
        try:
            self.end()
        finally:
            self._kill()

    def _start(self, name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"{__package__}.services.{name}"]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment, encoding="utf-8"
        )

    def _port(self, name: str) -> int:
        """The port, in the one line that a service writes; raises DemoFailed where it died or was too slow."""
        process = self.processes[name]
        assert process.stdout is not None
        too_slow = threading.Timer(START_TIMEOUT_S, process.kill)
        too_slow.start()
        try:
            line = process.stdout.readline()
        finally:
            too_slow.cancel()
        if not line.strip().isdigit():
            raise DemoFailed(f"the service {name} did not start: {_exit_reason(process)}; its output is above")
        return int(line)

    def _write_line(self, name: str, line: str) -> None:
        stdin = self.processes[name].stdin
        assert stdin is not None
        try:
            stdin.write(line)
            stdin.flush()
        except OSError as error:
            raise DemoFailed(f"the service {name} died: {_exit_reason(self.processes[name])}") from error

    def check(self) -> None:
        """Raise DemoFailed where a service no longer runs."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise DemoFailed(f"the service {name} died: {_exit_reason(process)}; its output is above")

    def end(self) -> None:
        """Close the services' input and wait until they have sent their spans and ended."""
        self.check()
        for process in self.processes.values():
            if process.stdin is not None:
                process.stdin.close()
        deadline = time.monotonic() + END_TIMEOUT_S
        for name, process in self.processes.items():
            try:
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise DemoFailed(f"the service {name} did not end within {END_TIMEOUT_S:.0f} s") from None
            if status:
                raise DemoFailed(f"the service {name} failed at its end: {_exit_reason(process)}; its output is above")

    def _kill(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
        for process in self.processes.values():
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _environment(endpoint: str, encoding: str) -> Mapping[str, str]:
    """Our environment without the settings of a tracer and without proxies, so that the demo is the same in every shell."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ZIPKIN_", "OTEL_"))}
    no_proxies = {"NO_PROXY": "*", "no_proxy": "*"}  # a proxy cannot reach our loopback interface
    return {**inherited, **no_proxies, "ZIPKIN_ENDPOINT": endpoint, "ZIPKIN_ENCODING": encoding}


def _exit_reason(process: subprocess.Popen[str]) -> str:
    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return "it is still running"
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
