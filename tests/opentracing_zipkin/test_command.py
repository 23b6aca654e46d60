"""The command `opentracing-zipkin`: help that helps, errors that name the remedy, and a clean end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "opentracing_zipkin"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_help_names_the_subcommands() -> None:
    """Exit status 0."""
    result = run("--help")

    assert 0 == result.returncode
    assert {"demo", "collector"} <= set(re.findall(r"^ +(\w+)\s", result.stdout, re.MULTILINE))


@pytest.mark.parametrize("command", [[], ["run"], ["demo"], ["collector"], ["doctor"], ["decode"]])
def test_help_fits_a_terminal_of_80_columns(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is broken by the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*command, "--help")

    assert 0 == result.returncode
    assert [] == [line for line in result.stdout.splitlines() if len(line) > 80]


@pytest.mark.needs_our_api
def test_version_names_the_distribution() -> None:
    """As pip knows it."""

    assert "opentracing 2.5" in run("--version").stdout


def test_a_sub_command_is_loaded_only_to_be_run() -> None:
    """What the collector and the demo consist of is not imported for `--help`, or for another sub-command."""
    code = "import sys, opentracing_zipkin.__main__; print(*sorted(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout

    assert "opentracing_zipkin.commands.demo" in printed.split()
    assert [] == re.findall(r"opentracing_zipkin\.(?:collector|demo)\S*", printed)


@pytest.mark.parametrize("arguments", [(), ("dmeo",), ("collector", "--prot", "1")])
def test_a_misspelling_ends_with_status_2_and_the_usage(arguments: tuple[str, ...]) -> None:
    """On standard error."""
    result = run(*arguments)

    assert 2 == result.returncode
    assert "usage: opentracing-zipkin" in result.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_collector_serves_until_it_is_stopped(signal_number: signal.Signals) -> None:
    """It says where, and ends with status 0."""
    with subprocess.Popen([*COMMAND, "collector", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        [url] = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        healthy = requests.get(f"{url}/health", timeout=5)
        process.send_signal(signal_number)

        assert 0 == process.wait(10)
    assert 200 == healthy.status_code


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    """Status 1, no traceback."""
    with subprocess.Popen([*COMMAND, "collector", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        [port] = re.findall(r":(\d+)", process.stdout.readline())
        result = run("collector", "--port", port)
        process.terminate()

    assert 1 == result.returncode
    assert port in result.stderr
    assert "Traceback" not in result.stderr
