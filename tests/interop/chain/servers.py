"""A real PostgreSQL on loopback: started, waited for, ended.

Rules: as for the other servers of the tests: waits are by the clock, and none outlives its block or this process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...integration.server_process import await_port, end_with_parent, program, stop
from ...ports import free_port

__all__ = ["postgres"]


@contextmanager
def _running(name: str, command: Sequence[str], port: int, log: Path, user: str | None = None) -> Iterator[None]:
    """A server that listens on `port`; SIGTERM ends it, and force where that takes too long."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", user=user, preexec_fn=end_with_parent()
        )
    try:
        try:
            await_port(name, port, process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; it said:\n{log.read_text(errors='replace')[-3000:]}") from None
        yield
    finally:
        stop(process)


# PostgreSQL


@contextmanager
def postgres() -> Iterator[int]:
    """An empty server, with user `postgres`; the value is its port."""
    binaries = _postgres_binaries()
    port = free_port()
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        make = [str(binaries / "initdb"), "-D", data, "-A", "trust", "--no-sync", "-U", "postgres"]
        subprocess.run(make, user=user, cwd="/", stdout=subprocess.DEVNULL, check=True, timeout=60)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with _running("postgres", [str(binaries / "postgres"), "-D", data, *options], port, Path(folder) / "log", user):
            yield port


def _postgres_binaries() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else Path(program("initdb", "postgresql")).resolve().parent
