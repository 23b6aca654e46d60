"""`Tracer.trace`: each run of a decorated function, coroutine or generator is one span."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import opentracing
from opentracing.standard import InMemoryRecorder, RawSpan, RecordingTracer

LONG_S = 0.05


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def tracer(recorder: InMemoryRecorder) -> RecordingTracer:
    return RecordingTracer(recorder)


def only(recorder: InMemoryRecorder) -> RawSpan:
    [span] = recorder.spans
    return span


def tags_of(span: RawSpan) -> dict[str, Any]:
    return dict(span.tags or [])


def the_span_is_active(tracer: RecordingTracer) -> str:
    return str(tracer.active_span.context.span_id)


def a_function(tracer: RecordingTracer) -> tuple[Callable[[], Any], Callable[[], None]]:
    @tracer.trace("work", tags={"k": "v"})
    def work() -> str:
        time.sleep(LONG_S)
        return the_span_is_active(tracer)

    return work, work  # type: ignore[return-value]


def a_coroutine(tracer: RecordingTracer) -> tuple[Callable[[], Any], Callable[[], Any]]:
    @tracer.trace("work", tags={"k": "v"})
    async def work() -> str:
        await asyncio.sleep(LONG_S)
        return the_span_is_active(tracer)

    return work, lambda: asyncio.run(work())


def a_generator(tracer: RecordingTracer) -> tuple[Callable[[], Any], Callable[[], Any]]:
    @tracer.trace("work", tags={"k": "v"})
    def work() -> Iterator[str]:
        yield the_span_is_active(tracer)
        time.sleep(LONG_S)
        yield the_span_is_active(tracer)

    return work, lambda: set(work()).pop()


def an_async_generator(tracer: RecordingTracer) -> tuple[Callable[[], Any], Callable[[], Any]]:
    @tracer.trace("work", tags={"k": "v"})
    async def work() -> AsyncIterator[str]:
        yield the_span_is_active(tracer)
        await asyncio.sleep(LONG_S)
        yield the_span_is_active(tracer)

    async def consume() -> str:
        return {item async for item in work()}.pop()

    return work, lambda: asyncio.run(consume())


KINDS = [a_function, a_coroutine, a_generator, an_async_generator]


@pytest.mark.parametrize("kind", KINDS)
def test_the_span_lasts_as_long_as_the_whole_run_and_is_active_inside(
    kind: Any, tracer: RecordingTracer, recorder: InMemoryRecorder
) -> None:
    """The span has the given name and tags, lasts as long as the run, and is active inside it."""
    _, run = kind(tracer)
    seen = run()
    span = only(recorder)

    assert ("work", {"k": "v"}) == (span.operation_name, tags_of(span))
    assert LONG_S <= (span.duration or 0)
    assert span.trace_context.span_id == seen
    assert tracer.active_span is None


@pytest.mark.parametrize(
    ("kind", "is_kind"),
    [
        (a_function, inspect.isfunction),
        (a_coroutine, inspect.iscoroutinefunction),
        (a_generator, inspect.isgeneratorfunction),
        (an_async_generator, inspect.isasyncgenfunction),
    ],
)
def test_what_is_decorated_stays_what_it_is(kind: Any, is_kind: Callable[[object], bool], tracer: RecordingTracer) -> None:
    """A decorated function keeps its kind, which frameworks ask `inspect` for, and its name and module."""
    work, _ = kind(tracer)

    assert is_kind(work)
    assert ("work", __name__) == (work.__name__, work.__module__)


def test_each_run_is_a_span_below_the_active_one(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """Each run is a separate span, and a recursive call is a child of the call around it."""

    @tracer.trace
    def countdown(number: int) -> None:
        if number:
            countdown(number - 1)

    countdown(2)
    inner, middle, outer = (span.trace_context for span in recorder.spans)

    assert [middle.span_id, outer.span_id, None] == [inner.parent_id, middle.parent_id, outer.parent_id]


class Shop:
    pass


def test_without_a_name_it_is_the_functions(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """The default name has the class of a method, but not the function in which the class is defined."""

    class Cart:
        @tracer.trace
        def add(self, article: str) -> str:
            return article

        @tracer.trace()
        @staticmethod
        def total() -> int:
            return 7

        @tracer.trace("made")
        @classmethod
        def make(cls) -> Any:
            return cls()

    cart = Cart.make()

    assert ("tea", 7) == (cart.add("tea"), cart.total())
    assert ["made", "Cart.add", "Cart.total"] == [span.operation_name for span in recorder.spans]


def test_partials_and_objects_that_are_called_are_functions_too(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """The span of a partial of a coroutine function, or of an object with an async `__call__`, ends with the coroutine."""

    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    class Work:
        async def __call__(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    asyncio.run(tracer.trace("partial")(functools.partial(work, LONG_S))())
    asyncio.run(tracer.trace()(Work())(LONG_S))

    assert ["partial", "Work"] == [span.operation_name.rpartition(".")[2] for span in recorder.spans]
    assert LONG_S <= min(span.duration or 0 for span in recorder.spans)


@pytest.mark.parametrize("value", [Shop, 42, {"name": "work"}])
def test_what_is_no_function_is_refused_at_once(value: Any, tracer: RecordingTracer) -> None:
    """Decorating an object that is not a function raises TypeError, and the message shows how to write the decorator."""
    with pytest.raises(TypeError, match=r"trace decorates functions.*@tracer.trace\('name'\)"):
        tracer.trace()(value)


def failing(kind: str, tracer: RecordingTracer) -> Callable[[], Any]:
    @tracer.trace("work")
    def function() -> None:
        raise KeyError("tea")

    @tracer.trace("work")
    async def coroutine() -> None:
        raise KeyError("tea")

    @tracer.trace("work")
    def generator() -> Iterator[int]:
        yield 1
        raise KeyError("tea")

    @tracer.trace("work")
    async def async_generator() -> AsyncIterator[int]:
        yield 1
        raise KeyError("tea")

    async def consume() -> list[int]:
        return [item async for item in async_generator()]

    return {
        "function": function,
        "coroutine": lambda: asyncio.run(coroutine()),
        "generator": lambda: list(generator()),
        "async generator": lambda: asyncio.run(consume()),
    }[kind]


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async generator"])
def test_an_exception_passes_through_and_is_the_error_tag(
    kind: str, tracer: RecordingTracer, recorder: InMemoryRecorder
) -> None:
    """The caller receives the exception that was raised, and the span has the error tag."""
    with pytest.raises(KeyError, match="tea"):
        failing(kind, tracer)()

    assert True is tags_of(only(recorder))["error"]


def test_a_generators_consumer_is_not_inside(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """Between two values the consumer's own span is active, and the consumer can send, throw and read the return value."""

    @tracer.trace("numbers")
    def numbers() -> Any:
        received = yield "first"
        try:
            yield received
        except KeyError as error:
            yield f"caught {error}"
        return "returned"

    def consume() -> Any:
        with tracer.start_active_span("consumer") as consumer:
            generator = numbers()
            seen = [next(generator), generator.send("sent"), generator.throw(KeyError("tea"))]
            assert consumer.span is tracer.active_span
            try:
                next(generator)
            except StopIteration as end:
                return [*seen, end.value]

    assert ["first", "sent", "caught 'tea'", "returned"] == consume()
    assert {"consumer": {}, "numbers": {}} == {span.operation_name: tags_of(span) for span in recorder.spans}


