"""The backlog alone: which offers call for the reporter's thread."""

from __future__ import annotations

import time
import tracemalloc
from collections import deque
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.reporter.backlog import Backlog
from opentracing_zipkin.reporter.weight import weight_of
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder


@pytest.mark.parametrize(
    ("capacity", "wake_at", "unheard"),
    [(50_000, 2000, 2000), (1000, 2000, 500), (3, 2000, 1), (1, 2000, 1)],
    ids=["a long queue", "a shorter one", "three", "one"],
)
def test_the_thread_is_woken_while_there_is_still_room(capacity: int, wake_at: int, unheard: int) -> None:
    """The thread is called at `wake_at`, or when half of the queue is full if that is earlier, and not before."""
    called: list[int] = []
    backlog = Backlog(capacity, wake_at, lambda: True, lambda wake: called.append(len(backlog) - 1), lambda cause: None)
    backlog.open_fast_path()
    for span in range(min(capacity, unheard + 2)):
        backlog.offer(span)

    assert list(range(unheard, min(capacity, unheard + 2))) == called


def bounded(max_bytes: int, refused: list[str]) -> Backlog:
    backlog = Backlog(1000, 200, lambda: True, lambda wake: None, refused.append, max_bytes=max_bytes)
    backlog.open_fast_path()
    return backlog


def test_heavy_spans_fill_the_backlog_before_many_do() -> None:
    """After heavy spans were weighed, no span is taken until there is room again."""
    refused: list[str] = []
    backlog = bounded(10_000, refused)
    for span in range(100):
        backlog.offer(span)
    backlog.weigh(lambda span: 100)
    backlog.offer("one too many")
    assert (100, ["full"]) == (len(backlog), refused)

    chunk: deque[Any] = deque()
    backlog.move_to(chunk, 25)
    for span in range(30):
        backlog.offer(span)
    assert (25, 105, ["full"]) == (len(chunk), len(backlog), refused)
    backlog.weigh(lambda span: 100)
    assert 105 == len(backlog)


def test_the_thread_is_woken_earlier_for_heavy_spans() -> None:
    """Heavy spans wake the thread when an eighth of `max_bytes` waits."""
    attended: list[int] = []
    backlog = Backlog(1000, 200, lambda: True, lambda wake: attended.append(len(backlog)), lambda cause: None, max_bytes=80_000)
    backlog.open_fast_path()
    backlog.adjust_wake_at(1000)
    for span in range(12):
        backlog.offer(span)
    assert [11, 12] == attended
    backlog.adjust_wake_at(1)
    for span in range(150):
        backlog.offer(span)
    assert [11, 12] == attended


@pytest.mark.parametrize("tags", [2, 16])
@pytest.mark.parametrize("length", [10, 1000])
def test_the_weight_is_about_what_a_span_takes(tags: int, length: int) -> None:
    """The estimated weight is within a third of the memory that tracemalloc measures."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    keys = [f"key {number}" for number in range(tags)]
    spans = [tracer.start_trace("x", tags={key: f"{place}{key:0>{length}}" for key in keys}) for place in range(500)]
    taken = (tracemalloc.get_traced_memory()[0] - before) / len(spans)
    tracemalloc.stop()

    assert 0.67 < weight_of(spans[0]) / taken < 1.5


def test_an_outage_with_large_tags_is_bounded_in_bytes() -> None:
    """In an outage, spans that do not fit are dropped as `full`; the others arrive when the collector is back."""
    sender = FakeSender(SendError("away", retryable=True))
    tracer = ZipkinTracer("service", sender=sender, max_queued_bytes=8_000_000, max_outbox_bytes=1, flush_interval=0.01)
    tracer.start_trace("first").finish()
    tracer.flush(0.2)
    text = "x" * 1000
    for number in range(3000):
        tracer.start_trace("x", tags={f"key {place}": f"{number}{text}" for place in range(16)}).finish()
        if number % 50 == 0:
            time.sleep(0.002)
    stats = tracer.stats

    assert 400 < stats.queued < 1000  # each takes 17 kB, and the spans of one wake-up come on top
    assert stats.dropped["full"] > 1500
    sender.error = None
    tracer.flush(20)
    assert tracer.stats.sent == 3001 - stats.dropped["full"]
    tracer.close().result(5)
