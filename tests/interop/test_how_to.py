"""The examples of how-to pages that need other packages run exactly as they are printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opentracing_zipkin.collector import Collector

from ..docs.pages import check_page
from ..docs.test_how_to import examples
from .processes import PROJECT, redis_server

*EXAMPLES, HANDLER = examples("gevent-and-eventlet.md")
WAITING = """
import eventlet
eventlet.monkey_patch()
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", flush_interval=60)
{handler}
tracer.start_trace("x").finish()
print("ready", flush=True)
eventlet.sleep(20)
"""


@pytest.mark.parametrize("code", EXAMPLES, ids=["gevent", "eventlet"])
def test_the_example_sends_one_trace(collector: Collector, code: str) -> None:
    """The example sends one trace of three spans, two of which are children of the third."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "ZIPKIN_ENDPOINT": collector.url}, cwd=PROJECT, timeout=30, check=False, capture_output=True, text=True,
    )  # fmt: skip
    [trace] = collector.store.traces()
    [price] = [span for span in trace if span.name == "price"]

    assert (0, "") == (result.returncode, result.stderr)
    assert [price.span_id] * 2 == [span.parent_id for span in trace if span.name == "look up"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_handler_of_ones_own_that_leaves_loses_nothing_under_eventlet(collector: Collector, number: int) -> None:
    """A program whose own handler of the signal exits loses no span, even if the signal interrupts eventlet's event loop."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WAITING.format(handler=HANDLER)],
        env={**os.environ, "ZIPKIN_ENDPOINT": collector.url}, cwd=PROJECT, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        time.sleep(0.3)  # so that every greenlet waits
        process.send_signal(number)

        assert 0 == process.wait(15)
        assert 1 == len(collector.store.traces())
    finally:
        process.kill()
        process.communicate()


def test_the_page_on_celery_ends_with_the_trace_that_its_reader_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's worker and its program, which sends a chain of tasks, give the page's trace, with a real Redis."""
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis")  # the page's reader has not installed it
    with redis_server(tmp_path) as port:
        check_page("how-to/celery.md", tmp_path, **{"6379": str(port)})


def test_the_page_on_opentelemetrys_instrumentations_ends_with_the_traces_that_its_reader_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's application gives the page's traces, both with `install` and with OpenTelemetry's own command."""
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "sqlalchemy")  # it does not support the newest SQLAlchemy
    check_page("how-to/opentelemetry-instrumentations.md", tmp_path)


@pytest.mark.parametrize("page", ["from-aiozipkin", "from-jaeger-client", "from-opentelemetry-sdk", "from-py-zipkin"])
def test_a_page_for_those_who_come_over_shows_the_traces_of_before_and_after(page: str, tmp_path: Path) -> None:
    """The page's application gives the page's traces, first with the other tracer and then with ours."""
    check_page(f"how-to/{page}.md", tmp_path)
