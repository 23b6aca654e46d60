"""The decoders of OpenTelemetry's collector: a program in Go around its own modules, built once.

Rules: as for the server, a program that the machine lacks is an error that names the remedy.  The versions are in
`otel/go.mod`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .server_process import PROJECT, program
from .zipkin_server import say

__all__ = ["decoded"]

SOURCE = Path(__file__).parent / "otel"
BUILD_TIMEOUT_S = 900


def built() -> Path:
    """The program, from the cache, or built from source if that is newer."""
    binary = Path(os.environ.get("OTEL_DECODERS_CACHE") or PROJECT / ".cache" / "otel-decoders") / "decoders"
    newest = max(file.stat().st_mtime for file in SOURCE.iterdir())
    if not binary.exists() or binary.stat().st_mtime < newest:
        go = program("go", "golang")
        say("building the decoders of OpenTelemetry's collector, about a minute ...")
        binary.parent.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        subprocess.run([go, "build", "-o", str(unfinished), "."], cwd=SOURCE, check=True, timeout=BUILD_TIMEOUT_S)
        unfinished.rename(binary)
    return binary


def decoded(encoding: str, messages: Sequence[bytes]) -> list[dict[str, Any]]:
    """The decoded `spans` of each message, or the `error` for which it was refused."""
    lines = "".join(message.hex() + "\n" for message in messages)
    run = subprocess.run([str(built()), encoding], input=lines, capture_output=True, text=True, timeout=100, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]
