"""toxiproxy between the tracer and the real server: a program of the Go project, built once, and faults by its HTTP API.

Rules: as for the server, what is missing on the machine is an error that names the remedy.
Source: Shopify/toxiproxy, README.md, "HTTP API".
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from ..ports import free_port
from .server_process import PROJECT, end_with_parent, program
from .zipkin_server import say

__all__ = ["Toxiproxy"]

# The version is named, because proxies of Go's module index take an older one for the latest.
MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
BUILD_TIMEOUT_S = 600
READY_TIMEOUT_S = 15.0


def built() -> Path:
    """The program, from the cache or, once, from source."""
    folder = Path(os.environ.get("TOXIPROXY_CACHE") or PROJECT / ".cache" / "toxiproxy")
    binary = folder / "toxiproxy"
    if not binary.exists():
        go = program("go", "golang")
        say("building toxiproxy, about a minute ...")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            subprocess.run(
                [go, "install", MODULE], env={**os.environ, "GOBIN": unfinished}, check=True, timeout=BUILD_TIMEOUT_S
            )
            (Path(unfinished) / "server").rename(binary)
    return binary


class Toxiproxy:
    """One proxy before `upstream` (host:port) at `url`; as a context manager it runs inside the block.

    `listen`: host and port of the proxy, or "" for free ones.
    """

    def __init__(self, upstream: str, listen: str = "") -> None:
        self._upstream = upstream
        self._listen = listen
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Toxiproxy:
        port, listen = free_port(), self._listen or f"127.0.0.1:{free_port()}"
        self._api = f"http://127.0.0.1:{port}"
        command = [str(built()), "-host", "127.0.0.1", "-port", str(port)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent(),
        )
        self._await_api()
        self._post("/proxies", {"name": "zipkin", "listen": listen, "upstream": self._upstream})
        self.url = f"http://{listen}"
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self._session.close()
        self._process.terminate()
        self._process.wait(10)

    def _await_api(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            try:
                self._session.get(f"{self._api}/version", timeout=2)
                return
            except requests.ConnectionError:
                assert self._process.poll() is None, "toxiproxy ended"
                assert time.monotonic() < deadline, "toxiproxy does not answer"
                time.sleep(0.05)

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._session.post(self._api + path, json=body, timeout=5).raise_for_status()

    def down(self) -> None:
        """Refuse new connections, and break the open ones."""
        self._post("/proxies/zipkin", {"enabled": False})

    def spoil(self, kind: str, stream: str, **attributes: int) -> None:
        """Put a toxic on the bytes to the server (`upstream`) or on its answers (`downstream`)."""
        self._post("/proxies/zipkin/toxics", {"type": kind, "stream": stream, "attributes": attributes})

    def heal(self) -> None:
        """Accept connections again, without toxics."""
        self._post("/reset", {})
