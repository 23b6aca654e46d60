"""A span around each run of a function: what `Tracer.trace` makes of functions, coroutines, generators and async generators.

Rules: the span lasts from the start of the body to its end, however often that is suspended, and is active while the body runs
but not while its consumer does.  A generator's span starts with the first value asked for, as its body does.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scope import Scope
    from .span import Span
    from .tracer import Tracer

__all__ = ["traced"]


def traced(function: Any, tracer: Callable[[], Tracer], operation_name: str | None, tags: dict[str, Any] | None) -> Any:
    """`function`, each run of which is a span of the tracer that `tracer()` gives at that time.

    TypeError where `function` is none.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(traced(function.__func__, tracer, operation_name, tags))
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"trace decorates functions, got {function!r}; use it as @tracer.trace('name') or @tracer.trace")
    name = _name_of(function) if operation_name is None else operation_name

    def active() -> Scope:
        return tracer().start_active_span(name, tags=tags)

    def start() -> tuple[Tracer, Span]:
        now = tracer()
        return now, now.start_span(name, tags=tags)

    # Imported here: it costs 10 ms, and not every program that imports the API decorates.
    import inspect

    body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else function.__call__
    if inspect.isasyncgenfunction(body):
        run: Any = _async_generator(function, start)
    elif inspect.isgeneratorfunction(body):
        run = _generator(function, start)
    elif inspect.iscoroutinefunction(body):
        run = _coroutine(function, active)
    else:
        run = _function(function, active)
    return functools.wraps(function)(run)


def _name_of(function: Any) -> str:
    qualified = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(qualified).rpartition("<locals>.")[2]


def _function(function: Any, active: Callable[[], Scope]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        with active():
            return function(*args, **kwargs)

    return run


def _coroutine(function: Any, active: Callable[[], Scope]) -> Any:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with active():
            return await function(*args, **kwargs)

    return run


def _generator(function: Any, start: Callable[[], tuple[Tracer, Span]]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        tracer, span = start()
        with span:
            return (yield from _ActiveSteps(tracer, span, function(*args, **kwargs)))

    return run


class _ActiveSteps:
    """A generator that makes a span active for each of its steps; for `yield from`."""

    def __init__(self, tracer: Tracer, span: Span, body: Generator[Any, Any, Any]) -> None:
        self._activate = tracer.scope_manager.activate
        self._span = span
        self._body = body

    def __iter__(self) -> _ActiveSteps:
        return self

    def __next__(self) -> Any:
        return self._step(self._body.__next__)

    def send(self, value: Any) -> Any:
        return self._step(self._body.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._body.throw, *error)

    def close(self) -> None:
        self._step(self._body.close)

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        scope = self._activate(self._span, False)
        try:
            return step(*arguments)
        finally:
            scope.close()  # not `with`: that takes StopIteration for a failure


def _async_generator(function: Any, start: Callable[[], tuple[Tracer, Span]]) -> Any:
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        tracer, span = start()
        with span:
            body = function(*args, **kwargs)
            step: Awaitable[Any] = body.__anext__()
            while True:
                try:
                    item = await _active_step(tracer, span, step)
                except StopAsyncIteration:
                    return
                try:
                    step = body.asend((yield item))
                except GeneratorExit:
                    await _active_step(tracer, span, body.aclose())
                    raise
                except BaseException as error:  # thrown in by the consumer; the body decides what becomes of it
                    step = body.athrow(error)

    return run


async def _active_step(tracer: Tracer, span: Span, step: Awaitable[Any]) -> Any:
    scope = tracer.scope_manager.activate(span, False)
    try:
        return await step
    finally:
        scope.close()
