"""Starting and ending the real programs that the applications consist of.

Rules: loopback only; waits are by the clock; what a program said before it failed is in the exception; none outlives its block.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..integration.server_process import PROJECT, await_port, end_with_parent, stop
from ..ports import free_port

__all__ = ["MAX_END_WAIT_S", "application", "redis_server"]

MAX_END_WAIT_S = 15.0


@contextmanager
def application(
    name: str, service_name: str, collector_url: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run `apps/<name>.py` as a service; the value is its port.  Its spans are at the collector when the block is left."""
    settings = {
        "ZIPKIN_SERVICE_NAME": service_name,
        "ZIPKIN_ENDPOINT": collector_url,
        "ZIPKIN_FLUSH_INTERVAL": "0.05",
        **(environment or {}),
    }
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.interop.apps.{name}"],
            cwd=PROJECT,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # so that force reaches what it forked
        )
        try:
            assert process.stdout is not None
            first_line = process.stdout.readline()
            if not first_line.strip().isdigit():
                process.wait(MAX_END_WAIT_S)
                errors.seek(0)
                raise RuntimeError(f"{name} did not start, it said {first_line!r} and:\n{errors.read()[-3000:]}")
            yield int(first_line)
        finally:
            _end(process)
        errors.seek(0)
        assert 0 == process.returncode, errors.read()[-3000:]


def _end(process: subprocess.Popen[str]) -> None:
    """End the application by closing its input, or by force if that takes too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(MAX_END_WAIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process.stdout.close()


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A real Redis server that keeps nothing; the value is its port."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed; install it, for instance with: apt-get install -y redis-server")
    port = free_port()
    options = {"bind": "127.0.0.1", "port": str(port), "save": "", "appendonly": "no", "dir": str(folder)}
    process = subprocess.Popen(
        [program, *(part for key, value in options.items() for part in (f"--{key}", value))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=end_with_parent(),
    )
    try:
        await_port("redis-server", port, process)
        yield port
    finally:
        stop(process)
