"""`opentracing-zipkin run` with real servers: it traces an application without any tracing code in each of their workers.

The spans are sent when the processes end, because the flush interval is a minute; it is short for reloaders, because they kill
their children.  A server is ended when all its workers have answered.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from ..integration.test_processes import BIN, PROJECT, await_answer, environment, get, spans_of
from ..integration.test_servers import await_log, serving
from ..ports import free_port
from .processes import redis_server

MAX_START_WAIT_S = 30.0
MAX_END_WAIT_S = 20.0
AT_ONCE = 8

APPS = "tests.interop.apps"
WSGI = f"{APPS}.untraced_flask:app"
ASGI = f"{APPS}.untraced_fastapi:app"


class Server(NamedTuple):
    """A server's `command`, which contains {port}; `kills` means that it ends its child by SIGKILL."""

    command: list[str]
    workers: int = 1
    kills: bool = False


def gunicorn(*arguments: str) -> Server:
    return Server(["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", *arguments], 2)


UVICORN = ["uvicorn", ASGI, "--port", "{port}"]
HYPERCORN = ["hypercorn", ASGI, "--bind", "127.0.0.1:{port}"]
FLASK = ["flask", "--app", f"{APPS}.untraced_flask", "run", "--port", "{port}"]
RUNSERVER = ["python", "-m", f"{APPS}.untraced_django", "runserver", "127.0.0.1:{port}"]
UVICORN_WORKER = "uvicorn_worker.UvicornWorker"

SERVERS = {
    "gunicorn": gunicorn(WSGI),
    "gunicorn --preload": gunicorn("--preload", WSGI),
    "gunicorn -k gthread": gunicorn("-k", "gthread", "--threads", "4", WSGI),
    "gunicorn -k gevent": gunicorn("-k", "gevent", WSGI),
    "gunicorn -k gevent --preload": gunicorn("-k", "gevent", "--preload", WSGI),
    "gunicorn -k UvicornWorker": gunicorn("-k", UVICORN_WORKER, ASGI),
    "gunicorn -k UvicornWorker --preload": gunicorn("-k", UVICORN_WORKER, "--preload", ASGI),
    "gunicorn, Django": gunicorn(f"{APPS}.untraced_django:application"),
    "uvicorn": Server(UVICORN),
    "uvicorn --workers 2": Server([*UVICORN, "--workers", "2"], 2),
    "uvicorn --reload": Server([*UVICORN, "--reload", "--reload-dir", "{folder}"]),
    "hypercorn": Server(HYPERCORN),
    "hypercorn --workers 2": Server([*HYPERCORN, "--workers", "2"], 2),
    "flask run": Server(FLASK),
    "flask run --reload": Server([*FLASK, "--reload"], kills=True),
    "runserver": Server(RUNSERVER, kills=True),
    "runserver --noreload": Server([*RUNSERVER, "--noreload"]),
}


@contextmanager
def running(server: Server, collector: Collector, folder: Path) -> Iterator[tuple[str, Path]]:
    """The server, run by our command and ended by SIGTERM; the values are the URL to request and its log."""
    port, log = free_port(), folder / "log"
    settings = environment(
        collector,
        ZIPKIN_SERVICE_NAME="shop",
        ZIPKIN_FLUSH_INTERVAL="0.05" if server.kills else "60",
        TARGET=f"{collector.url}/health",
        PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
    )
    command = [sys.executable, "-m", "opentracing_zipkin", "run", *server.command]
    with serving([word.replace("{folder}", str(folder)) for word in command], settings, port, log) as process:
        yield f"http://127.0.0.1:{port}/buy/tea", log
        process.send_signal(signal.SIGTERM)

        assert process.wait(MAX_END_WAIT_S) in (0, -signal.SIGTERM), log.read_text()[-3000:]


def ask_all_workers(url: str, workers: int, log: Path) -> int:
    """Send requests until all workers have answered; returns the number of requests."""
    pids = {await_answer(url, log)}
    count = 1
    deadline = time.monotonic() + MAX_START_WAIT_S
    with ThreadPoolExecutor(AT_ONCE) as executor:
        while len(pids) < workers or count < AT_ONCE:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            pids.update(executor.map(get, [url] * AT_ONCE))
            count += AT_ONCE
    return count


