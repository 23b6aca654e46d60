"""Servers that get SIGTERM right after three requests: each ends as without the tracer, and each request's span arrives.

Each case is a server and the place where its application calls `configure`.  Cases in which the server sends the signal to
itself again are always tried.  SERVERS_SEED draws a sample of the others; SERVERS_WHOLE=1 takes all, and so
does `make soak`.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from opentracing_zipkin.collector import Collector

from ..ports import free_port
from .apps.served import IMPORT, NOWHERE, START_UP
from .test_processes import BIN, PROJECT, await_answer, environment, get, spans_of

REQUESTS = 3
MAX_END_S = 8.0  # the slowest takes 1.5 s on an idle machine
SAMPLE = 4
SEED = int(os.environ.get("SERVERS_SEED") or random.randrange(1_000_000))
WHOLE = bool(os.environ.get("SERVERS_WHOLE"))

_T = TypeVar("_T")

APPS = "tests.integration.apps.served"
ASGI = f"{APPS}.asgi:application"
WSGI = f"{APPS}.wsgi:application"


class Server(NamedTuple):
    """A server that runs `command`, which contains {port}.

    SIGTERM may come once the log matches `ready` and the server has answered.  `tries` is more than one if the server by itself
    sometimes does not end.
    """

    command: list[str]
    places: tuple[str, ...] = (IMPORT, START_UP)
    ready: str = ""
    tries: int = 1


def program(name: str, *arguments: str) -> list[str]:
    return [str(BIN / name), *arguments]


def gunicorn(*arguments: str) -> list[str]:
    return program("gunicorn", "--bind", "127.0.0.1:{port}", *arguments)


UVICORN = program("uvicorn", ASGI, "--port", "{port}")
HYPERCORN = program("hypercorn", ASGI, "--bind", "127.0.0.1:{port}")
GRANIAN = program("granian", "--port", "{port}", "--interface")
RUNSERVER = [sys.executable, "-m", f"{APPS}.django_site", "runserver", "127.0.0.1:{port}"]
FLASK = program("flask", "--app", f"{APPS}.flask_site", "run", "--port", "{port}")

SERVERS = {
    "uvicorn": Server(UVICORN),
    "uvicorn --workers 2": Server([*UVICORN, "--workers", "2"]),
    "uvicorn --reload": Server([*UVICORN, "--reload"]),
    "uvicorn.run()": Server([sys.executable, "-m", f"{APPS}.script", "{port}"]),
    "hypercorn": Server(HYPERCORN),
    "hypercorn --workers 2": Server([*HYPERCORN, "--workers", "2"]),
    "granian": Server([*GRANIAN, "asgi", ASGI]),
    # Granian itself waits for ever for a worker that gets SIGTERM while it starts.
    "granian --workers 2": Server([*GRANIAN, "asgi", ASGI, "--workers", "2"], ready=r"(?s)(Started worker-\d.*){2}"),
    # Without a tracer 2 of 400 did not end: SIGTERM came when the worker's main thread had just begun to wait (granian 2.8).
    "granian, WSGI": Server([*GRANIAN, "wsgi", WSGI], (IMPORT,), tries=3),
    "gunicorn": Server(gunicorn(WSGI), (IMPORT,)),
    "gunicorn --preload": Server(gunicorn(WSGI, "--preload"), (IMPORT,)),
    "gunicorn -k asgi": Server(gunicorn(ASGI, "-k", "asgi")),
    "gunicorn -k asgi --preload": Server(gunicorn(ASGI, "-k", "asgi", "--preload")),
    "gunicorn -k UvicornWorker": Server(gunicorn(ASGI, "-k", "uvicorn_worker.UvicornWorker")),
    "gunicorn -k UvicornWorker --preload": Server(gunicorn(ASGI, "-k", "uvicorn_worker.UvicornWorker", "--preload")),
    "daphne": Server(program("daphne", "-p", "{port}", ASGI), (IMPORT,)),
    "waitress": Server(program("waitress-serve", "--listen", "127.0.0.1:{port}", WSGI), (IMPORT,)),
    "twistd": Server(
        program("twistd", "-n", "--pidfile=", "web", "--listen", "tcp:{port}", "--wsgi", WSGI.replace(":", ".")), (IMPORT,)
    ),
    "runserver --noreload": Server([*RUNSERVER, "--noreload"], (IMPORT,)),
    "flask run": Server(FLASK, (IMPORT,)),
}  # fmt: skip
# The server handles SIGTERM, restores SIG_DFL and sends the signal to itself again.
SENT_AGAIN = [
    ("uvicorn", START_UP),
    ("uvicorn --workers 2", IMPORT),
    ("uvicorn --reload", START_UP),
    ("gunicorn -k UvicornWorker --preload", IMPORT),
    ("twistd", IMPORT),
]
# These have no handler for SIGTERM, so as process 1 of a container they do not end by it.
UNHANDLED = ("waitress", "runserver --noreload", "flask run")
# These do not handle SIGHUP, which others take as a request to reload.
HUNG_UP = ("uvicorn", "uvicorn.run()", "daphne", *UNHANDLED)
CASES = [(name, place) for name, server in SERVERS.items() for place in server.places]
OTHERS = [case for case in CASES if case not in SENT_AGAIN]
TRIED = CASES if WHOLE else SENT_AGAIN + random.Random(SEED).sample(OTHERS, SAMPLE)

# The reloader's parent ends its child by SIGKILL.
RELOADERS = {"runserver": RUNSERVER, "flask run --reload": [*FLASK, "--reload"]}
RELOADING = RELOADERS | {"uvicorn --reload": [*UVICORN, "--reload", "--reload-dir", "{folder}"]}


def sample(names: Iterable[_T]) -> list[_T]:
    """All of the names, or one that the seed draws."""
    return list(names) if WHOLE else [random.Random(SEED).choice(list(names))]


class End(NamedTuple):
    status: int
    seconds: float
    answers: set[str]
    arrived: set[str]
    log: str


@pytest.fixture(scope="module", autouse=True)
def _tell_the_seed(request: pytest.FixtureRequest) -> None:
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if capture is not None and not WHOLE:
        with capture.global_and_fixture_disabled():
            print(f"\n{len(TRIED)} of {len(CASES)} servers and places: SERVERS_SEED={SEED}, all of them: SERVERS_WHOLE=1")


@contextmanager
def serving(command: list[str], settings: dict[str, str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a separate session, of which no process is left afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [argument.replace("{port}", str(port)) for argument in command],
            env=settings, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_log(log: Path, pattern: str) -> None:
    deadline = time.monotonic() + 30
    while not re.search(pattern, log.read_text()):
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def parent(process: subprocess.Popen[bytes]) -> int:
    return process.pid


def group(process: subprocess.Popen[bytes]) -> int:
    return -process.pid


def only_child(process: subprocess.Popen[bytes]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


def end(
    server: Server,
    folder: Path,
    place: str,
    whom: Callable[[subprocess.Popen[bytes]], int] = parent,
    number: int = signal.SIGTERM,
) -> End:
    """The result of a server and its spans after the process `whom` got the signal right after an answer."""
    for left in reversed(range(server.tries)):
        try:
            return try_to_end(server, folder / place, place, whom, number)
        except subprocess.TimeoutExpired:
            if left == 0:
                raise
    raise AssertionError("no tries")


def try_to_end(server: Server, log: Path, place: str, whom: Callable[[subprocess.Popen[bytes]], int], number: int) -> End:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with Collector() as collector:
        settings = environment(collector, CONFIGURED=place, PYTHONUNBUFFERED="1")
        with serving(server.command, settings, port, log) as process:
            answers = [await_answer(url, log)]
            await_log(log, server.ready)
            answers += [get(url) for _ in range(REQUESTS)]
            os.kill(whom(process), number)
            begin = time.monotonic()
            status = process.wait(15)
            seconds = time.monotonic() - begin
        return End(status, seconds, set(answers), {span.span_id for span in spans_of(collector)}, log.read_text())


@pytest.mark.parametrize(("name", "place"), TRIED, ids=map(", ".join, TRIED))
def test_a_server_that_is_ended_has_sent_every_span(tmp_path: Path, name: str, place: str) -> None:
    """For each place of `configure` the server ends soon, with the exit status that it has without the tracer."""
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, SERVERS[name], tmp_path), [NOWHERE, place])

    assert without.status == ended.status, ended.log
    assert REQUESTS + 1 == len(ended.answers)
    assert ended.answers <= ended.arrived, ended.log
    assert MAX_END_S > ended.seconds


@pytest.mark.parametrize(("name", "place"), sample([case for case in CASES if case[0] in HUNG_UP]))
def test_a_server_whose_terminal_is_closed_has_sent_every_span(tmp_path: Path, name: str, place: str) -> None:
    """A server that does not handle SIGHUP ends by it as without the tracer, after the span of every answer was sent."""
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, SERVERS[name], tmp_path, number=signal.SIGHUP), [NOWHERE, place])

    assert (-signal.SIGHUP, -signal.SIGHUP) == (without.status, ended.status), ended.log
    assert ended.answers <= ended.arrived, ended.log


CONTAINED = [case for case in CASES if case[0] not in UNHANDLED]


@pytest.mark.parametrize(("name", "place"), sample(CONTAINED))
def test_a_server_that_is_process_1_has_sent_every_span(tmp_path: Path, name: str, place: str) -> None:
    """In a container without an init the kernel ends no process by an unhandled SIGTERM."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    server = SERVERS[name]._replace(command=[*unshare, *SERVERS[name].command])
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, server, tmp_path, whom=only_child), [NOWHERE, place])

    assert without.status == ended.status, ended.log
    assert ended.answers <= ended.arrived, ended.log


