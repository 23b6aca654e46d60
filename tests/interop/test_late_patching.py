"""gevent and eventlet may patch at any time, even after `configure` and after the first span: every span arrives.

Each case of the table is a separate process, with a collector that answers slowly.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .apps.late_patching import FULL_SPANS, MIN_SHARE, MOMENTS
from .processes import PROJECT

LIBRARIES = ("gevent", "eventlet")
TIMEOUT_S = 30
ANSWER_DELAY_S = 0.3
MAX_RUNS = 8  # because other work on the machine may disturb a measurement


@pytest.fixture
def slow_collector(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """A collector that answers late, so that callers which wait for it really have to wait."""
    add = collector.store.add

    def add_late(spans: Iterable[FinishedSpan]) -> None:
        add(spans)
        time.sleep(ANSWER_DELAY_S)

    monkeypatch.setattr(collector.store, "add", add_late)
    return collector


def run(collector: Collector, *arguments: str, status: int = 0, **settings: str) -> Any:
    """The output of the application, which must end in time and with this status."""
    environment = {**os.environ, "ZIPKIN_ENDPOINT": collector.url, "ZIPKIN_FLUSH_INTERVAL": "60", **settings}
    result = subprocess.run(
        [sys.executable, "-m", "tests.interop.apps.late_patching", *arguments],
        env=environment, cwd=PROJECT, timeout=TIMEOUT_S, check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert status == result.returncode, result.stderr[-3000:]
    return json.loads(result.stdout) if result.stdout else None


def names(collector: Collector) -> list[str]:
    return sorted(span.name for trace in collector.store.traces() for span in trace)


every_moment = pytest.mark.parametrize(("library", "moment"), [*product(LIBRARIES, MOMENTS)])


@every_moment
def test_spans_of_before_and_after_the_patch_are_sent_without_being_asked_for(
    collector: Collector, library: str, moment: str
) -> None:
    """Spans from before and after the patch are sent without a flush, by a thread from before or by a greenlet."""
    assert 2 == run(collector, library, moment, "nothing is asked for", ZIPKIN_FLUSH_INTERVAL="0.05")
    assert ["first", "later 0"] == names(collector)


@every_moment
def test_a_greenlet_that_flushes_lets_the_others_run(slow_collector: Collector, library: str, moment: str) -> None:
    """While a greenlet flushes, the others get at least nine tenths of the turns that they get without tracing."""
    shares, answers = run(slow_collector, library, moment, "flush")

    assert max(shares) >= MIN_SHARE
    assert [True] * len(shares) == answers
    assert ["first", *["later 0"] * len(shares)] == names(slow_collector)


@every_moment
def test_a_greenlet_that_waits_for_room_lets_the_others_run(slow_collector: Collector, library: str, moment: str) -> None:
    """While a greenlet waits in `queue_full_timeout`, the others get their turns, and no span is dropped."""
    full = {"ZIPKIN_MAX_QUEUED_SPANS": "10", "ZIPKIN_QUEUE_FULL_TIMEOUT": "5", "ZIPKIN_FLUSH_INTERVAL": "0.05"}
    shares, dropped, flushed = run(slow_collector, library, moment, "a full queue", **full)

    assert max(shares) >= MIN_SHARE
    assert (0, True) == (dropped, flushed)
    assert 1 + len(shares) * FULL_SPANS == len(names(slow_collector))


@every_moment
def test_a_greenlet_that_closes_the_tracer_lets_the_others_run(slow_collector: Collector, library: str, moment: str) -> None:
    """While a greenlet closes the tracer, the others get their turns, and the Future is done when all has arrived."""
    shares: list[float] = []
    while len(shares) < MAX_RUNS and max(shares, default=0) < MIN_SHARE:
        share, answers = run(slow_collector, library, moment, "close")
        shares.append(share)

        assert [True] == answers
    assert max(shares) >= MIN_SHARE
    assert sorted(["first", "later 0"] * len(shares)) == names(slow_collector)


@every_moment
def test_what_waits_at_the_exit_is_sent(slow_collector: Collector, library: str, moment: str) -> None:
    """Waiting spans are sent at the exit, without a flush."""
    run(slow_collector, library, moment, "exit")

    assert ["first", "later 0"] == names(slow_collector)


@every_moment
def test_what_waits_at_sigterm_is_sent(slow_collector: Collector, library: str, moment: str) -> None:
    """Waiting spans are sent at SIGTERM, even if it interrupts a greenlet, and the exit status is the signal's."""
    run(slow_collector, library, moment, "SIGTERM", status=-signal.SIGTERM)

    assert ["first", "later 0"] == names(slow_collector)
