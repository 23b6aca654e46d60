"""Work that runs in another place or later, either under the span that is active now, or under none.

Rules: asyncio's tasks and callbacks inherit the active span without help; threads, executors and greenlets do not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ContextDecorator
from contextvars import Context, copy_context
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from .scope_managers.contextvars import no_parent_scope
from .steps import BODY_TYPES, in_context, resumed_in

__all__ = ["detached", "wrap"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def wrap(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """`function`, which later runs with the active span, and all other context variables, of this moment.

    Use it as `Thread(target=wrap(work))`, `executor.submit(wrap(work), item)`, `executor.map(wrap(work), items)` or
    `gevent.spawn(wrap(work))`.  The result may be called often, also from several threads at the same time.  Each call gets its
    own copy of the context variables, so no call sees the changes of another one.

    A coroutine function stays a coroutine function, and the whole run of its coroutine has the span.  The same is true for
    generators and async generators, and for a coroutine or generator that a plain function returns.  Any other awaitable that
    `function` returns is returned as it is: a task that `function` has started has the span.
    """
    context = copy_context()
    stepwise = in_context(function, context.copy)
    if stepwise is not None:
        kept: Callable[_P, _T] = wraps(function)(stepwise)
        return kept

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        # A new copy for each call (0.1 µs), because a context can be entered only once at a time.
        own = context.copy()
        result = own.run(function, *args, **kwargs)
        if type(result) not in BODY_TYPES:
            return result
        resumed: _T = resumed_in(own, result)
        return resumed

    return run


def detached() -> _Detached:
    """A block in which no span is active, so spans that start in it are roots.

    For work that a request starts but that outlives the request: `with detached(): asyncio.create_task(refresh_the_pool())`.
    It is also a decorator, for functions, coroutines, generators and async generators.
    """
    return _Detached()


class _Detached(ContextDecorator, AbstractContextManager[None]):
    """One block of `detached`: it is entered once, or decorates functions."""

    def __enter__(self) -> None:
        self._block = no_parent_scope()
        self._block.__enter__()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return self._block.__exit__(exc_type, exc_val, exc_tb)

    def __call__(self, func: _F) -> _F:
        stepwise = in_context(func, _detached_context)
        return no_parent_scope()(func) if stepwise is None else wraps(func)(stepwise)  # type: ignore[return-value]


def _detached_context() -> Context:
    with no_parent_scope():
        return copy_context()
