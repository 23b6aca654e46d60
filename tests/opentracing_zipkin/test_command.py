"""The command `opentracing-zipkin`: its help, its errors with the remedy, and its orderly end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

COMMAND = [sys.executable, "-m", "opentracing_zipkin"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_help_names_the_subcommands() -> None:
    """The help names the subcommands and ends with status 0."""
    result = run("--help")

    assert 0 == result.returncode
    assert {"demo", "collector"} <= set(re.findall(r"^ +(\w+)\s", result.stdout, re.MULTILINE))


@pytest.mark.parametrize("command", [[], ["run"], ["demo"], ["collector"], ["doctor"], ["decode"]])
def test_help_fits_a_terminal_of_80_columns(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal breaks no line of the help."""
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*command, "--help")

    assert 0 == result.returncode
    assert [] == [line for line in result.stdout.splitlines() if len(line) > 80]


@pytest.mark.needs_our_api
def test_version_names_the_distribution() -> None:
    """The version names the distribution as pip does."""

    assert "opentracing 2.5" in run("--version").stdout


def test_a_sub_command_is_loaded_only_to_be_run() -> None:
    """Neither `--help` nor another subcommand imports the modules of the collector and the demo."""
    code = "import sys, opentracing_zipkin.__main__; print(*sorted(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout

    assert "opentracing_zipkin.commands.demo" in printed.split()
    assert [] == re.findall(r"opentracing_zipkin\.(?:collector|demo)\S*", printed)


@pytest.mark.parametrize("arguments", [(), ("dmeo",), ("collector", "--prot", "1")])
def test_a_misspelling_ends_with_status_2_and_the_usage(arguments: tuple[str, ...]) -> None:
    """The usage for a misspelling is on standard error."""
    result = run(*arguments)

    assert 2 == result.returncode
    assert "usage: opentracing-zipkin" in result.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_collector_serves_until_it_is_stopped(signal_number: signal.Signals) -> None:
    """The collector prints its address, and a signal ends it with status 0."""
    with subprocess.Popen([*COMMAND, "collector", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        [url] = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        healthy = requests.get(f"{url}/health", timeout=5)
        process.send_signal(signal_number)

        assert 0 == process.wait(10)
    assert 200 == healthy.status_code


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    """A taken port gives status 1, without a traceback."""
    with subprocess.Popen([*COMMAND, "collector", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        [port] = re.findall(r":(\d+)", process.stdout.readline())
        result = run("collector", "--port", port)
        process.terminate()

    assert 1 == result.returncode
    assert port in result.stderr
    assert "Traceback" not in result.stderr


CLOSED = (">&-", "<&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")
ENDING = {
    "--version": 0,
    "decode - --to lines": 1,
    "decode nothing": 1,
    "collector --port nothing": 2,
    "collector --db nothing/here.db": 1,
    "doctor --url nothing": 2,
}


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize(("arguments", "status"), ENDING.items(), ids=ENDING)
def test_a_closed_stream_is_no_reason_to_fail(arguments: str, status: int, closed: str) -> None:
    """If a service manager starts the command without streams, the exit status is the same, and there is no traceback."""
    command = f'"$0" -m opentracing_zipkin {arguments} {closed}'
    result = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=60, check=False, input=""
    )

    assert (status, False) == (result.returncode, "Traceback" in result.stderr)


PRINTING = {
    "--version": "",
    "decode {file} --to lines": " decode",
    "decode {file} --to tree": " decode",
    "decode {file} --to proto3": " decode",
    "run --list": " run",
    "doctor": " doctor",
    "doctor --json": " doctor",
    "demo": " demo",
    "collector --port 0": " collector",
}


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("sink", ["a full disk", "a closed pipe"])
@pytest.mark.parametrize(("arguments", "name"), PRINTING.items(), ids=PRINTING)
def test_output_that_nothing_takes_is_one_line_or_none(
    arguments: str, name: str, sink: str, unbuffered: str, tmp_path: Path
) -> None:
    """Each command ends with status 1 and one line if the disk is full, and without a word if its reader has left."""
    file = tmp_path / "spans.json"
    file.write_text('[{"traceId": "0000000000000001", "id": "0000000000000002", "name": "buy"}]')
    command = [*COMMAND, *(word.format(file=file) for word in arguments.split())]
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "wb") as full, open(writer, "wb") as closed:
        done = subprocess.run(
            command,
            stdout=full if sink == "a full disk" else closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    line = f"opentracing-zipkin{name}: standard output: No space left on device\n" if sink == "a full disk" else ""

    if arguments == "--version" and unbuffered:  # argparse itself ignores the error of such a stream
        assert (0, "") == (done.returncode, done.stderr)
    else:
        assert (1, line) == (done.returncode, done.stderr)


def test_a_collector_without_streams_serves(tmp_path: Path) -> None:
    """A collector listens even if no process reads its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f'exec "$0" -m opentracing_zipkin collector --port {port} <&- >&- 2>&-'
    with subprocess.Popen(["sh", "-c", command, sys.executable], cwd=tmp_path) as process:
        answer = _answer_of(f"http://127.0.0.1:{port}/health")
        process.terminate()

        assert (200, 0) == (answer, process.wait(10))


def _answer_of(url: str) -> int:
    """The status of the answer, once there is one."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return requests.get(url, timeout=5).status_code
        except requests.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
