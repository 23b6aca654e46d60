"""Coroutines, generators and async generators run in steps: each step can be run under something, such as a context.

Rules: the call of such a function runs none of its body.  Its body runs when its result is awaited or asked for a value, often
in another place.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from functools import partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

__all__ = ["BODY_TYPES", "Steps", "async_generator_function", "in_context", "resumed_in"]

# Flags of a code object, as in `inspect`, whose import takes 10 ms.
_COROUTINE = 0x80 | 0x100  # `async def`, and a generator with @types.coroutine
_GENERATOR = 0x20
_ASYNC_GENERATOR = 0x200

# The type of each body that is run in steps -> the attribute with its code.
BODY_TYPES: dict[type, str] = {CoroutineType: "cr_code", GeneratorType: "gi_code", AsyncGeneratorType: "ag_code"}


class Steps:
    """Runs each step of `body` by `run`; it is made for `await` and for `yield from`."""

    def __init__(self, body: Any, run: Callable[..., Any]) -> None:
        self._body = body
        self._run = run

    def __iter__(self) -> Steps:
        return self

    __await__ = __iter__

    def __next__(self) -> Any:
        return self._run(self._body.send, None)

    def send(self, value: Any) -> Any:
        return self._run(self._body.send, value)

    def throw(self, *error: Any) -> Any:
        return self._run(self._body.throw, *error)

    def close(self) -> None:
        self._run(self._body.close)


def in_context(function: Any, new_context: Callable[[], Context]) -> Any | None:
    """A function of the same kind as `function`, each run of which is in the context that `new_context` returns at its start.

    None if `function` is not written with `async def` or `yield`.
    """
    return _in_context(function, _flags_of(function), new_context)


def resumed_in(context: Context, body: Any) -> Any:
    """A coroutine or generator, of the same kind as `body`, that runs each step of `body` in a copy of `context`.

    The type of `body` is in `BODY_TYPES`.  If `body` has begun already, it is returned itself: a value may be sent to it, which
    a new generator would not take.
    """
    if not _is_new(body):
        return body
    resumed = _in_context(lambda: body, getattr(body, BODY_TYPES[type(body)]).co_flags, context.copy)
    return body if resumed is None else resumed()


def _is_new(body: Any) -> bool:
    import inspect  # here, because it takes 10 ms, and a plain function rarely returns a coroutine or a generator

    if isinstance(body, CoroutineType):
        return inspect.getcoroutinestate(body) == inspect.CORO_CREATED
    return not isinstance(body, GeneratorType) or inspect.getgeneratorstate(body) == inspect.GEN_CREATED


def _flags_of(function: Any) -> int:
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    return flags if isinstance(flags, int) else 0


def _in_context(function: Any, flags: int, new_context: Callable[[], Context]) -> Any | None:
    if flags & _COROUTINE:
        return _coroutine_function(function, new_context)
    if flags & _GENERATOR:
        return _generator_function(function, new_context)
    if flags & _ASYNC_GENERATOR:
        return async_generator_function(function, lambda: (nullcontext(), partial(Steps, run=new_context().run)))
    return None


def _coroutine_function(function: Any, new_context: Callable[[], Context]) -> Any:
    async def run(*args: Any, **kwargs: Any) -> Any:
        return await Steps(function(*args, **kwargs), new_context().run)

    return run


def _generator_function(function: Any, new_context: Callable[[], Context]) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        return (yield from Steps(function(*args, **kwargs), new_context().run))

    return run


def async_generator_function(
    function: Any, begin: Callable[[], tuple[AbstractContextManager[Any], Callable[[Awaitable[Any]], Awaitable[Any]]]]
) -> Any:
    """An async generator function like `function`, whose runs and steps are each under something.

    `begin` is called at the start of each run.  It returns a block for the whole run, and a function from a step to the
    awaitable that runs the step.
    """

    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        block, under = begin()
        with block:
            body = function(*args, **kwargs)
            step: Awaitable[Any] = body.__anext__()
            while True:
                try:
                    item = await under(step)
                except StopAsyncIteration:
                    return
                try:
                    step = body.asend((yield item))
                except GeneratorExit:
                    await under(body.aclose())
                    raise
                except BaseException as error:  # the consumer threw it in; the body decides how to handle it
                    step = body.athrow(error)

    return run
