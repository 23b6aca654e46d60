"""Counting: numbers of spans by name, kind and error, read while they are counted."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as families

from opentracing_zipkin import FinishedSpan, ZipkinTracer
from opentracing_zipkin.handlers import count
from opentracing_zipkin.testing import FakeSender


def span(name: str, kind: str | None = None, **tags: str) -> FinishedSpan:
    return FinishedSpan("a" * 16, "b" * 16, name=name, kind=kind, tags=tags)


def test_spans_are_counted_by_name_kind_and_error() -> None:
    """Spans are counted by name, kind and error, and a span without a kind is LOCAL."""
    counts = count()
    tracer = ZipkinTracer("service", sender=FakeSender(), handlers=[counts])
    tracer.start_span("get", tags={"span.kind": "client"}).finish()
    tracer.start_span("get", tags={"span.kind": "client", "error": True}).finish()
    tracer.start_span("work").finish()
    tracer.start_span("work").finish()
    tracer.close().result(5)

    expected = {("get", "CLIENT", False): 1, ("get", "CLIENT", True): 1, ("work", "LOCAL", False): 2}
    assert expected == counts.snapshot()
    assert 2 == counts.snapshot()[next(one for one in counts.snapshot() if one.name == "work" and not one.error)]


def test_further_names_are_counted_together() -> None:
    """Names beyond the limit are counted together, so that names with ids in them cost no memory."""
    counts = count(max_names=2)
    for number in range(100):
        counts(span(f"n{number}"))

    assert {("n0", "LOCAL", False): 1, ("n1", "LOCAL", False): 1, ("(other)", "LOCAL", False): 98} == counts.snapshot()


def test_a_snapshot_may_be_taken_while_spans_are_counted() -> None:
    """A snapshot during counting never raises, and no number in it is less than before."""
    counts = count(max_names=1_000_000)
    done = threading.Event()

    def work() -> None:
        for number in range(50_000):
            counts(span(f"n{number}"))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    before = 0
    while not done.is_set():
        now = sum(counts.snapshot().values())
        assert before <= now
        before = now
    thread.join()

    assert 50_000 == sum(counts.snapshot().values())


def _count_in_child(counts: Any, answer: Any) -> None:
    first = dict(counts.snapshot())
    counts(span("child"))
    answer.put((first, dict(counts.snapshot())))


def test_a_forked_child_begins_with_nothing() -> None:
    """A forked child begins at zero, so that its parent's spans are not counted twice."""
    counts = count()
    counts(span("parent"))
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=_count_in_child, args=(counts, answer))
    process.start()
    found = answer.get(timeout=20)
    process.join(20)

    assert ({}, {("child", "LOCAL", False): 1}) == found
    assert {("parent", "LOCAL", False): 1} == counts.snapshot()


def test_the_counts_can_be_read_by_prometheus() -> None:
    """Prometheus' and OpenMetrics' parsers read the counts, with escaped names."""
    counts = count()
    counts(span('get "a"\n\\'))

    for text, read in (
        (counts.to_prometheus(service="s"), families),
        (counts.to_openmetrics(service="s"), openmetrics_families),
    ):
        [family] = read(text)
        [sample] = family.samples
        assert "zipkin_spans_seen_total" == sample.name
        assert {"service": "s", "name": 'get "a"\n\\', "kind": "LOCAL", "error": "false"} == sample.labels
        assert 1 == sample.value


@pytest.mark.parametrize("value", [0, -1, "5", True, 1.5])
def test_a_wrong_number_of_names_says_how(value: Any) -> None:
    """A wrong number of names raises ValueError with the remedy."""
    with pytest.raises(ValueError, match=r"max_names is .*; use a whole number, 1 or more"):
        count(max_names=value)
