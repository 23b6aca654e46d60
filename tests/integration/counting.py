"""A collector in a separate process that counts spans by their `number` tag, and fails by a timetable or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

__all__ = ["CountingCollector"]

PROJECT = Path(__file__).resolve().parents[2]
ALWAYS = (("none", 3600.0),)


class CountingCollector:
    """A collector that runs inside its block; afterwards `distinct` and `again` count the received spans."""

    def __init__(self, timetable: Sequence[tuple[str, float]] = ALWAYS) -> None:
        self._timetable = timetable
        self.url = ""
        self.distinct = self.again = 0

    def __enter__(self) -> CountingCollector:
        command = [sys.executable, "-m", "tests.soak.collector", json.dumps(self._timetable)]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self._line())}"
        return self

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        told = json.loads(self._line())
        self.distinct, self.again = told["distinct"], told["again"]
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
