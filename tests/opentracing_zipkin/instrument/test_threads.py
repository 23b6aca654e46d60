"""The active span goes along into threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.instrument import threads
from opentracing_zipkin.testing import InMemoryRecorder


@pytest.fixture
def tracer() -> Iterator[ZipkinTracer]:
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder())
    opentracing.set_global_tracer(tracer)
    threads.install()
    yield tracer
    threads.uninstall()
    opentracing._reset_global_tracer()


def active() -> object:
    return opentracing.tracer.active_span


def in_a_thread(result: list[object]) -> None:
    thread = threading.Thread(target=lambda: result.append(active()))
    thread.start()
    thread.join()


def in_a_subclass(result: list[object]) -> None:
    class Worker(threading.Thread):
        def run(self) -> None:
            result.append(active())

    worker = Worker()
    worker.start()
    worker.join()


def in_an_executor(result: list[object]) -> None:
    with ThreadPoolExecutor(1) as executor:
        result.append(executor.submit(active).result())


def by_map(result: list[object]) -> None:
    with ThreadPoolExecutor(1) as executor:
        result.extend(executor.map(lambda _: active(), [1]))


def by_a_loop(result: list[object]) -> None:
    async def run() -> object:
        return await asyncio.get_running_loop().run_in_executor(None, active)

    result.append(asyncio.run(run()))


def by_a_timer(result: list[object]) -> None:
    timer = threading.Timer(0.001, lambda: result.append(active()))
    timer.start()
    timer.join()


WAYS = [in_a_thread, in_a_subclass, in_an_executor, by_map, by_a_loop, by_a_timer]


@pytest.mark.parametrize("way", WAYS)
def test_work_in_a_thread_has_the_span_of_who_started_it(way: object, tracer: ZipkinTracer) -> None:
    """In each way to start work in a thread, the span that is active at the start is active in the work."""
    result: list[object] = []
    with tracer.start_active_span("buy") as scope:
        way(result)  # type: ignore[operator]

    assert [scope.span] == result


@pytest.mark.parametrize("way", WAYS)
def test_work_without_an_active_span_has_none(way: object, tracer: ZipkinTracer) -> None:
    """Where no span is active at the start, no span is active in the thread."""
    result: list[object] = []
    way(result)  # type: ignore[operator]

    assert [None] == result


def test_an_executors_worker_does_not_keep_the_span_it_was_started_under(tracer: ZipkinTracer) -> None:
    """A worker's later task has the span of its own `submit`, or none."""
    with ThreadPoolExecutor(1) as executor:
        with tracer.start_active_span("buy"):
            executor.submit(active).result()

        assert None is executor.submit(active).result()


def test_an_exception_in_a_thread_is_no_error_of_the_span_that_waits(tracer: ZipkinTracer) -> None:
    """An exception in a thread does not mark the caller's span, because the caller may handle it."""

    def fail() -> None:
        raise LookupError("lost")

    with tracer.start_active_span("buy"), ThreadPoolExecutor(1) as executor:
        future = executor.submit(fail)

        assert isinstance(future.exception(), LookupError)
    [span] = tracer._recorder.spans  # type: ignore[attr-defined]

    assert "error" not in span.tags


def test_a_thread_started_twice_raises_as_ever(tracer: ZipkinTracer) -> None:
    """The second `start` of a thread raises RuntimeError, as without tracing."""
    with tracer.start_active_span("buy"):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError):
            thread.start()


def test_the_reporters_own_thread_has_no_span_of_the_application() -> None:
    """A span whose end starts the reporter's thread is not active in that thread."""
    threads.install()
    try:
        with Collector() as collector:
            tracer = ZipkinTracer("shop", endpoint=collector.url, flush_interval=0.01)
            opentracing.set_global_tracer(tracer)
            with tracer.start_active_span("outer"), tracer.start_active_span("inner"):
                pass

            assert True is tracer.flush(5)
            assert True is tracer.close(5).result(10)
            names = sorted(span.name for trace in collector.store.traces() for span in trace)
    finally:
        threads.uninstall()
        opentracing._reset_global_tracer()

    assert ["inner", "outer"] == names
