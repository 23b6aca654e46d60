"""For each way to start and end processes, each finished span arrives once, and no two have the same id.

The reporters' interval is a minute, so spans are sent when the processes end, except under uWSGI.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from ..interop.processes import redis_server
from ..ports import free_port
from ..waiting import wait_until
from .apps.children import CHILDREN, SPANS
from .server_process import PROJECT

BIN = Path(sys.executable).parent
REQUESTS = 200
WORKERS = 3


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def spans_of(collector: Collector) -> list[FinishedSpan]:
    return [span for trace in collector.store.traces() for span in trace]


def environment(collector: Collector, **more: str) -> dict[str, str]:
    return {**os.environ, "ZIPKIN_ENDPOINT": collector.url, "ZIPKIN_FLUSH_INTERVAL": "60", "PYTHONPATH": str(PROJECT), **more}


@contextmanager
def running(command: list[str], settings: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that SIGTERM ends, or force if that takes too long; its status is 0 or the signal's."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=dict(settings),
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM), log.read_text()[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_answer(url: str, log: Path) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            return get(url)
        except OSError:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("method", ["os.fork", "fork", "spawn", "forkserver"])
def test_a_parents_and_its_childrens_spans_arrive(collector: Collector, method: str) -> None:
    """Spans arrive with os.fork and all ways of multiprocessing, and no child sends its parent's waiting spans."""
    command = [sys.executable, "-m", "tests.integration.apps.children", method]
    subprocess.run(command, env=environment(collector), cwd=PROJECT, timeout=60, check=True)
    spans = spans_of(collector)
    processes = Counter((span.tags["role"], span.tags["pid"]) for span in spans)

    assert sorted([("parent", 2 * SPANS)] + [("child", SPANS)] * CHILDREN) == sorted(
        (role, n) for (role, _), n in processes.items()
    )
    assert len(spans) == len({span.span_id for span in spans})


GUNICORN = {
    "sync": ["--workers", str(WORKERS)],
    "preload": ["--workers", str(WORKERS), "--preload"],
    "threads": ["--workers", str(WORKERS), "--threads", "4"],
    "preload, threads": ["--workers", str(WORKERS), "--threads", "4", "--preload"],
    "few requests a worker": ["--workers", str(WORKERS), "--max-requests", "20"],
}
UWSGI = {
    "as it is": [],
    "threads enabled": ["--enable-threads"],
    "lazy": ["--enable-threads", "--lazy-apps"],
    "threads": ["--threads", "2"],
    "python's hooks": ["--py-call-uwsgi-fork-hooks"],
}


def check_requests(collector: Collector, command: list[str], port: int, log: Path) -> None:
    """Check that every answered request has its span, from the process that answered."""
    # A worker of uWSGI that is ended within a request, even within its log line, runs no exit handlers, so its thread must be
    # in time.
    uses_uwsgi = "uwsgi" in Path(command[0]).name
    with running(command, environment(collector, ZIPKIN_FLUSH_INTERVAL="0.2" if uses_uwsgi else "60"), log):
        first = await_answer(f"http://127.0.0.1:{port}/", log)
        with ThreadPoolExecutor(6) as executor:
            answers = [first, *executor.map(get, [f"http://127.0.0.1:{port}/"] * REQUESTS)]
        time.sleep(1.0 if uses_uwsgi else 0.0)
    spans = spans_of(collector)
    served = [f"{span.span_id} {span.tags['pid']}" for span in spans if span.name == "get"]

    assert sorted(answers) == sorted(served), log.read_text()[-3000:]
    assert len(spans) == len({span.span_id for span in spans})
    assert len({span.tags["pid"] for span in spans if span.name == "get"}) > 1


@pytest.mark.parametrize("options", GUNICORN)
def test_under_gunicorn_every_request_has_its_span(collector: Collector, tmp_path: Path, options: str) -> None:
    """The application is loaded before the fork or after it, with threads, and with workers that are replaced."""
    port = free_port()
    command = [
        str(BIN / "gunicorn"),
        "--bind",
        f"127.0.0.1:{port}",
        *GUNICORN[options],
        "tests.integration.apps.web:application",
    ]
    check_requests(collector, command, port, tmp_path / "log")

    assert {"import", "get"} == {span.name for span in spans_of(collector)}


def uwsgi(port: int, options: list[str]) -> list[str]:
    return [
        str(BIN / "uwsgi"), "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", str(WORKERS), "--die-on-term",
        "--virtualenv", sys.prefix, "--module", "tests.integration.apps.web:application", *options,
    ]  # fmt: skip


