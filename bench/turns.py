"""Worker processes that live at the same time and work in turn, so that a comparison covers only some milliseconds."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .environments import python_of
from .harness import environment

__all__ = ["Worker"]


class Worker:
    """One such process: it prints a line when it is ready, a line for each number that it gets, and at its end a number.

    It writes to the same stderr as this process.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def started(cls, adapter: str, file: Path, *arguments: str) -> Iterator[Worker]:
        """Run a file in an adapter's environment; -I, so that it imports no package of this checkout that it was not given."""
        command = [str(python_of(adapter)), "-I", str(file), *arguments]
        with subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    def await_ready(self) -> None:
        self._read()

    def answer(self, number: int) -> str:
        """The worker's line for this number.  Raises RuntimeError if the worker has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        return self._read()

    def end(self) -> int:
        """The worker's last number, which it prints when all its spans are reported."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return int(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))} ended with status {self._process.wait()}")  # type: ignore
        return line
