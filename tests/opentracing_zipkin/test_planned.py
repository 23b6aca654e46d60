"""Planned ends: a block that was cancelled, closed or exited with success has not failed, whichever library ended it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from types import ModuleType
from typing import Any

import pytest

from opentracing_zipkin.planned import is_planned

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup

CANCELLED = asyncio.CancelledError()


class OddCode(SystemExit):
    @property
    def code(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


class OddGroup(BaseExceptionGroup[Any]):
    @property
    def exceptions(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


def nested(depth: int, error: BaseException) -> BaseException:
    for _ in range(depth):
        error = BaseExceptionGroup("x", [error])
    return error


ENDS: list[tuple[BaseException, bool]] = [
    (GeneratorExit(), True),
    (CANCELLED, True),
    (SystemExit(), True),
    (SystemExit(None), True),
    (SystemExit(0), True),
    (SystemExit(False), True),
    (SystemExit(1), False),
    (SystemExit(""), False),
    (SystemExit("could not start"), False),
    (SystemExit([]), False),
    (OddCode(), False),
    (KeyboardInterrupt(), False),
    (ValueError("x"), False),
    (TimeoutError(), False),
    (asyncio.TimeoutError(), False),
    (StopIteration(), False),
    (BaseExceptionGroup("x", [CANCELLED]), True),
    (BaseExceptionGroup("x", [CANCELLED, GeneratorExit(), SystemExit(0)]), True),
    (BaseExceptionGroup("x", [CANCELLED, ValueError("x")]), False),
    (BaseExceptionGroup("x", [BaseExceptionGroup("y", [CANCELLED]), CANCELLED]), True),
    (BaseExceptionGroup("x", [BaseExceptionGroup("y", [CANCELLED, KeyboardInterrupt()]), CANCELLED]), False),
    (ExceptionGroup("x", [ValueError("x")]), False),
    (nested(5000, CANCELLED), True),
    (nested(5000, ValueError("x")), False),
    (OddGroup("x", [CANCELLED]), False),
]


@pytest.mark.parametrize(("error", "planned"), ENDS, ids=lambda value: type(value).__name__)
def test_a_planned_end_is_no_failure(error: BaseException, planned: bool) -> None:
    """Cancellations, closed generators, exits with success, and groups of only these are planned ends."""
    assert planned is is_planned(error)


@pytest.mark.parametrize("module", ["trio", "greenlet", "gevent", "eventlet.timeout", "exceptiongroup", "asyncio"])
def test_a_library_that_is_only_half_imported_is_survived(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library may be imported only in part, so its names may be missing or be any object."""
    for half in (ModuleType(module), None, "odd"):
        monkeypatch.setitem(sys.modules, module, half)  # type: ignore[arg-type]

        assert False is is_planned(ValueError("x"))


START = """
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder

recorder = InMemoryRecorder()
tracer = ZipkinTracer("service", recorder=recorder)

def tags():
    return " ".join(f"{span.name}={span.tags.get('error')}" for span in reversed(recorder.spans))
"""

PROGRAMS = {
    "trio, move_on_after": """
        import trio

        async def main():
            with tracer.start_span("outside"), trio.move_on_after(0.01), tracer.start_active_span("inside"):
                await trio.sleep(10)

        trio.run(main)
        assert tags() == "outside=None inside=None", tags()
    """,
    "trio, fail_after": """
        import trio

        async def main():
            try:
                with tracer.start_span("outside"), trio.fail_after(0.01), tracer.start_span("inside"):
                    await trio.sleep(10)
            except trio.TooSlowError:
                pass

        trio.run(main)
        assert tags() == "outside=TooSlowError inside=None", tags()
    """,
    "trio, nursery": """
        import trio

        async def work(name):
            with tracer.start_span(name):
                await trio.sleep(10)

        async def main():
            with tracer.start_span("outside"), trio.move_on_after(0.01), tracer.start_span("around"):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(work, "child")
                    nursery.start_soon(work, "child")

        trio.run(main)
        assert tags() == "outside=None around=None child=None child=None", tags()
    """,
    "anyio, move_on_after": """
        import anyio

        async def main():
            with tracer.start_span("outside"), anyio.move_on_after(0.01), tracer.start_active_span("inside"):
                await anyio.sleep(10)

        for backend in ("asyncio", "trio"):
            recorder.spans.clear()
            anyio.run(main, backend=backend)
            assert tags() == "outside=None inside=None", tags()
    """,
    "anyio, fail_after": """
        import anyio

        async def main():
            try:
                with tracer.start_span("outside"), anyio.fail_after(0.01), tracer.start_span("inside"):
                    await anyio.sleep(10)
            except TimeoutError:
                pass

        for backend in ("asyncio", "trio"):
            recorder.spans.clear()
            anyio.run(main, backend=backend)
            assert tags().startswith("outside=TimeoutError"), tags()
            assert tags().endswith(" inside=None"), tags()
    """,
    "anyio, task group": """
        import anyio

        async def work():
            with tracer.start_span("child"):
                await anyio.sleep(10)

        async def main():
            with tracer.start_span("outside"):
                async with anyio.create_task_group() as group:
                    group.start_soon(work)
                    await anyio.sleep(0.01)
                    group.cancel_scope.cancel()

        for backend in ("asyncio", "trio"):
            recorder.spans.clear()
            anyio.run(main, backend=backend)
            assert tags() == "outside=None child=None", tags()
    """,
    "asyncio, cancel and wait_for": """
        import asyncio

        async def main():
            async def work(name):
                with tracer.start_span(name):
                    await asyncio.sleep(10)

            try:
                with tracer.start_span("outside"):
                    await asyncio.wait_for(work("inside"), 0.01)
            except asyncio.TimeoutError:
                pass

        asyncio.run(main())
        assert tags() == "outside=TimeoutError inside=None", tags()
    """,
    "gevent, kill": """
        import gevent

        def work():
            with tracer.start_span("killed"):
                gevent.sleep(10)

        greenlet = gevent.spawn(work)
        gevent.sleep(0.01)
        greenlet.kill()
        assert tags() == "killed=None", tags()
    """,
    "gevent, timeouts": """
        import gevent

        with tracer.start_span("outside"), gevent.Timeout(0.01, False), tracer.start_active_span("silent"):
            gevent.sleep(10)
        try:
            with gevent.Timeout(0.01), tracer.start_span("loud"):
                gevent.sleep(10)
        except gevent.Timeout:
            pass
        try:
            with gevent.Timeout(0.01, ValueError("mine")), tracer.start_span("mine"):
                gevent.sleep(10)
        except ValueError:
            pass
        assert tags() == "mine=ValueError: mine loud=Timeout: 0.01 seconds outside=None silent=None", tags()
    """,
}


@pytest.mark.needs_our_api  # the archived package's scopes do not ask
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_library_cancels_has_not_failed(name: str) -> None:
    """A block that a cancellation leaves has no error tag; a block that a timeout's own exception leaves has one."""
    program = START + textwrap.dedent(PROGRAMS[name])
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)

    assert (0, "") == (run.returncode, run.stderr)
