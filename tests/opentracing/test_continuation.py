"""Work in threads, executors, greenlets and tasks: it keeps the active span by `wrap`, or drops it by `detached`."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

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


Seen = Callable[[], object]


class Kinds:
    """Functions of each kind, which tell at each step the span that is active."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def function(self) -> list[object]:
        return [self.seen()]

    async def coroutine(self) -> list[object]:
        before = self.seen()
        await asyncio.sleep(0)
        return [before, self.seen()]

    def generator(self) -> Iterator[object]:
        yield self.seen()
        yield self.seen()

    async def async_generator(self) -> AsyncIterator[object]:
        yield self.seen()
        await asyncio.sleep(0)
        yield self.seen()

    @types.coroutine
    def generator_based(self) -> Iterator[object]:
        before = self.seen()
        yield
        return [before, self.seen()]  # type: ignore[return-value]

    def returns_coroutine(self) -> Awaitable[list[object]]:
        return self.coroutine()

    def returns_generator_based(self) -> Awaitable[list[object]]:
        return self.generator_based()  # type: ignore[return-value]

    def returns_generator(self) -> Iterator[object]:
        return self.generator()

    def returns_async_generator(self) -> AsyncIterator[object]:
        return self.async_generator()

    def returns_task(self) -> Awaitable[list[object]]:
        return asyncio.create_task(self.coroutine())

    def returns_future(self) -> Awaitable[list[object]]:
        future: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
        future.set_result([self.seen()])
        return future


class CalledAsCoroutine(Kinds):
    async def __call__(self) -> list[object]:
        return await self.coroutine()


class CalledAsGenerator(Kinds):
    def __call__(self) -> Iterator[object]:
        return self.generator()


class CalledAsAsyncGenerator(Kinds):
    async def __call__(self) -> AsyncIterator[object]:
        async for item in self.async_generator():
            yield item


def _coroutine_function(seen: Seen) -> Callable[[], Any]:
    async def work() -> list[object]:
        return await Kinds(seen).coroutine()

    return work


def _coroutine_of_asyncmock(seen: Seen) -> Callable[[], Any]:
    return AsyncMock(side_effect=Kinds(seen).coroutine)


# A kind of function -> how it is made, and the question to `inspect` that is true for it, and so for the wrapped one.
KINDS: dict[str, tuple[Callable[[Seen], Callable[[], Any]], Callable[[object], bool]]] = {
    "function": (lambda seen: lambda: [seen()], inspect.isfunction),
    "coroutine function": (_coroutine_function, inspect.iscoroutinefunction),
    "bound method": (lambda seen: Kinds(seen).function, callable),
    "coroutine method": (lambda seen: Kinds(seen).coroutine, inspect.iscoroutinefunction),
    "generator function": (lambda seen: Kinds(seen).generator, inspect.isgeneratorfunction),
    "async generator function": (lambda seen: Kinds(seen).async_generator, inspect.isasyncgenfunction),
    "generator-based coroutine": (lambda seen: Kinds(seen).generator_based, callable),
    "partial of a function": (lambda seen: partial(Kinds.function, Kinds(seen)), callable),
    "partial of a coroutine function": (lambda seen: partial(Kinds.coroutine, Kinds(seen)), inspect.iscoroutinefunction),
    "partial of a partial": (lambda seen: partial(partial(Kinds.coroutine), Kinds(seen)), inspect.iscoroutinefunction),
    "partial of a generator function": (lambda seen: partial(Kinds.generator, Kinds(seen)), inspect.isgeneratorfunction),
    "object with an async __call__": (CalledAsCoroutine, callable),
    "object whose __call__ returns a generator": (CalledAsGenerator, callable),
    "object whose __call__ is an async generator": (CalledAsAsyncGenerator, callable),
    "AsyncMock": (_coroutine_of_asyncmock, callable),
    "function that returns a coroutine": (lambda seen: Kinds(seen).returns_coroutine, callable),
    "function that returns a generator-based coroutine": (lambda seen: Kinds(seen).returns_generator_based, callable),
    "function that returns a generator": (lambda seen: Kinds(seen).returns_generator, callable),
    "function that returns an async generator": (lambda seen: Kinds(seen).returns_async_generator, callable),
    "function that returns a task": (lambda seen: Kinds(seen).returns_task, callable),
    "function that returns a Future": (lambda seen: Kinds(seen).returns_future, callable),
}


