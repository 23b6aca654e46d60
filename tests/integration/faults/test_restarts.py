"""Servers that replace their processes during requests: each answered request has one span."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

from ...ports import free_port
from ..test_processes import (
    BIN,
    PROJECT,
    WORKERS,
    answers_of_celery,
    await_answer,
    environment,
    get,
    running,
    spans_of,
    uwsgi,
)

REQUESTS = 150
RELOADS = 2


def gunicorn(port: int, options: list[str]) -> list[str]:
    command = [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--graceful-timeout", "20"]
    return [*command, *options, "tests.integration.apps.web:application"]


RELOADED: dict[str, tuple[Callable[[int, list[str]], list[str]], list[str], bool]] = {
    "gunicorn": (gunicorn, [], True),
    "gunicorn, threads": (gunicorn, ["--threads", "4"], True),
    "uwsgi": (uwsgi, ["--enable-threads"], True),
    "uwsgi, lazy": (uwsgi, ["--enable-threads", "--lazy-apps"], True),
    "uwsgi, workers of 20 requests": (uwsgi, ["--enable-threads", "--max-requests", "20", "--min-worker-lifetime", "0"], False),
    "uwsgi, threads and workers of 20 requests": (
        uwsgi,
        ["--threads", "2", "--max-requests", "20", "--min-worker-lifetime", "0"],
        False,
    ),
}


def ask(url: str) -> str:
    """An answer; a connection that the old process dropped without an answer is repeated."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return get(url)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def pids_of(answers: Iterable[str]) -> set[str]:
    return {answer.split()[1] for answer in answers}


def catches_hangup(process: subprocess.Popen[bytes]) -> bool:
    """Whether SIGHUP reloads uWSGI; in the first moments of its restart the signal ends it."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return bool(caught and int(caught[1], 16) >> (signal.SIGHUP - 1) & 1)


def answers_of_all_workers(
    url: str, process: subprocess.Popen[bytes], executor: ThreadPoolExecutor, old: set[str]
) -> list[str]:
    """The answers until each worker is new and has answered, and the server may be told to reload.

    A worker that is still loading its application is not ended by uWSGI's reload, but killed a minute later.
    """
    answers: list[str] = []
    while len(pids_of(answers) - old) < WORKERS or not catches_hangup(process):
        answers += executor.map(ask, [url] * 10)
    return answers


def answers_across_reloads(url: str, process: subprocess.Popen[bytes], executor: ThreadPoolExecutor) -> list[str]:
    """The answers to requests of which some are in progress when the server is told to reload."""
    answers = answers_of_all_workers(url, process, executor, set())
    for _ in range(RELOADS):
        old = pids_of(answers)
        asked = executor.map(ask, [url] * 40)
        process.send_signal(signal.SIGHUP)
        answers += asked
        answers += answers_of_all_workers(url, process, executor, old)
    return answers


@pytest.mark.parametrize("server", RELOADED)
def test_requests_while_a_server_replaces_its_workers_have_their_spans(
    collector: Collector, tmp_path: Path, server: str
) -> None:
    """Workers are replaced by a reload or after a number of requests, and the old ones send their spans."""
    make, options, reloads = RELOADED[server]
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}/"
    # uWSGI restarts as the bare interpreter, which ignores the virtual environment.  A worker of uWSGI that is ended within a
    # request, even within its log line, runs no exit handlers, so its thread must be in time.
    interval = "0.2" if make is uwsgi else "60"
    settings = environment(
        collector, ZIPKIN_FLUSH_INTERVAL=interval, PYTHONPATH=f"{PROJECT}{os.pathsep}{sysconfig.get_path('platlib')}"
    )
    with running(make(port, options), settings, log) as process:
        answers = [await_answer(url, log)]
        with ThreadPoolExecutor(4) as executor:
            if reloads:
                answers += answers_across_reloads(url, process, executor)
            while len(answers) < REQUESTS:
                answers += executor.map(ask, [url] * 10)
        time.sleep(1.0)
    spans = [span for span in spans_of(collector) if span.name == "get"]
    told = log.read_text()[-3000:]

    assert set(answers) == {f"{span.span_id} {span.tags['pid']}" for span in spans}, told
    assert len(answers) == len(set(answers)) == len(spans), told
    assert len({span.tags["pid"] for span in spans}) > WORKERS, told


CELERY = {
    "processes of 5 tasks": ["-P", "prefork", "-c", str(WORKERS), "--max-tasks-per-child", "5"],
    "a number of processes that follows the load": ["-P", "prefork", "--autoscale", "4,1"],
    "threads": ["-P", "threads", "-c", str(WORKERS)],
    "no pool": ["-P", "solo"],
}


@pytest.mark.parametrize("pool", CELERY)
def test_every_task_has_its_span_whatever_celery_does_with_its_pool(collector: Collector, tmp_path: Path, pool: str) -> None:
    """Tasks have spans if processes are replaced after some tasks or change in number, with threads, and without a pool."""
    answers = answers_of_celery(collector, tmp_path, CELERY[pool], 60)
    log = (tmp_path / "log").read_text()[-3000:]

    assert 60 == len(set(answers))
    assert sorted(answers) == sorted(f"{span.span_id} {span.tags['pid']}" for span in spans_of(collector)), log
