"""The scope manager on contextvars: nested scopes, closing in a wrong order, threads, tasks and generators."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import importlib
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from unittest import mock

import pytest

from opentracing import Span
from opentracing.scope_managers.contextvars import ContextVarsScopeManager, no_parent_scope
from opentracing.scope_managers.tornado import tracer_stack_context


def span() -> mock.Mock:
    return mock.Mock(spec=Span)


def test_scopes_nest_and_finish_their_spans_if_asked_to() -> None:
    """Closing a scope makes the former scope active again, and finishes its span if `finish_on_close` is True."""
    manager, outer, inner = ContextVarsScopeManager(), span(), span()
    with manager.activate(outer, False) as outer_scope:
        with manager.activate(inner, True) as inner_scope:
            assert inner_scope is manager.active
        assert outer_scope is manager.active

    assert manager.active is None
    assert (0, 1) == (outer.finish.call_count, inner.finish.call_count)


def test_a_scope_closed_before_an_inner_one_ends_with_it() -> None:
    """A scope closed before its inner scope stays open until the inner one is closed; then both have ended."""
    manager, outer, inner = ContextVarsScopeManager(), span(), span()
    outer_scope, inner_scope = manager.activate(outer, True), manager.activate(inner, True)

    outer_scope.close()
    assert (inner_scope, 0) == (manager.active, outer.finish.call_count)
    inner_scope.close()
    assert (None, 1, 1) == (manager.active, outer.finish.call_count, inner.finish.call_count)


def test_a_block_that_is_left_before_an_inner_scope_finishes_its_span_at_once() -> None:
    """A block's span finishes when the block is left, even if a generator left half-way keeps an inner scope open."""
    manager, outer, inner = ContextVarsScopeManager(), span(), span()

    def numbers() -> Iterator[int]:
        with manager.activate(inner, True):
            yield 1
            yield 2

    generator = numbers()
    with manager.activate(outer, True):
        next(generator)
    assert (1, 0) == (outer.finish.call_count, inner.finish.call_count)
    generator.close()
    assert (None, 1, 1) == (manager.active, outer.finish.call_count, inner.finish.call_count)


def test_closing_twice_finishes_once() -> None:
    """A second `close` of a scope does nothing."""
    manager, one = ContextVarsScopeManager(), span()
    scope = manager.activate(one, True)
    scope.close()
    scope.close()

    assert 1 == one.finish.call_count


def test_a_scope_closed_in_another_thread_finishes_and_is_skipped_at_home() -> None:
    """A scope closed in another thread finishes its span, and is no longer active in the thread that opened it."""
    manager, one = ContextVarsScopeManager(), span()
    before = manager.activate(span(), True)
    scope = manager.activate(one, True)
    thread = threading.Thread(target=scope.close)
    thread.start()
    thread.join()

    assert 1 == one.finish.call_count
    assert before is manager.active
    before.close()
    assert manager.active is None


def test_a_scope_closed_in_another_task_finishes_and_is_skipped_at_home() -> None:
    """A task may close the scope that it inherits; the task that opened it no longer sees it as active."""
    manager, one = ContextVarsScopeManager(), span()

    async def close(scope: object) -> None:
        scope.close()  # type: ignore[attr-defined]

    async def main() -> object:
        scope = manager.activate(one, True)
        await asyncio.create_task(close(scope))
        return manager.active

    assert asyncio.run(main()) is None
    assert 1 == one.finish.call_count


def test_parallel_tasks_are_isolated_and_inherit_their_parent() -> None:
    """Each of fifty tasks first sees the span in which it was started, and then its own."""
    manager = ContextVarsScopeManager()

    async def task(number: int, seen: list[object]) -> bool:
        seen.append(manager.active)
        with manager.activate(span(), True) as scope:
            await asyncio.sleep(0.001 * (number % 3))
            return scope is manager.active

    async def main() -> None:
        seen: list[object] = []
        with manager.activate(span(), True) as parent:
            assert all(await asyncio.gather(*(task(number, seen) for number in range(50))))
            assert parent is manager.active
        assert [parent] * 50 == seen

    asyncio.run(main())


def test_a_task_that_outlives_its_parents_scope_keeps_it_as_parent() -> None:
    """A copied context still has the scope that was active when it was copied, even after that scope was closed."""
    manager = ContextVarsScopeManager()
    with manager.activate(span(), True) as scope:
        copied = contextvars.copy_context()

    assert manager.active is None
    assert scope is copied.run(lambda: manager.active)


