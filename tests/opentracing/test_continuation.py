"""Work in threads, executors, greenlets and tasks: it keeps the active span by `wrap`, or drops it by `detached`."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import opentracing
from opentracing.standard import InMemoryRecorder, RecordingTracer


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def tracer(recorder: InMemoryRecorder) -> RecordingTracer:
    return RecordingTracer(recorder)


def in_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def in_an_executor(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(work).result()


def in_the_loops_executor(work: Callable[[], None]) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, work)

    asyncio.run(main())


@pytest.mark.parametrize("run", [in_a_thread, in_an_executor, in_the_loops_executor])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_wrapped_function_runs_below_the_span_that_was_active_when_it_was_wrapped(
    run: Callable[[Callable[[], None]], None], wrapped: bool, tracer: RecordingTracer, recorder: InMemoryRecorder
) -> None:
    """`wrap` keeps the context; without it, work in another thread starts a new trace."""

    def work() -> None:
        with tracer.start_active_span("work"):
            pass

    with tracer.start_active_span("request") as request:
        run(opentracing.wrap(work) if wrapped else work)
    found = recorder.spans[0].trace_context

    assert (request.span.context.span_id if wrapped else None) == found.parent_id


def test_a_wrapped_function_may_run_in_many_threads_at_a_time(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """Each call runs in its own copy of the context, so calls in several threads do not disturb each other."""
    barrier = threading.Barrier(8, timeout=10)

    def work(number: int) -> int:
        with tracer.start_active_span(str(number)):
            barrier.wait()
        return number

    with ThreadPoolExecutor(8) as executor, tracer.start_active_span("request") as request:
        results = list(executor.map(opentracing.wrap(work), range(8)))

    assert list(range(8)) == results
    assert {request.span.context.span_id} == {span.trace_context.parent_id for span in recorder.spans[:8]}


def test_wrapping_keeps_name_arguments_result_and_exception() -> None:
    """A wrapped function is called in the same way as the function itself."""

    def divide(number: int, *, by: int) -> float:
        return number / by

    wrapped = opentracing.wrap(divide)

    assert ("divide", 2.0) == (wrapped.__name__, wrapped(4, by=2))
    assert 3.0 == opentracing.wrap(partial(divide, 6))(by=2)
    with pytest.raises(ZeroDivisionError):
        wrapped(1, by=0)


async def by_create_task(work: Callable[[], Awaitable[None]]) -> Awaitable[None]:
    return asyncio.create_task(work())  # type: ignore[arg-type]


async def by_call_soon(work: Callable[[], Awaitable[None]]) -> Awaitable[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        await work()
        done.set_result(None)

    tasks = []
    asyncio.get_running_loop().call_soon(lambda: tasks.append(asyncio.ensure_future(run())))
    return done


@pytest.mark.parametrize("start", [by_create_task, by_call_soon])
@pytest.mark.parametrize("is_detached", [True, False])
def test_what_is_started_detached_is_no_child_of_the_request(
    start: Callable[[Callable[[], Awaitable[None]]], Awaitable[Awaitable[None]]],
    is_detached: bool,
    tracer: RecordingTracer,
    recorder: InMemoryRecorder,
) -> None:
    """A background task that a request starts in `detached` makes its own traces, and the request keeps its active span."""

    async def refresh() -> None:
        with tracer.start_active_span("refresh"):
            await asyncio.sleep(0)

    async def main() -> str:
        with tracer.start_active_span("request") as request:
            if is_detached:
                with opentracing.detached():
                    assert tracer.active_span is None
                    task = await start(refresh)
            else:
                task = await start(refresh)
            assert request.span is tracer.active_span
        await task
        return str(request.span.context.span_id)

    request_id = asyncio.run(main())
    parents = {span.operation_name: span.trace_context.parent_id for span in recorder.spans}

    assert {"request": None, "refresh": None if is_detached else request_id} == parents


def test_detached_holds_for_every_tracer_and_is_a_decorator(tracer: RecordingTracer) -> None:
    """Inside `detached` no tracer has an active span, and after it each active span is restored."""
    other = RecordingTracer(InMemoryRecorder())

    @opentracing.detached()
    def seen() -> list[object]:
        return [tracer.active_span, other.active_span]

    with tracer.start_active_span("one") as one, other.start_active_span("other") as another:
        assert [None, None] == seen()
        assert [one.span, another.span] == [tracer.active_span, other.active_span]


def test_a_detached_block_left_in_another_context_corrupts_nobody(tracer: RecordingTracer) -> None:
    """A `detached` block that is left in another context does not change that context's active span."""
    block = opentracing.detached()
    with tracer.start_active_span("request"):
        block.__enter__()
        with tracer.start_active_span("of its own") as own:
            contextvars.copy_context().run(block.__exit__, None, None, None)
            assert own.span is tracer.active_span
