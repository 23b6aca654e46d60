"""A span that is OpenTelemetry's current one for a block, or for each run of a function.

Rules: the span of a function lasts from the start of its body to its end, however often the body is suspended.  The span is
current while the body runs, but not while the consumer of its values runs.  Each context is restored by its own token.  If the
token belongs to another context (as when a generator is closed in another task), no error is raised or logged.
`opentracing.decorator` does the same for OpenTracing's active span.  Nothing is shared with it, because this package also runs
on upstream's `opentracing`, which has no such module.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

from opentelemetry.trace import Span as OtelSpan, Status, StatusCode, Tracer

from ..text import describe_exception
from .mapping import MAX_TEXT_LENGTH
from .runtime import attach_span, restore
from .span import RECORD, SET_STATUS, Span

__all__ = ["CurrentSpan"]


class CurrentSpan:
    """The result of `start_as_current_span`: a context manager for one use, and a decorator for functions of every kind."""

    __slots__ = ("_arguments", "_end_on_exit", "_exception_effects", "_span", "_token", "_tracer")

    def __init__(self, tracer: Tracer, arguments: tuple[Any, ...], effects: int, end_on_exit: bool) -> None:
        self._tracer = tracer
        self._arguments = arguments
        self._exception_effects = effects
        self._end_on_exit = end_on_exit

    def __enter__(self) -> OtelSpan:
        self._span = span = self._tracer.start_span(*self._arguments)
        self._token = attach_span(span)
        return span

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        span = self._span
        restore(self._token)
        if exc_val is not None:
            _record_failure(span, exc_val, self._exception_effects)
        if self._end_on_exit:
            span.end()

    def __call__(self, function: Any) -> Any:
        """`function` with a span around each run.  Raises TypeError if `function` is not a function."""
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(self(function.__func__))
        if not callable(function):
            raise TypeError(
                f"start_as_current_span decorates functions, got {function!r}; use it as @tracer.start_as_current_span('name')"
            )
        import inspect  # imported here, because some programs import this module without using the decorator

        body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else function.__call__
        if inspect.isasyncgenfunction(body):
            run: Any = self._async_generator(function)
        elif inspect.isgeneratorfunction(body):
            run = self._generator(function)
        elif inspect.iscoroutinefunction(body):
            run = self._coroutine(function)
        else:
            run = self._function(function)
        return functools.wraps(function)(run)

    def _renewed(self) -> CurrentSpan:
        """A new CurrentSpan with the same arguments, for another run, because an object is for one use."""
        return CurrentSpan(self._tracer, self._arguments, self._exception_effects, self._end_on_exit)

    def _function(self, function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._renewed():
                return function(*args, **kwargs)

        return run

    def _coroutine(self, function: Any) -> Any:
        async def run(*args: Any, **kwargs: Any) -> Any:
            with self._renewed():
                return await function(*args, **kwargs)

        return run

    def _generator(self, function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self._start() as span:
                return (yield from _CurrentSteps(span, function(*args, **kwargs)))

        return run

    def _async_generator(self, function: Any) -> Any:
        async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with self._start() as span:
                body = function(*args, **kwargs)
                step: Awaitable[Any] = body.__anext__()
                while True:
                    try:
                        item = await _current_step(span, step)
                    except StopAsyncIteration:
                        return
                    try:
                        step = body.asend((yield item))
                    except GeneratorExit:
                        await _current_step(span, body.aclose())
                        raise
                    except BaseException as error:  # the consumer threw it in; the body decides how to handle it
                        step = body.athrow(error)

        return run

    def _start(self) -> _StartedSpan:
        return _StartedSpan(self._tracer.start_span(*self._arguments), self._exception_effects, self._end_on_exit)


class _StartedSpan:
    """A span that is not current by itself: each step of the body makes it current."""

    __slots__ = ("_end_on_exit", "_exception_effects", "_span")

    def __init__(self, span: OtelSpan, effects: int, end_on_exit: bool) -> None:
        self._span = span
        self._exception_effects = effects
        self._end_on_exit = end_on_exit

    def __enter__(self) -> OtelSpan:
        return self._span

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:
            _record_failure(self._span, exc_val, self._exception_effects)
        if self._end_on_exit:
            self._span.end()


def _record_failure(span: OtelSpan, error: BaseException, effects: int) -> None:
    if isinstance(span, Span):
        span._record_failure(error, effects)
    elif span.is_recording() and isinstance(error, Exception):  # a span of another library's provider
        if effects & RECORD:
            span.record_exception(error)
        if effects & SET_STATUS:
            span.set_status(Status(StatusCode.ERROR, describe_exception(error, MAX_TEXT_LENGTH)))


class _CurrentSteps:
    """A generator that makes a span current during each step of `body`; made for `yield from`.

    `opentracing.steps.Steps` is like it, but the archived OpenTracing package, on which the tracer also runs, has no `steps`.
    """

    def __init__(self, span: OtelSpan, body: Generator[Any, Any, Any]) -> None:
        self._span = span
        self._body = body

    def __iter__(self) -> _CurrentSteps:
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
        token = attach_span(self._span)
        try:
            return step(*arguments)
        finally:
            restore(token)


async def _current_step(span: OtelSpan, step: Awaitable[Any]) -> Any:
    token = attach_span(span)
    try:
        return await step
    finally:
        restore(token)