def await_spans(collector: Collector, count: int) -> list[FinishedSpan]:
    deadline = time.monotonic() + MAX_END_WAIT_S
    while len(spans := spans_of(collector)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return spans


@pytest.mark.parametrize("name", SERVERS)
def test_every_answered_request_is_a_trace(collector: Collector, tmp_path: Path, name: str) -> None:
    """Each request to each worker is a trace with a span for the call in it, and our packages log nothing."""
    server = SERVERS[name]
    with running(server, collector, tmp_path) as (url, log):
        count = ask_all_workers(url, server.workers, log)
        if server.kills:
            await_spans(collector, 2 * count)
    spans = await_spans(collector, 2 * count)
    traces = [{span.name: span for span in trace} for trace in collector.store.traces()]
    said = log.read_text()

    assert count == len(traces), said[-3000:]
    assert 2 * count == len(spans), said[-3000:]
    for trace in traces:
        assert {"get /buy/{article}", "get"} == set(trace)
        assert trace["get"].parent_id == trace["get /buy/{article}"].span_id
        assert {"shop"} == {span.local.service_name for span in trace.values() if span.local}
    assert [] == re.findall(r"(?m)^.*zipkin: .*$", said)


def test_a_reloader_traces_what_it_has_loaded_again(collector: Collector, tmp_path: Path) -> None:
    """A reloaded process is traced in the same way as the first one."""
    changed = tmp_path / "changed.py"
    changed.write_text("")
    server = SERVERS["uvicorn --reload"]._replace(kills=True)
    with running(server, collector, tmp_path) as (url, log):
        first = await_answer(url, log)
        deadline = time.monotonic() + MAX_START_WAIT_S
        second = first
        while second == first:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            changed.write_text(f"# {time.monotonic()}")
            time.sleep(0.5)
            with suppress(OSError):
                second = get(url)
        before = len(spans_of(collector))
        get(url)
        await_spans(collector, before + 2)

    assert {"get /buy/{article}", "get"} == {span.name for span in spans_of(collector)}
    assert len(spans_of(collector)) >= before + 2


CELERY = ["celery", "--app", f"{APPS}.untraced_celery", "worker", "--concurrency", "1", "--loglevel", "INFO"]
ASK = f"from {APPS}.untraced_celery import pack; print(pack.delay('tea').get(timeout=30))"


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_a_task_of_celery_is_in_the_trace_of_who_asks_for_it(collector: Collector, tmp_path: Path, pool: str) -> None:
    """A task's worker and its sender, both run by the command and without tracing code, send one trace."""
    run = [sys.executable, "-m", "opentracing_zipkin", "run", "--service-name"]
    with redis_server(tmp_path) as broker:
        settings = environment(collector, BROKER=f"redis://127.0.0.1:{broker}/0")
        with serving([*run, "worker", *CELERY, "--pool", pool], settings, 0, tmp_path / "log") as process:
            await_log(tmp_path / "log", "ready\\.")
            asked = subprocess.run(
                [*run, "caller", sys.executable, "-c", ASK],
                env=settings, cwd=PROJECT, capture_output=True, text=True, timeout=50, check=False,
            )  # fmt: skip
            process.send_signal(signal.SIGTERM)
            process.wait(MAX_END_WAIT_S)
    spans = await_spans(collector, 2)
    said = (tmp_path / "log").read_text()

    assert ("packed tea\n", "") == (asked.stdout, asked.stderr)
    assert {("caller", "send pack"), ("worker", "pack")} <= {(s.local.service_name, s.name) for s in spans if s.local}, said
    assert 1 == len({span.trace_id for span in spans})
    assert [] == re.findall(r"(?m)^.*(?:zipkin: |MonkeyPatchWarning).*$", said)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with our wheel and with all packages that are installed here."""
    source, wheels, folder = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    for name in ("opentracing", "opentracing_zipkin"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, source], check=True, timeout=300)
    subprocess.run([*pip, "--python", python, "install", "--no-deps", *wheels.glob("*.whl")], check=True, timeout=60)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


def test_an_installed_wheel_starts_ours_in_isolated_interpreters_too(collector: Collector, installed: Path) -> None:
    """The `.pth` file in site-packages traces isolated interpreters, too, and pip removes it with the package."""
    code = "import flask, sys; flask.Flask('shop').test_client().get('/'); print(sys.prefix)"
    run = [str(installed), "-m", "opentracing_zipkin", "run", "--service-name", "shop", "python", "-I", "-c", code]
    settings = {name: text for name, text in environment(collector).items() if name != "PYTHONPATH"}
    done = subprocess.run(run, env=settings, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    names = [span.name for span in await_spans(collector, 1)]
    [pth] = installed.parents[1].glob("lib/python*/site-packages/opentracing_zipkin.pth")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(installed)]
    subprocess.run([*pip, "uninstall", "--yes", "opentracing"], check=True, timeout=60)

    assert (f"{installed.parents[1]}\n", "", ["get not_found"]) == (done.stdout, done.stderr, names)
    assert not pth.exists()
