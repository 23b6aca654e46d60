"""Runs the examples of a page as its reader would, and compares the traces with those that the page shows.

A page is read from its top.  A block of Python or TOML that begins with `# name.py` or `# name.toml` is written to that file.
In a `console` block each line after `$` is run, and the lines after it are its expected output.  A command with `--port`, or one
of a collector, is a server, which runs until the next trace.  A `text` block that begins with a service shows all traces that
arrived since the last such block.  A line that ends with `…` is not shown to its end.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.drawing.trees import Node, roots_of, service_of, walk
from opentracing_zipkin.model import FinishedSpan

from ..ports import free_port

DOCS = Path(__file__).parents[2] / "docs"
READY_TIMEOUT_S = 30.0
KEPT = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"  # disables packages that the tests have but a reader has not

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\w+\.(?:py|toml))\b")
_PORT = re.compile(r"(?:127\.0\.0\.1|localhost)?:(\d{4,5})\b|--port (\d+)")
_ID = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SECONDS = re.compile(r"\b\d+\.\d+s\b")
_COLLECTOR = "9411"
_SHELL = re.compile(r" (?:\||2?>)")  # the syntax that only a shell understands


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the text of each example, in the order of the page."""
    return _BLOCK.findall((DOCS / page).read_text("utf-8"))


def check_page(page: str, folder: Path, **ports: str) -> None:
    """Follow the page in an empty folder and compare its output; `ports` maps a port of the page to one that is used here."""
    with Collector() as collector:
        reader = Reader(collector, folder, ports)
        try:
            reader.read_page(page)
        finally:
            reader.end_servers()
    assert reader.count, f"{page} shows no trace"


class Served(Protocol):
    """The place where a reader looks for traces: a collector, or a Zipkin server."""

    @property
    def url(self) -> str: ...