def test_a_callback_inherits_and_a_thread_does_not() -> None:
    """`call_soon` and `to_thread` keep the active span; `run_in_executor` does not, so it needs `opentracing.wrap`."""
    manager = ContextVarsScopeManager()

    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        called: asyncio.Future[object] = loop.create_future()
        with manager.activate(span(), True) as scope:
            loop.call_soon(lambda: called.set_result(manager.active))
            seen = [await called, await asyncio.to_thread(lambda: manager.active)]
            assert [scope, scope] == seen
            return [await loop.run_in_executor(None, lambda: manager.active)]

    assert [None] == asyncio.run(main())


@pytest.mark.parametrize(
    "name",
    [
        "ThreadLocalScopeManager",
        "asyncio.AsyncioScopeManager",
        "contextvars.ContextVarsScopeManager",
        "gevent.GeventScopeManager",
        "tornado.TornadoScopeManager",
    ],
)
def test_one_manager_has_every_name(name: str) -> None:
    """Each framework's name gives the same manager, which works in all of them, and no framework is imported for it."""
    module, _, class_name = name.rpartition(".")
    found = importlib.import_module(f"opentracing.scope_managers.{module}".rstrip("."))

    assert ContextVarsScopeManager is getattr(found, class_name)
    assert not {"gevent", "tornado"} & sys.modules.keys()


def test_a_stack_context_starts_without_an_active_span_and_restores_it() -> None:
    """A stack context's block has a function as its value, and several threads may enter it, each more than once."""
    manager, before = ContextVarsScopeManager(), span()
    context = tracer_stack_context()
    with manager.activate(before, True) as scope:
        with context as deactivate, manager.activate(span(), True) as inner:
            with context:
                assert manager.active is None
            assert inner is manager.active
            deactivate()
        assert scope is manager.active
        with no_parent_scope():
            assert manager.active is None


def test_a_scope_that_is_never_closed_ends_with_its_stack_context() -> None:
    """A scope opened inside a stack context and never closed ends with the block, as code written for Tornado expects."""
    manager = ContextVarsScopeManager()
    with tracer_stack_context():
        manager.activate(span(), False)
        assert manager.active is not None

    assert manager.active is None


def test_a_scope_closed_while_no_parent_scope_hides_it_is_skipped_afterwards() -> None:
    """If a scope is closed while `no_parent_scope` hides it, its span finishes at once; then the scope before it is active."""
    manager, one = ContextVarsScopeManager(), span()
    with manager.activate(span(), True) as before:
        scope = manager.activate(one, True)
        with no_parent_scope():
            scope.close()
            assert 1 == one.finish.call_count
        assert before is manager.active


def test_a_scope_runs_more_after_it_was_closed() -> None:
    """`run_again` makes a closed scope's span active while the function runs, whatever it returns, raises or leaves open."""
    manager = ContextVarsScopeManager()
    outer, closed = span(), span()
    with manager.activate(outer, False):
        scope = manager.activate(closed, False)
        scope.close()

        def work() -> Span:
            assert manager.active is not None
            active = manager.active.span
            manager.activate(span(), False)  # this scope is never closed
            return active

        assert closed is scope.run_again(work)  # type: ignore[attr-defined]
        with pytest.raises(ZeroDivisionError):
            scope.run_again(lambda: 1 / 0)  # type: ignore[attr-defined]
        assert manager.active is not None
        assert outer is manager.active.span
    assert manager.active is None


def test_two_managers_do_not_see_each_other() -> None:
    """Two tracers in one process never use each other's spans as parents."""
    one, other = ContextVarsScopeManager(), ContextVarsScopeManager()
    with one.activate(span(), True):
        assert other.active is None


def test_an_abandoned_async_generator_makes_no_noise() -> None:
    """An abandoned generator's scope is closed in another context than its own, and nothing is raised or logged."""
    manager, one = ContextVarsScopeManager(), span()
    noise: list[object] = []

    async def numbers() -> AsyncIterator[int]:
        with manager.activate(one, True):
            yield 1
            yield 2

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(main())

    assert ([], 1) == (noise, one.finish.call_count)


def test_a_closed_scope_holds_no_chain_of_older_ones() -> None:
    """If tasks start tasks, each inside its own scope, a closed scope does not keep the older ones in memory."""
    manager = ContextVarsScopeManager()
    context = contextvars.copy_context()
    scopes = []
    for _ in range(3):
        scopes.append(context.run(manager.activate, span(), True))
        context, former = context.run(contextvars.copy_context), context
        former.run(scopes[-1].close)

    assert [None, None, None] == [scope._outer for scope in scopes]  # type: ignore[attr-defined]