async def consumed(result: Any) -> list[object]:
    """Each thing that a call has seen, however its result is consumed."""
    if inspect.isawaitable(result):
        result = await result
    if inspect.isasyncgen(result):
        return [item async for item in result]
    return list(result)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrapped_function_of_any_kind_has_the_span_during_its_whole_run(kind: str, tracer: RecordingTracer) -> None:
    """The active span of the moment of `wrap` is active in each step of the run, and not in the code that consumes it."""
    make, is_kind = KINDS[kind]
    work = make(lambda: tracer.active_span)
    with tracer.start_active_span("request") as request:
        wrapped = opentracing.wrap(work)

    async def main() -> tuple[list[object], object]:
        with tracer.start_active_span("of the consumer") as own:
            seen = await consumed(wrapped())
            assert own.span is tracer.active_span
        return seen, await consumed(wrapped())

    seen, again = asyncio.run(main())

    assert {request.span} == set(seen)
    assert seen == again
    assert is_kind(wrapped)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "returns" not in kind])
def test_a_detached_function_of_any_kind_has_no_span_during_its_whole_run(kind: str, tracer: RecordingTracer) -> None:
    """`detached` as a decorator hides the active span from each step of a run, and not from the code that consumes it."""
    work = opentracing.detached()(KINDS[kind][0](lambda: tracer.active_span))

    async def main() -> list[object]:
        with tracer.start_active_span("request") as request:
            seen = await consumed(work())
            assert request.span is tracer.active_span
        return seen

    assert {None} == set(asyncio.run(main()))


def test_a_span_inside_a_wrapped_generator_stays_inside_it(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """A span that a wrapped generator keeps active between its values is the parent in the generator only."""

    def work() -> Iterator[object]:
        with tracer.start_active_span("inner"):
            yield
            with tracer.start_active_span("innermost"):
                yield

    with tracer.start_active_span("request"):
        body = opentracing.wrap(work)()
    for _ in body:
        assert tracer.active_span is None
    innermost, inner = recorder.spans[1:]

    assert ("innermost", inner.trace_context.span_id) == (innermost.operation_name, innermost.trace_context.parent_id)


def test_a_wrapped_generator_is_sent_values_and_errors_and_is_closed() -> None:
    """`send`, `throw`, `close` and the result of a wrapped generator are those of the generator itself."""
    seen: list[object] = []

    def work() -> Generator[int, str, str]:
        try:
            seen.append((yield 1))
            try:
                yield 2
            except ValueError as error:
                seen.append(str(error))
            yield 3
        finally:
            seen.append("closed")
        return "result"

    def main() -> Generator[int, str, str]:
        return (yield from opentracing.wrap(work)())

    body = main()
    taken = [next(body), body.send("sent"), body.throw(ValueError("thrown"))]
    with pytest.raises(StopIteration) as end:
        next(body)
    other = opentracing.wrap(work)()
    next(other)
    other.close()

    assert [1, 2, 3] == taken
    assert ["sent", "thrown", "closed", "closed"] == seen
    assert "result" == end.value.value


def test_a_generator_that_has_begun_is_returned_as_it_is() -> None:
    """A plain function may take the first value of a generator before it returns it; a value can then be sent to it."""

    def echo() -> Generator[object, object, None]:
        sent: object = "ready"
        while True:
            sent = yield sent

    def begun() -> Generator[object, object, None]:
        body = echo()
        next(body)
        return body

    assert "hello" == opentracing.wrap(begun)().send("hello")


def test_a_wrapped_coroutine_is_cancelled_like_any_other() -> None:
    """A cancellation reaches the body of a wrapped coroutine, and the task counts as cancelled."""
    seen = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> bool:
        task = asyncio.get_running_loop().create_task(opentracing.wrap(work)())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())
    assert ["cancelled"] == seen


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
