"""Fixtures that the tests share: an embedded collector, this process's tracer, and the trace that both sides sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

Key = tuple[str, str]  # service and span name
Trace = Mapping[Key, FinishedSpan]

MAX_ARRIVAL_WAIT_S = 20.0


def pytest_configure(config: pytest.Config) -> None:
    # Old packages use features that Python has deprecated since: such warnings are shown, but do not make these tests fail.
    for category in ("DeprecationWarning", "PendingDeprecationWarning", "SyntaxWarning"):
        config.addinivalue_line("filterwarnings", f"default::{category}")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def tracer(collector: Collector) -> Iterator[ZipkinTracer]:
    """The tracer of the service "caller", which is this process; it is also the global tracer."""
    tracer = ZipkinTracer("caller", endpoint=collector.url, flush_interval=0.05)
    opentracing.set_global_tracer(tracer)
    yield tracer
    opentracing._reset_global_tracer()

    assert True is tracer.close(5).result(10)


@pytest.fixture
def wait_for_spans(collector: Collector, tracer: ZipkinTracer) -> Callable[[int], list[FinishedSpan]]:
    """A function that waits for this number of spans and returns all that arrived."""

    def read(count: int) -> list[FinishedSpan]:
        assert True is tracer.flush(5)
        deadline = time.monotonic() + MAX_ARRIVAL_WAIT_S
        while len(spans := list(chain(*collector.store.traces()))) < count and time.monotonic() < deadline:
            time.sleep(0.02)

        assert count == len(spans), "\n".join(map(repr, spans))
        return spans

    return read


@pytest.fixture
def one_trace(collector: Collector, wait_for_spans: Callable[[int], list[FinishedSpan]]) -> Callable[[int], Trace]:
    """A function that waits for this number of spans, and checks that they are one trace without duplicates."""

    def read(count: int) -> Trace:
        wait_for_spans(count)
        [trace] = [_by_name(spans) for spans in collector.store.traces()]
        return trace

    return read


def _by_name(spans: list[FinishedSpan]) -> Trace:
    named = {(span.local.service_name if span.local else "", span.name): span for span in spans}

    assert len(spans) == len(named), "\n".join(map(repr, spans))
    return named