class Reader:
    """Stands for a reader of a page; `count` is the number of traces that were compared."""

    def __init__(self, collector: Served, folder: Path, ports: Mapping[str, str]) -> None:
        self.count = 0
        self._collector = collector
        self._folder = folder
        self._ports = {_COLLECTOR: collector.url.rpartition(":")[2], **ports}
        self._servers: list[subprocess.Popen[bytes]] = []
        self._seen: set[str] = set()
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_")) or name == KEPT},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "PYTEST_ADDOPTS": "-p no:asyncio",  # a plugin of the tests that a reader has not
            "ZIPKIN_ENDPOINT": collector.url,
        }

    def pass_over(self) -> None:
        """Leave out the traces that have arrived until now, because they are not the page's."""
        self._seen.update(trace[0]["traceId"] for trace in self._traces())

    def read_page(self, page: str) -> None:
        """Do everything that a page of docs/ says, from top to end."""
        for language, text in blocks(page):
            self.read(language, text)

    def read(self, language: str, text: str) -> None:
        """Do what one block says."""
        if language in ("python", "toml"):
            name = _FILE.match(text)
            assert name is not None, f"an example without a name: {text}"
            (self._folder / name[1]).write_text(self._with_ports(text), "utf-8")
        elif language == "console":
            for command, output in _commands(text):
                self._run(self._with_ports(command), output)
        elif language == "text":
            self.end_servers()
            self._compare(text)

    def end_servers(self) -> None:
        for process in self._servers:
            process.send_signal(signal.SIGTERM)
        for process in self._servers:
            try:
                process.wait(20)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        self._servers.clear()

    def _with_ports(self, text: str) -> str:
        """The text with each port of the page replaced by a free one."""
        for found in _PORT.finditer(text):
            self._ports.setdefault(found[1] or found[2], str(free_port()))
        for port, free in self._ports.items():
            text = re.sub(rf"(?<=:){port}\b|(?<=--port ){port}\b", free, text)
        return text

    def _run(self, command: str, output: str) -> None:
        words = shlex.split(command)
        variables = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        words = ["sh", "-c", command] if _SHELL.search(command) else words[len(variables) :]
        port = re.search(r"--(?:port|bind|http-socket) (?:127\.0\.0\.1:)?(\d+)|runserver (?:127\.0\.0\.1:)?(\d+)", command)
        environment = {**self._environment, **variables}
        if words[0] == "curl":
            answer = _get(words[1:], self._folder)
            assert output.strip() == answer.strip(), f"the answer is:\n{answer}"
        elif port is not None:
            self._serve(words, environment, int(port[1] or port[2]))
        elif "worker" in words:
            self._serve(words, environment, 0)
        else:
            done = subprocess.run(
                words, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert 0 == done.returncode, done.stdout + done.stderr
            printed = self._with_former_ports(done.stdout + done.stderr)
            assert _plain(output) == _plain(printed), f"it has printed:\n{printed}"

    def _serve(self, words: Sequence[str], environment: Mapping[str, str], port: int) -> None:
        log = self._folder / f"log{len(self._servers)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                words, cwd=self._folder, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        self._servers.append(process)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not (_is_open(port) if port else b"ready." in log.read_bytes()):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def _compare(self, expected: str) -> None:
        deadline = time.monotonic() + 5
        expected = _UUID.sub("…", expected)
        while (shown := _as_cut(expected, _UUID.sub("…", self._arrived()))) != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        assert expected == shown, f"these have arrived:\n{shown}"
        self.pass_over()
        self.count += 1

    def _traces(self) -> list[list[dict[str, Any]]]:
        with urllib.request.urlopen(f"{self._collector.url}/api/v2/traces?limit=1000", timeout=10) as answer:
            traces: list[list[dict[str, Any]]] = json.load(answer)
        fresh = [trace for trace in traces if trace[0]["traceId"] not in self._seen]
        return sorted(fresh, key=lambda trace: min(span["timestamp"] for span in trace if "timestamp" in span))

    def _arrived(self) -> str:
        return self._with_former_ports("\n".join(shown(trace) for trace in self._traces()))

    def _with_former_ports(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"(?<=:){free}\b", port, text)
        return text


def shown(trace: list[dict[str, Any]]) -> str:
    """A trace as the pages show it: each span is a line with its service and name, its kind, the callee, and its tags."""
    rows = list(_rows(roots_of(json_v2.decode(json.dumps(trace).encode()))))
    width = max(len(name) for name, _, _ in rows)
    return "".join(f"{name:{width}}  {kind:8}  {rest}".rstrip() + "\n" for name, kind, rest in rows)


def _rows(roots: Sequence[Node]) -> Iterator[tuple[str, str, str]]:
    for node, ancestry in walk(roots):
        span = node.span
        passing = "".join("   " if is_last else "│  " for is_last in ancestry[1:-1])
        branch = "" if len(ancestry) == 1 else "└─ " if ancestry[-1] else "├─ "
        events = "".join(f"  ({text})" for _, text in span.annotations)
        yield (
            f"{passing}{branch}{service_of(span)}: {span.name}",
            (span.kind or "").lower(),
            _whom(span) + " ".join(f"{name}={value}" for name, value in span.tags.items()) + events,
        )


def _whom(span: FinishedSpan) -> str:
    if span.remote is None or span.kind not in ("CLIENT", "PRODUCER"):
        return ""
    whom = span.remote.service_name or ":".join(str(part) for part in (span.remote.ipv4, span.remote.port) if part)
    return f"to {whom}  " if whom else ""


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, with the lines after it."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start][2:].partition("  #")[0], "\n".join(lines[start + 1 : end])


def _plain(text: str) -> str:
    """The text without ids, times and lines of progress, which differ in each run."""
    text = _SECONDS.sub("…s", _ID.sub("…", text))
    return "\n".join(line for line, _ in groupby(text.strip().splitlines()) if not re.match(r"\.+ *\[", line))


def _as_cut(expected: str, text: str) -> str:
    """The text; a line is cut if the expected line ends with `…` and has the same beginning."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(expected.splitlines()[: len(lines)]):
        if line.endswith("…") and lines[number].startswith(line[:-1]):
            lines[number] = f"{line}\n"
    return "".join(lines)


def _get(words: Sequence[str], folder: Path) -> str:
    headers = dict(words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "-H")
    posted = [(folder / words[n + 1][1:]).read_bytes() for n, word in enumerate(words) if word == "--data-binary"]
    request = urllib.request.Request(words[-1], posted[0] if posted else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def _is_open(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
