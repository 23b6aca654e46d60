"""Starts applications without any tracing code, traced by the command or by one line.

Rules: each application is a process with a real server.  SIGTERM ends it, and then the collector has its spans.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..integration.test_processes import BIN, PROJECT, get
from ..integration.test_servers import serving
from ..ports import free_port

__all__ = ["ONE_LINE", "WAYS", "Way", "await_port", "buy_from_three_services", "program"]

MAX_START_WAIT_S = 30.0
MAX_END_WAIT_S = 30.0
ONE_LINE = "import opentracing_zipkin\n\nopentracing_zipkin.configure({name!r}, instrument=True)\n"

# The arguments are a service's name, its server's command with {app} in it, the application as `module:object`, and a folder
# to write to; the result is the command to run.
Way = Callable[[str, list[str], str, Path], list[str]]


def by_the_command(name: str, command: list[str], app: str, folder: Path) -> list[str]:
    """The command with `opentracing-zipkin run` before it; the application is unchanged."""
    run = [sys.executable, "-m", "opentracing_zipkin", "run", "--service-name", name]
    return [*run, *(word.replace("{app}", app) for word in command)]


def by_one_line(name: str, command: list[str], app: str, folder: Path) -> list[str]:
    """The unchanged command of the server, for a module with the one line before the import of the application."""
    module, _, attribute = app.partition(":")
    traced = f"traced_{name}"
    (folder / f"{traced}.py").write_text(f"{ONE_LINE.format(name=name)}\nfrom {module} import {attribute}\n")
    return [str(BIN / command[0]), *(word.replace("{app}", f"{traced}:{attribute}") for word in command[1:])]


WAYS: Mapping[str, Way] = {"run": by_the_command, "one line": by_one_line}


@contextmanager
def program(command: list[str], settings: Mapping[str, str], folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    """A server, whose command contains {port}; its port and its log.  SIGTERM ends it, and its exit status is checked."""
    port, log = free_port(), folder / f"{name}.log"
    search = f"{PROJECT}:{folder}"
    with serving(command, {**settings, "PYTHONPATH": search}, port, log) as process:
        yield port, log
        process.send_signal(signal.SIGTERM)

        assert process.wait(MAX_END_WAIT_S) in (0, -signal.SIGTERM), log.read_text()[-3000:]


def await_port(port: int, log: Path) -> None:
    """Wait until a server listens; a connection without a request makes no span."""
    deadline = time.monotonic() + MAX_START_WAIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.05)


GTHREAD = ["gunicorn", "--bind", "127.0.0.1:{port}", "-k", "gthread", "--threads", "8", "{app}"]
UVICORN = ["uvicorn", "{app}", "--port", "{port}"]


def buy_from_three_services(way: Way, settings: Mapping[str, str], folder: Path, articles: list[str]) -> tuple[list[str], str]:
    """frontend calls orders, which calls payment, for all articles at once; returns the answers and the services' logs."""
    logs: list[Path] = []

    def start(name: str, command: list[str], **more: str) -> str:
        command = way(name, command, f"tests.interop.apps.untraced_{name}:app", folder)
        port, log = stack.enter_context(program(command, {**settings, **more}, folder, name))
        await_port(port, log)
        logs.append(log)
        return f"http://127.0.0.1:{port}"

    with ExitStack() as stack:
        payment = start("payment", GTHREAD)
        orders = start("orders", UVICORN, PAYMENT=payment)
        frontend = start("frontend", GTHREAD, ORDERS=orders)
        with ThreadPoolExecutor(len(articles)) as executor:
            answers = list(executor.map(get, [f"{frontend}/buy/{article}" for article in articles]))
    return answers, "".join(log.read_text() for log in logs)