@pytest.mark.parametrize(("name", "place"), sample(CASES))
def test_sigterm_to_all_processes_of_a_server_costs_no_span(tmp_path: Path, name: str, place: str) -> None:
    """SIGTERM to all processes, as systemd sends it, costs no span.

    Hypercorn's workers do not handle it, so there one request in progress may be interrupted.
    """
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, SERVERS[name], tmp_path, whom=group), [NOWHERE, place])

    assert without.status == ended.status, ended.log
    assert int(name.startswith("hypercorn")) >= len(ended.answers - ended.arrived), ended.log


@pytest.mark.parametrize("name", sample(RELOADERS))
def test_a_reloaders_child_that_is_ended_has_sent_every_span(tmp_path: Path, name: str) -> None:
    """A reloader's child handles SIGTERM by `sys.exit`, so its exit handlers run."""
    server = Server(RELOADERS[name])
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, server, tmp_path, whom=only_child), [NOWHERE, IMPORT])

    assert without.status == ended.status, ended.log
    assert ended.answers <= ended.arrived, ended.log


@pytest.mark.parametrize("name", sample(RELOADING))
def test_a_reloader_that_reloads_has_sent_every_span(tmp_path: Path, name: str) -> None:
    """After a change of a file the server restarts, and the spans of its last process have arrived before the end."""
    port, log, watched = free_port(), tmp_path / "log", tmp_path / "sitecustomize.py"  # every Python imports this
    watched.write_text("")
    with Collector() as collector:
        settings = environment(collector, CONFIGURED=IMPORT, PYTHONPATH=f"{PROJECT}{os.pathsep}{tmp_path}")
        command = [argument.replace("{folder}", str(tmp_path)) for argument in RELOADING[name]]
        with serving(command, settings, port, log):
            answers = {await_answer(f"http://127.0.0.1:{port}/", log)}
            deadline = time.monotonic() + 30
            while not answers <= {span.span_id for span in spans_of(collector)}:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(1.5)  # the reloader must have seen the file before
                watched.touch()


@pytest.mark.parametrize("name", sample(RELOADERS))
def test_a_reloader_that_is_ended_kills_its_child_and_what_waits_there(tmp_path: Path, name: str) -> None:
    """A reloader that is ended kills its child by SIGKILL, so waiting spans are lost; the status is the usual one."""
    server = Server(RELOADERS[name])
    with ThreadPoolExecutor(2) as executor:
        without, ended = executor.map(partial(end, server, tmp_path), [NOWHERE, IMPORT])

    assert without.status == ended.status, ended.log
    assert set() == ended.answers & ended.arrived
