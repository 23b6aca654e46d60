"""`opentracing-zipkin collector`: its options, and one clear line for a cause that keeps it from running."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

COMMAND = [sys.executable, "-m", "opentracing_zipkin", "collector"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """The URL of a collector with these options."""
    with subprocess.Popen([*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[3].rstrip(",")
        finally:
            process.send_signal(signal.SIGTERM)

            assert 0 == process.wait(10)


WRONG = {
    "--port 70000": ("--port is '70000'; give a whole number from 0 to 65535", 2),
    "--port http": ("--port is 'http'; give a whole number", 2),
    "--max-bytes lots": ("--max-bytes is 'lots'; give a number of bytes, such as 256MiB", 2),
    "--max-bytes 0": ("--max-bytes is '0'; give", 2),
    "--max-bytes 5": ("--max-bytes is '5'; give at least 1MiB, such as 256MiB or 1GiB", 2),
    "--max-bytes 1MB": ("--max-bytes is '1MB'; give at least 1MiB", 2),
    "--max-bytes 5 --db /nowhere/t.db": ("--max-bytes is '5'; give at least 1MiB", 2),
    "--max-age 7d": ("--max-age needs --db FILE; leave it out, or give --db", 2),
    "--max-age soon --db /nowhere/t.db": ("--max-age is 'soon'; give a time, such as 15m", 2),
    "--allow-origin localhost:3000": ("allow_origins is 'localhost:3000'; give a scheme and a host", 2),
    "--allow-host http://a": ("allow_hosts is 'http://a'; give a name", 2),
    "--host 192.0.2.1 --port 0": ("cannot listen on 192.0.2.1 port 0: it is not an address of this machine", 1),
    "--host no.such.host.invalid --port 0": (
        "cannot listen on no.such.host.invalid port 0: it is not an address of this machine",
        1,
    ),
}


@pytest.mark.parametrize(("arguments", "words", "status"), [(key, *value) for key, value in WRONG.items()], ids=WRONG)
def test_a_wrong_option_is_one_line(arguments: str, words: str, status: int) -> None:
    """The line names the error and the remedy; the exit status is 2, or 1 if the machine is the cause."""
    done = run(*arguments.split())

    assert (status, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert done.stderr.startswith("opentracing-zipkin collector: ")
    assert words in done.stderr


def test_a_taken_port_is_one_line() -> None:
    """The line for a port that is taken names the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run("--port", str(port))

    assert (1, "") == (done.returncode, done.stdout)
    assert (
        f"opentracing-zipkin collector: the collector cannot listen on 127.0.0.1 port {port}: another program listens "
        "there; stop it, or use port 0 for any free port\n"
    ) == done.stderr


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [(["collector", "--port", "0"], "opentracing-zipkin collector"), (["demo"], "opentracing-zipkin demo")],
)
def test_without_its_server_a_command_says_what_to_install(tmp_path: Path, arguments: list[str], begin: str) -> None:
    """In an environment without the extra a command names the extra on one line."""
    (tmp_path / "waitress.py").write_text("raise ImportError('no waitress here')\n")
    done = subprocess.run(
        [sys.executable, "-c", f"from opentracing_zipkin.__main__ import main; raise SystemExit(main({arguments}))"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert (
        f"{begin}: the embedded collector needs waitress: install the extra 'collector' of the "
        "distribution 'opentracing' (in the repository: pip install '.[collector]')\n"
    ) == done.stderr


def test_it_is_ready_at_once() -> None:
    """A collector is ready in less than half a second on an idle machine.

    The test takes the least of several starts and allows three times that.
    """
    took = []
    for _ in range(3):
        begin = time.monotonic()
        with running() as url:
            assert requests.get(url + "/health", timeout=10).ok
            took.append(time.monotonic() - begin)

    assert 1.5 > min(took)


def test_origins_and_hosts_are_allowed_by_options() -> None:
    """The options for origins and hosts may be given several times."""
    with running("--allow-origin", "http://a.test", "--allow-origin", "http://b.test", "--allow-host", "zipkin.test") as url:
        origins = [f"http://{name}.test" for name in "abc"]
        statuses = [requests.get(url + "/health", headers={"Origin": origin}, timeout=10).status_code for origin in origins]
        hosts = [
            requests.get(url + "/health", headers={"Host": name}, timeout=10).status_code
            for name in ("zipkin.test", "other.test")
        ]

    assert [200, 200, 403] == statuses
    assert [200, 403] == hosts


def test_where_it_listens_to_all_its_line_names_an_address_that_works() -> None:
    """A collector that listens on `0.0.0.0` names another address, because clients cannot connect to `0.0.0.0`."""
    with running("--host", "0.0.0.0") as url:
        assert url.startswith("http://127.0.0.1:")
        assert requests.get(url + "/health", timeout=10).ok


def test_tags_are_listed_by_option() -> None:
    """The named tags and their values are listed."""
    with running("--autocomplete-keys", "environment, http.method") as url:
        span = {
            "traceId": "1",
            "id": "1",
            "timestamp": 1,
            "localEndpoint": {"serviceName": "a"},
            "tags": {"environment": "test"},
        }
        requests.post(url + "/api/v2/spans", json=[span], timeout=10)
        keys = requests.get(url + "/api/v2/autocompleteKeys", timeout=10).json()
        values = requests.get(url + "/api/v2/autocompleteValues?key=environment", timeout=10).json()

    assert (["environment", "http.method"], ["test"]) == (keys, values)


def test_a_file_keeps_traces(tmp_path: Path) -> None:
    """A file keeps traces over a restart; a second collector cannot use the file and says so."""
    options = ("--db", str(tmp_path / "traces.db"), "--max-bytes", "64MiB", "--max-age", "2d")
    with running(*options) as url:
        span = {"traceId": "1", "id": "1", "timestamp": int(time.time() * 1_000_000), "localEndpoint": {"serviceName": "a"}}
        requests.post(url + "/api/v2/spans", json=[span], timeout=10)
        second = run("--port", "0", *options)
    with running(*options) as url:
        services = requests.get(url + "/api/v2/services", timeout=10).json()

    assert ["a"] == services
    assert (1, "", 1) == (second.returncode, second.stdout, second.stderr.count("\n"))


@pytest.mark.parametrize("content", [b"text", b"SQLite format 3\0" + b"x" * 200])
def test_another_file_is_no_place_for_traces(tmp_path: Path, content: bytes) -> None:
    """Another file is left as it is, and one line says so."""
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    done = run("--port", "0", "--db", str(file))

    assert (1, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert done.stderr.startswith("opentracing-zipkin collector: ")
    assert content == file.read_bytes()


def test_help_shows_examples() -> None:
    """The help shows examples with the options that they use."""
    done = run("--help")

    assert 0 == done.returncode
    assert "opentracing-zipkin collector --db traces.db --max-bytes 4GiB --max-age 2d" in done.stdout


@pytest.mark.parametrize("option", ["--lens", "--db"])
def test_a_file_that_is_missing_is_named(option: str, tmp_path: Path) -> None:
    """One line names the missing file and the reason."""
    file = tmp_path / "no folder" / "file"
    result = subprocess.run(
        [*COMMAND, "--port", "0", option, str(file)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (1, 1) == (result.returncode, len(result.stderr.splitlines()))
    assert str(file) in result.stderr