@pytest.mark.parametrize("options", UWSGI)
def test_under_uwsgi_every_request_has_its_span(collector: Collector, tmp_path: Path, options: str) -> None:
    """uWSGI forks without Python's hooks; with any of its options every request has its span, and no warning comes."""
    port, log = free_port(), tmp_path / "log"
    check_requests(collector, uwsgi(port, UWSGI[options]), port, log)

    assert "uWSGI runs without threads" not in log.read_text()


def test_workers_of_uwsgi_that_may_end_their_requests_send_their_spans(collector: Collector, tmp_path: Path) -> None:
    """With the hook of docs/how-to/servers-and-signals.md a request that runs at SIGTERM is answered, and its span arrives."""
    port, log = free_port(), tmp_path / "log"
    command = [part for part in uwsgi(port, []) if part != "--die-on-term"]
    command += ["--hook-master-start", "unix_signal:15 gracefully_kill_them_all"]
    with ThreadPoolExecutor(1) as executor:
        with running(command, environment(collector, ZIPKIN_FLUSH_INTERVAL="0.2"), log):
            await_answer(f"http://127.0.0.1:{port}/", log)
            answer = executor.submit(get, f"http://127.0.0.1:{port}/?1.5")
            wait_until(lambda: "begun" in [span.name for span in spans_of(collector)])
        answered = answer.result()

    assert answered in [f"{span.span_id} {span.tags.get('pid')}" for span in spans_of(collector)], log.read_text()[-3000:]


@pytest.mark.parametrize(
    ("options", "said", "arrived"), [(UWSGI["python's hooks"], 0, 1), (["--enable-threads"], 1, 0), ([], 1, 0)]
)
def test_uwsgis_master_sends_while_it_runs(
    collector: Collector, tmp_path: Path, options: list[str], said: int, arrived: int
) -> None:
    """A thread of uWSGI's master sends the spans of the import, or a warning names the remedy.

    The master has no exit of Python.
    """
    port, log = free_port(), tmp_path / "log"
    with running(uwsgi(port, options), environment(collector, ZIPKIN_FLUSH_INTERVAL="0.1"), log):
        await_answer(f"http://127.0.0.1:{port}/", log)
        time.sleep(1)

    assert said == log.read_text().count("spans wait in uWSGI's master")
    assert arrived == [span.name for span in spans_of(collector)].count("import")


@pytest.mark.parametrize("options", [["--enable-threads"], ["--enable-threads", "--lazy-apps"]], ids=["threads", "lazy"])
def test_the_command_traces_what_uwsgi_serves(collector: Collector, tmp_path: Path, options: list[str]) -> None:
    """For an application without tracing every request is a trace, with the call in it."""
    port, log = free_port(), tmp_path / "log"
    command = uwsgi(port, options)
    command[command.index("--module") + 1] = "tests.interop.apps.untraced_flask:app"
    run = [sys.executable, "-m", "opentracing_zipkin", "run", "--service-name", "shop", *command]
    settings = environment(collector, ZIPKIN_FLUSH_INTERVAL="0.2", TARGET=f"{collector.url}/health")
    with running(run, settings, log):
        url = f"http://127.0.0.1:{port}/buy/tea"
        await_answer(url, log)
        with ThreadPoolExecutor(6) as executor:
            list(executor.map(get, [url] * 30))
        time.sleep(1)

    assert 31 == len(collector.store.traces()), log.read_text()[-3000:]
    assert ["get", "get /buy/{article}"] * 31 == [
        name for trace in collector.store.traces() for name in sorted(s.name for s in trace)
    ]


def answers_of_celery(collector: Collector, folder: Path, options: list[str], tasks: int) -> list[str]:
    """A worker with these options does so many tasks; each answer is the id of the task's span, and its process."""
    client = f"from tests.integration.apps.tasks import work; [print(r.get(timeout=50)) for r in [work.delay() for _ in range({tasks})]]"
    with redis_server(folder) as port:
        settings = environment(collector, BROKER=f"redis://127.0.0.1:{port}/0")
        worker = [str(BIN / "celery"), "-A", "tests.integration.apps.tasks", "worker", *options]
        with running(worker, settings, folder / "log"):
            asked = subprocess.run(
                [sys.executable, "-c", client],
                env=settings,
                cwd=PROJECT,
                timeout=60,
                check=True,
                capture_output=True,
                text=True,
            )
    return asked.stdout.splitlines()


def test_under_celery_every_task_has_its_span(collector: Collector, tmp_path: Path) -> None:
    """Tasks of Celery's prefork pool have their spans, although its processes end without Python's exit."""
    answers = answers_of_celery(collector, tmp_path, ["-P", "prefork", "-c", str(WORKERS)], 100)
    spans = spans_of(collector)
    log = (tmp_path / "log").read_text()[-3000:]

    assert 100 == len(answers)
    assert sorted(answers) == sorted(f"{span.span_id} {span.tags['pid']}" for span in spans), log
    assert len({span.tags["pid"] for span in spans}) > 1
