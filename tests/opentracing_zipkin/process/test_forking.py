"""Forks that Python does not see: the behaviour under uWSGI, here with a stand-in; integration tests use the real one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.process import forking
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

HOOKS = {"py-call-uwsgi-fork-hooks": True}


class Uwsgi(ModuleType):
    opt: dict[str, Any]
    has_threads = 1

    def worker_id(self) -> int:
        return 0


@pytest.fixture
def uwsgi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Uwsgi]:
    module = Uwsgi("uwsgi")
    module.opt = HOOKS
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    pid = forking._pid
    yield module
    forking._pid = pid


def test_uwsgis_own_hook_is_chained_once(uwsgi: Uwsgi) -> None:
    """The hook that uWSGI had before is called, too."""
    called: list[str] = []
    uwsgi.post_fork_hook = lambda: called.append("former")  # type: ignore[attr-defined]
    tracers = [ZipkinTracer("service", recorder=InMemoryRecorder()) for _ in range(2)]
    tracers[0]._new_trace_id()
    used = tracers[0]._random_bits
    forking._pid = 0
    uwsgi.post_fork_hook()  # type: ignore[attr-defined]

    assert ["former"] == called
    assert tracers[0]._random_bits is not used
    assert os.getpid() == forking._pid


def test_a_process_that_no_hook_told_of_is_noticed_at_the_first_id(uwsgi: Uwsgi) -> None:
    """The ids of a child that no hook announced come from a generator of its own."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    tracer._new_trace_id()
    before = tracer._random_bits
    forking._pid = 0
    tracer.start_trace("x")

    assert before is not tracer._random_bits


def test_a_process_that_no_hook_told_of_is_noticed_at_the_first_record(uwsgi: Uwsgi) -> None:
    """A child that no hook announced has its own account and thread, and does not send its parent's spans."""

    class Never:
        def to_finished(self) -> Any:
            raise AssertionError("of the parent")

    reporter = Reporter(json_v2, FakeSender(), flush_interval=60)
    reporter.record(Never())
    worker = reporter._worker
    forking._pid = 0
    reporter.record(Never())

    assert worker is not reporter._worker
    assert 1 == reporter.stats().finished
    reporter.close(0.0)


@pytest.mark.parametrize(
    ("has_threads", "options", "starts", "warns"),
    [
        (0, {}, False, True),
        (0, HOOKS, False, True),
        (1, {}, False, False),
        (1, {"threads": b"2"}, False, False),
        (1, {"enable-threads": True}, False, False),
        (1, HOOKS, True, False),
    ],
)
def test_no_thread_starts_in_a_master_whose_workers_it_would_block(
    uwsgi: Uwsgi, caplog: pytest.LogCaptureFixture, has_threads: int, options: dict[str, Any], starts: bool, warns: bool
) -> None:
    """In uWSGI's master a thread starts only if uWSGI takes Python's lock before it forks.

    If threads are not enabled at all, this is logged when the tracer is made.
    """
    uwsgi.opt, uwsgi.has_threads = options, has_threads
    with caplog.at_level(logging.WARNING):
        reporter = Reporter(json_v2, FakeSender())
        assert warns is ("start it with --enable-threads" in caplog.text)
        reporter.record(object())

    assert starts is reporter._worker.is_started
    assert starts is ("spans wait in uWSGI's master" not in caplog.text)
    reporter.close(0.0)


def test_without_uwsgi_nothing_is_checked() -> None:
    """Without uWSGI the function itself is used, so the check costs nothing."""

    def function() -> None:
        pass

    assert function is forking.renewing("function", object(), function)
