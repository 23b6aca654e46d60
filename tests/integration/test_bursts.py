"""Bursts, threads, a silent collector, an immediate end: a lost span is counted, and no caller waits."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from opentracing_zipkin import ZipkinTracer

from .counting import CountingCollector

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("spans", "settings"), [(50_000, {}), (200_000, {"max_queued_spans": 250_000})])
def test_a_burst_of_one_thread_arrives_whole(spans: int, settings: dict[str, int]) -> None:
    """A burst arrives whole: with the default settings up to the queue's bound, beyond it with a greater bound."""
    with CountingCollector() as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, **settings)  # type: ignore[arg-type]
        for number in range(spans):
            tracer.start_span("x", tags={"number": number}).finish()

        assert True is tracer.flush(60)
        tracer.close()

    assert (spans, 0) == (collector.distinct, collector.again)
    assert spans == tracer.stats.finished == tracer.stats.sent


def test_beyond_the_bound_the_newest_are_dropped_and_counted() -> None:
    """While a collector accepts nothing, the newest spans are dropped; all spans in the queue arrive in the end."""
    with CountingCollector([("unavailable", 2.0), ("none", 3600)]) as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, max_queued_spans=10_000, max_outbox_bytes=1)
        for number in range(30_000):
            tracer.start_span("x", tags={"number": number}).finish()
        dropped = tracer.stats.dropped["full"]
        time.sleep(2)
        tracer.flush(20)
        tracer.close()

    assert 10_000 <= dropped <= 20_000
    assert 30_000 - dropped == collector.distinct == tracer.stats.sent


def test_what_waits_when_the_tracer_is_closed_arrives() -> None:
    """Ten thousand spans that wait when the tracer is closed arrive."""
    with CountingCollector() as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, flush_interval=60, max_queued_spans=20_000)
        for number in range(10_000):
            tracer.start_span("x", tags={"number": number}).finish()

        assert True is tracer.close(20).result(25)
    assert (10_000, 0) == (collector.distinct, collector.again)


FAULTS = [("none", 0.5), ("unavailable", 0.7), ("reset", 0.7), ("half an answer", 0.7), ("refused", 0.7), ("none", 3600)]


def test_the_account_is_exact_under_eight_threads_and_faults() -> None:
    """Each finished span was sent or dropped for a cause, and each sent span has arrived."""
    finished = [0] * 8
    with CountingCollector(FAULTS) as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, max_queued_spans=5000, flush_interval=0.05)
        end = time.monotonic() + 4

        def work(index: int) -> None:
            while time.monotonic() < end:
                for _ in range(50):
                    tracer.start_span("x", tags={"number": finished[index] * 8 + index}).finish()
                    finished[index] += 1
                time.sleep(0.001)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tracer.flush(30)
        tracer.close(30).result(35)
    stats = tracer.stats

    assert sum(finished) == stats.finished == stats.sent + sum(stats.dropped.values())
    assert (0, 0) == (stats.queued, stats.in_flight)
    assert stats.sent == collector.distinct
    assert {"full"} >= {cause for cause, count in stats.dropped.items() if count}


@pytest.mark.parametrize("fault", ["silence", "none"])
def test_finishing_a_span_takes_no_time_whatever_the_collector_does(fault: str) -> None:
    """In a loop that pauses 99.9 % of 20,000 spans end within 1 ms; `make soak` measures some µs."""
    times = []
    with CountingCollector([(fault, 3600)]) as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, send_timeout=1.0)
        for number in range(20_000):
            span = tracer.start_span("x", tags={"number": number})
            before = time.perf_counter()
            span.finish()
            times.append(time.perf_counter() - before)
            if number % 100 == 0:
                time.sleep(0.005)
        tracer.close(0.1)
    times.sort()
    print(f"p50 {times[10_000] * 1e6:.1f} µs, p99.9 {times[19_980] * 1e6:.1f} µs")

    assert times[19_980] < 0.001


LAST_SPANS = """
import atexit, sys, threading, time
number = iter(range(1000)).__next__

def finish():
    tracer.start_trace("x", tags={"number": number()}).finish()

class Late:
    def __del__(self):
        finish()

{before}
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=sys.argv[1], flush_interval=60)
{after}
"""
ENDS = {
    "nothing but an exit handler": ("", "atexit.register(finish)", 1),
    "an exit handler": ("", "atexit.register(finish); finish()", 2),
    "an exit handler from before the tracer": ("atexit.register(finish)", "finish()", 1),
    "sys.exit in a thread": ("", "finish(); threading.Thread(target=lambda: (finish(), sys.exit(1))).start()", 2),
    "a thread that outlives the main one": ("", "threading.Thread(target=lambda: (time.sleep(0.5), finish())).start()", 1),
    "nothing but an object that outlives the exit": ("", "late = Late()", 0),
    "an object that outlives the exit": ("", "finish(); late = Late()", 1),
    "an object that outlives nearly everything": ("", "finish(); sys.late = Late()", 1),
}


@pytest.mark.parametrize("end", ENDS)
def test_spans_at_the_very_end_are_sent_or_refused_without_a_word(end: str) -> None:
    """Spans that finish before Python's exit handlers, or in one registered after the tracer, arrive.

    Later spans cannot arrive, and they raise nothing.
    """
    before, after, expected = ENDS[end]
    code = LAST_SPANS.replace("{before}", before).replace("{after}", after)
    with CountingCollector() as collector:
        result = subprocess.run(
            [sys.executable, "-c", code, collector.url], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False
        )

    assert (0, "") == (result.returncode, result.stderr)
    assert expected == collector.distinct


def test_sigterm_says_how_many_spans_it_cost() -> None:
    """SIGTERM reports the lost spans, as the interpreter's exit does, but by a plain write.

    The signal may have interrupted logging.
    """
    code = LAST_SPANS.replace("{before}", "").replace(
        "{after}", "import os, signal; finish(); os.kill(os.getpid(), signal.SIGTERM)"
    )
    with CountingCollector([("silence", 3600)]) as collector:
        result = subprocess.run(
            [sys.executable, "-c", code, collector.url], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False
        )

    assert -15 == result.returncode
    assert "zipkin: 1 span was not accepted before SIGTERM and is lost" in result.stderr
