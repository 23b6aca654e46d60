"""Producers as processes of their own: started together, followed by their lines of JSON, ended by the end of their input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..integration.server_process import PROJECT, end_with_parent
from .balance import Made

__all__ = ["Producers"]

FIRST_LINE_TIMEOUT_S = 60.0
END_TIMEOUT_S = 90.0


class Producers:
    """As a context manager: the producers run inside the block; those that have not ended are killed after it."""

    def __init__(self, endpoints: Sequence[str], rate: float, folder: Path) -> None:
        self.names = [f"producer-{number}" for number in range(len(endpoints))]
        self._endpoints = endpoints
        self._rate = rate
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []
        self._said: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Producers:
        for name, endpoint in zip(self.names, self._endpoints, strict=True):
            with self.log(name).open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.fleet.producer", endpoint, name, str(self._rate), str(self._list(name))],
                    env=_environment(),
                    cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                    preexec_fn=end_with_parent(),
                )  # fmt: skip
            reader = threading.Thread(target=self._read, args=(name, process), daemon=True)
            reader.start()
            self._processes.append(process)
            self._readers.append(reader)
        self._await_first_lines()
        return self

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._said[name] = json.loads(line)

    def _await_first_lines(self) -> None:
        deadline = time.monotonic() + FIRST_LINE_TIMEOUT_S
        while len(self._said) < len(self._processes):
            for name, process in zip(self.names, self._processes, strict=True):
                if process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__(None, None, None)
                    raise RuntimeError(f"{name} did not start; it said:\n{self.log(name).read_text()[-3000:]}")
            time.sleep(0.1)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def total(self, key: str) -> int:
        """The sum over the last lines of all producers."""
        return sum(int(said[key]) for said in list(self._said.values()))

    def end(self) -> dict[str, dict[str, Any]]:
        """End all producers in order; returns the last line of each, by its name."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        deadline = time.monotonic() + END_TIMEOUT_S
        for name, process in zip(self.names, self._processes, strict=True):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                raise RuntimeError(f"{name} did not end; it said:\n{self.log(name).read_text()[-3000:]}") from None
        for reader in self._readers:
            reader.join()
        return dict(self._said)

    def made(self, names: Iterable[str]) -> dict[str, list[Made]]:
        """The traces of each of these producers."""
        return {name: [_made(*line.split()) for line in self._list(name).read_text().splitlines()] for name in names}

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _list(self, name: str) -> Path:
        return self._folder / f"{name}.spans"


def _made(at_s: str, trace_id: str, *span_ids: str) -> Made:
    return Made(float(at_s), trace_id, span_ids)


def _environment() -> dict[str, str]:
    """This process's environment without settings of a tracer, so that only a producer's arguments count."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("ZIPKIN_", "OTEL_"))}