def test_an_async_generators_consumer_is_not_inside(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """`asend` and `athrow` reach the body of an async generator, and its span is not active in the consumer."""

    @tracer.trace("numbers")
    async def numbers() -> Any:
        received = yield "first"
        try:
            yield received
        except KeyError as error:
            yield f"caught {error}"

    async def consume() -> Any:
        with tracer.start_active_span("consumer") as consumer:
            generator = numbers()
            seen = [await generator.asend(None), await generator.asend("sent"), await generator.athrow(KeyError("tea"))]
            assert consumer.span is tracer.active_span
            with pytest.raises(StopAsyncIteration):
                await generator.__anext__()
            return seen

    assert ["first", "sent", "caught 'tea'"] == asyncio.run(consume())
    assert {"consumer": {}, "numbers": {}} == {span.operation_name: tags_of(span) for span in recorder.spans}


def test_a_generator_that_nobody_finishes_is_no_error(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """An unfinished generator's span ends without error when the generator is closed; without a first step there is no span."""

    @tracer.trace("numbers")
    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    numbers()
    for _ in numbers():
        break
    gc.collect()

    assert ("numbers", {}) == (only(recorder).operation_name, tags_of(only(recorder)))


def test_an_async_generator_that_nobody_finishes_is_no_error_and_no_noise(
    tracer: RecordingTracer, recorder: InMemoryRecorder
) -> None:
    """The event loop closes the generator in another task; its clean-up runs inside the span, and then the span ends."""
    noise: list[object] = []
    cleaned_up_in: list[str] = []

    @tracer.trace("numbers")
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned_up_in.append(the_span_is_active(tracer))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.01)
        assert tracer.active_span is None

    asyncio.run(main())

    assert ([], {}) == (noise, tags_of(only(recorder)))
    assert [only(recorder).trace_context.span_id] == cleaned_up_in


def test_a_cancelled_coroutine_is_no_error(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """A cancelled coroutine has no error tag, because cancelling is the planned end of a task that is no longer needed."""

    @tracer.trace
    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    assert {} == tags_of(only(recorder))


def test_parallel_runs_are_apart(tracer: RecordingTracer, recorder: InMemoryRecorder) -> None:
    """Each of fifty parallel coroutines is a child of the span in which it was started, and sees its own span."""

    @tracer.trace
    async def work() -> str:
        await asyncio.sleep(0.001)
        return the_span_is_active(tracer)

    async def main() -> list[str]:
        with tracer.start_active_span("all"):
            return await asyncio.gather(*(work() for _ in range(50)))

    seen = asyncio.run(main())
    *works, root = recorder.spans

    assert {span.trace_context.span_id for span in works} == set(seen)
    assert [root.trace_context.span_id] * 50 == [span.trace_context.parent_id for span in works]


def test_a_module_may_decorate_before_the_application_configures(
    tracer: RecordingTracer, recorder: InMemoryRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function decorated with the default no-op follows `opentracing.tracer`; one decorated with another tracer keeps it."""

    @opentracing.tracer.trace("early")
    def early() -> None:
        pass

    @opentracing.Tracer().trace("never")
    def never() -> None:
        pass

    early()
    monkeypatch.setattr(opentracing, "tracer", tracer)
    early()
    never()

    assert ["early"] == [span.operation_name for span in recorder.spans]
