"""Files and processes that cause faults of the store, shared by its tests."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["HELD_BY", "ended", "holding", "spans", "sqlite"]


def spans(trace: int, count: int = 10, **fields: object) -> list[FinishedSpan]:
    made = [
        FinishedSpan(f"{trace:016x}", f"{number + 1:016x}", timestamp_us=trace, local=Endpoint("web"), tags={"k": "x" * 300})
        for number in range(count)
    ]
    for span in made:
        for name, value in fields.items():
            setattr(span, name, value)
    return made


def sqlite(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


IN_ANOTHER_PROCESS = """
import sqlite3, sys
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
{open}
print("open", flush=True)
sys.stdin.read()
"""
HELD_BY = {
    "a collector": "kept = SqliteStore(sys.argv[1])",
    "another program": "kept = sqlite3.connect(sys.argv[1]); kept.execute('begin exclusive')",
}


def holding(path: Path, how: str) -> subprocess.Popen[str]:
    code = IN_ANOTHER_PROCESS.format(open=HELD_BY[how])
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "open\n" == process.stdout.readline()
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)
