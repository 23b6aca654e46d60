"""`start_as_current_span` around a block and on functions of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry.trace import INVALID_SPAN, get_current_span

from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import FakeClock, InMemoryRecorder


def name() -> str:
    """The name of the current span."""
    return getattr(get_current_span(), "name", "")


def test_a_block(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The span is current in the block and ends with it, and spans that start inside are its children."""
    with tracer.start_as_current_span("outer") as outer:
        assert outer is get_current_span()
        with tracer.start_as_current_span("inner"):
            assert "inner" == name()
        assert outer is get_current_span()

    assert INVALID_SPAN is get_current_span()
    inner_sent, outer_sent = recorder.spans
    assert (outer_sent.trace_id, outer_sent.span_id) == (inner_sent.trace_id, inner_sent.parent_id)


def test_a_block_that_does_not_end_its_span(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """With `end_on_exit=False` the caller ends the span."""
    with tracer.start_as_current_span("span", end_on_exit=False) as span:
        pass

    assert (True, []) == (span.is_recording(), recorder.spans)
    span.end()
    assert 1 == len(recorder.spans)


def test_a_function(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """Each call is a separate span, and the decorated function keeps its name, documentation and result."""

    @tracer.start_as_current_span("work", attributes={"a": "1"})
    def double(number: int) -> tuple[int, str]:
        """Twice."""
        return 2 * number, name()

    assert [(2, "work"), (4, "work")] == [double(1), double(2)]
    assert ("double", "Twice.") == (double.__name__, double.__doc__)
    assert ["1", "1"] == [sent.tags["a"] for sent in recorder.spans]
    assert 2 == len({sent.trace_id for sent in recorder.spans})


def test_a_function_that_raises(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """If the function raises, its span has the error."""

    @tracer.start_as_current_span("work")
    def fail() -> None:
        raise ValueError("no stock")

    with pytest.raises(ValueError, match="no stock"):
        fail()
    assert ["ValueError: no stock"] == [sent.tags["error"] for sent in recorder.spans]


def test_a_coroutine_function(tracer: Tracer, recorder: InMemoryRecorder, clock: FakeClock) -> None:
    """The span lasts until the coroutine has ended, and two coroutines at the same time have different spans."""

    @tracer.start_as_current_span("work")
    async def work(number: int) -> tuple[int, bool]:
        before = get_current_span()
        await asyncio.sleep(0)
        clock.advance(1)
        return number, before is get_current_span()

    async def both() -> list[tuple[int, bool]]:
        return await asyncio.gather(work(1), work(2))

    assert [(1, True), (2, True)] == asyncio.run(both())
    assert 2 == len({sent.span_id for sent in recorder.spans})
    assert all(sent.duration_us >= 1_000_000 for sent in recorder.spans)


def test_a_generator_function(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The span lasts until the last value, and is not current while the consumer uses a value."""

    @tracer.start_as_current_span("work")
    def count() -> Iterator[Any]:
        received = yield name()
        yield received, name()

    generator: Any = count()
    assert ([], "") == (recorder.spans, name())
    assert ("work", "") == (next(generator), name())
    assert ("sent", "work") == generator.send("sent")
    with pytest.raises(StopIteration):
        next(generator)
    assert [{"otel.scope.name", "otel.scope.version"}] == [sent.tags.keys() for sent in recorder.spans]


def test_a_generator_that_is_left(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A generator closed half-way ends its span without error; an exception thrown in and not caught is an error."""

    @tracer.start_as_current_span("work")
    def count() -> Iterator[int]:
        yield 1
        yield 2

    closed: Any = count()
    next(closed)
    closed.close()
    thrown: Any = count()
    next(thrown)
    with pytest.raises(ValueError, match="in"):
        thrown.throw(ValueError("in"))
    assert [None, "ValueError: in"] == [sent.tags.get("error") for sent in recorder.spans]


def test_an_async_generator_function(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The span of an async generator function is current in its body only, as with a generator function."""

    @tracer.start_as_current_span("work")
    async def count() -> AsyncIterator[str]:
        yield name()
        await asyncio.sleep(0)
        yield name()

    async def read() -> list[tuple[str, str]]:
        return [(item, name()) async for item in count()]

    assert [("work", ""), ("work", "")] == asyncio.run(read())
    assert ["work"] == [sent.name for sent in recorder.spans]


def test_an_async_generator_that_is_left(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """An async generator closed half-way ends its span without error; an exception thrown in and not caught is an error."""

    @tracer.start_as_current_span("work")
    async def count() -> Any:
        yield 1
        yield 2

    async def leave() -> None:
        closed: Any = count()
        await closed.__anext__()
        await closed.aclose()
        thrown: Any = count()
        await thrown.__anext__()
        with pytest.raises(ValueError, match="in"):
            await thrown.athrow(ValueError("in"))

    asyncio.run(leave())
    assert [None, "ValueError: in"] == [sent.tags.get("error") for sent in recorder.spans]


def test_methods(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """Methods, class methods and static methods can be decorated, on either side of the other decorator."""

    class Shop:
        @tracer.start_as_current_span("instance")
        def sell(self) -> str:
            return name()

        @tracer.start_as_current_span("class")
        @classmethod
        def found(cls) -> str:
            return f"{cls.__name__} {name()}"

        @staticmethod
        @tracer.start_as_current_span("static")
        def greet() -> str:
            return name()

    assert ["instance", "Shop class", "static"] == [Shop().sell(), Shop.found(), Shop.greet()]


def test_what_is_no_function_cannot_be_decorated(tracer: Tracer) -> None:
    """Decorating an object that is not a function raises TypeError, already when the module is imported."""
    with pytest.raises(TypeError, match="decorates functions, got 7"):
        tracer.start_as_current_span("span")(7)
