"""A span around each run of a function: the work of `Tracer.trace` for functions, coroutines, generators and async generators.

Rules: the span lasts from the start of the body to its end, however often the body is suspended.  The span is active while the
body runs, but not while the consumer of its values runs.  A generator's body starts when the first value is asked for, and its
span starts at the same time.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from .steps import Steps, async_generator_function

if TYPE_CHECKING:
    from .scope import Scope
    from .span import Span
    from .tracer import Tracer

__all__ = ["traced"]


def traced(function: Any, find_tracer: Callable[[], Tracer], operation_name: str | None, tags: dict[str, Any] | None) -> Any:
    """`function` with a span around each run; the span's tracer is the one that `find_tracer()` returns at that time.

    Raises TypeError if `function` is not a function.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(traced(function.__func__, find_tracer, operation_name, tags))
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"trace decorates functions, got {function!r}; use it as @tracer.trace('name') or @tracer.trace")
    name = _name_of(function) if operation_name is None else operation_name

    def activate() -> Scope:
        return find_tracer().start_active_span(name, tags=tags)

    def start() -> tuple[Tracer, Span]:
        tracer = find_tracer()
        return tracer, tracer.start_span(name, tags=tags)

    # Imported here: it costs 10 ms, and some programs import the API without using the decorator.
    import inspect

    body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else function.__call__
    if inspect.isasyncgenfunction(body):
        run: Any = _async_generator(function, start)
    elif inspect.isgeneratorfunction(body):
        run = _generator(function, start)
    elif inspect.iscoroutinefunction(body):
        run = _coroutine(function, activate)
    else:
        run = _function(function, activate)
    return functools.wraps(function)(run)


def _name_of(function: Any) -> str:
    qualified = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(qualified).rpartition("<locals>.")[2]


def _function(function: Any, activate: Callable[[], Scope]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        with activate():
            return function(*args, **kwargs)

    return run


def _coroutine(function: Any, activate: Callable[[], Scope]) -> Any:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with activate():
            return await function(*args, **kwargs)

    return run


def _generator(function: Any, start: Callable[[], tuple[Tracer, Span]]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        tracer, span = start()
        with span:
            return (yield from Steps(function(*args, **kwargs), functools.partial(_active_call, tracer, span)))

    return run


def _active_call(tracer: Tracer, span: Span, step: Callable[..., Any], *arguments: Any) -> Any:
    scope = tracer.scope_manager.activate(span, False)
    try:
        return step(*arguments)
    finally:
        scope.close()  # no `with` block: it would record StopIteration as a failure


def _async_generator(function: Any, start: Callable[[], tuple[Tracer, Span]]) -> Any:
    def begin() -> tuple[Span, Callable[[Awaitable[Any]], Awaitable[Any]]]:
        tracer, span = start()
        return span, functools.partial(_active_step, tracer, span)

    return async_generator_function(function, begin)


async def _active_step(tracer: Tracer, span: Span, step: Awaitable[Any]) -> Any:
    scope = tracer.scope_manager.activate(span, False)
    try:
        return await step
    finally:
        scope.close()
