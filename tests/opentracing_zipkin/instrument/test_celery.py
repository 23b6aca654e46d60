"""The span of a task's run tells how the run ended, in whatever way it was called; no worker and no broker is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from celery import Celery
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded, WorkerShutdown, WorkerTerminate
from greenlet import GreenletExit

from opentracing_zipkin.instrument import celery as traced  # noqa: F401  # for the fixture `installed`
from opentracing_zipkin.model import FinishedSpan

pytestmark = pytest.mark.usefixtures("installed")


class Unreadable(asyncio.CancelledError):
    def __str__(self) -> str:
        raise ValueError("no text")


# Each end of a run, with the tags `error` and `celery.state` that tell it.
ENDS: list[tuple[BaseException, str | None, str | None]] = [
    (ValueError("no tea"), "ValueError: no tea", "FAILURE"),
    (MemoryError("no room"), "MemoryError: no room", "FAILURE"),
    (SoftTimeLimitExceeded(), "SoftTimeLimitExceeded: SoftTimeLimitExceeded()", "FAILURE"),
    # A hard time limit, `revoke(terminate=True)` and a cold shutdown: the signal makes billiard raise this in the pool's process.
    (SystemExit(-241), "SystemExit: -241", None),
    (SystemExit("no tea"), "SystemExit: no tea", None),
    (SystemExit(0), "SystemExit: 0", None),
    (SystemExit(), "SystemExit", None),
    (WorkerShutdown(0), "WorkerShutdown: 0", None),
    (WorkerTerminate(1), "WorkerTerminate: 1", None),
    (KeyboardInterrupt(), "KeyboardInterrupt", None),
    (GeneratorExit(), "GeneratorExit", None),
    (GreenletExit(), "GreenletExit", None),  # in the pool gevent, by `revoke(terminate=True)`
    (asyncio.CancelledError(), "CancelledError", None),
    (Unreadable(), "Unreadable", None),
    (Reject("no tea"), None, "REJECTED"),
    (Ignore(), None, "IGNORED"),
    (Retry("later"), None, "RETRY"),
]


def by_apply(task: Any) -> None:
    task.apply()


def by_apply_that_raises(task: Any) -> None:
    task.apply(throw=True)


def by_a_worker(task: Any) -> None:
    build_tracer(task.name, task, app=task.app)("1", (), {}, {"id": "1"})


def by_a_worker_with_threads(task: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(by_a_worker, task).result()


def in_an_exception_handler(task: Any) -> None:
    try:
        raise LookupError("handled by the caller")
    except LookupError:
        by_apply(task)


WAYS: list[Callable[[Any], None]] = [
    by_apply,
    by_apply_that_raises,
    by_a_worker,
    by_a_worker_with_threads,
    in_an_exception_handler,
]


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("orders", set_as_current=False)
    yield app
    app.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("error", "text", "state"), ENDS, ids=lambda value: repr(value))
def test_a_run_that_ends_by_an_exception_tells_it(
    error: BaseException,
    text: str | None,
    state: str | None,
    way: Callable[[Any], None],
    app: Celery,
    spans: list[FinishedSpan],
) -> None:
    """A run that gives no result has the tag `error`, or a `celery.state` that is no failure."""

    @app.task(name="orders.pack", shared=False)
    def pack() -> None:
        raise error

    with suppress(type(error)):
        way(pack)
    tags = spans[0].tags

    assert (text, state) == (tags.get("error"), tags.get("celery.state"))


@pytest.mark.parametrize("way", WAYS)
def test_a_run_with_a_result_has_neither_error_nor_state(
    way: Callable[[Any], None], app: Celery, spans: list[FinishedSpan]
) -> None:
    """A successful run has no such tag, also where its caller is handling an exception."""

    @app.task(name="orders.pack", shared=False)
    def pack() -> str:
        return "tea"

    way(pack)

    assert [None, None] == [spans[0].tags.get(name) for name in ("error", "celery.state")]
