"""The end of an ASGI application: waiting spans are sent, in a thread, before the server gets the last message."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import lifespan
from opentracing_zipkin.instrument.asgi import TracingMiddleware
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.testing import InMemoryRecorder

LAST = ["lifespan.shutdown.complete", "lifespan.shutdown.failed"]


def application(last: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": last})

    return app


async def live(app: Any, told: list[str]) -> None:
    """Send an application the messages of a server's start and end."""
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, str]:
        return {"type": next(messages)}

    async def send(message: dict[str, str]) -> None:
        told.append(message["type"])

    await app({"type": "lifespan"}, receive, send)


def policy_of(act: Callable[[], object]) -> HttpPolicy:
    return HttpPolicy(on_shutdown=act, tracer=ZipkinTracer("shop", recorder=InMemoryRecorder()))


@pytest.mark.parametrize("last", LAST)
def test_what_waits_is_sent_before_the_server_hears_of_the_end(last: str) -> None:
    """Waiting spans are sent once, in a thread, after the application's work and before the server's last message."""
    told: list[str] = []

    def act() -> None:
        told.append(f"sent, in the loop's thread: {threading.current_thread() is threading.main_thread()}")

    asyncio.run(live(TracingMiddleware(application(last), policy_of(act)), told))

    assert ["lifespan.startup.complete", "sent, in the loop's thread: False", last] == told


def test_a_policys_own_tracer_is_flushed() -> None:
    """A policy with a tracer and without `on_shutdown` flushes its tracer."""
    told: list[str] = []
    policy = HttpPolicy(tracer=ZipkinTracer("shop", recorder=InMemoryRecorder()))
    policy.tracer.flush_at_shutdown = lambda: told.append("flushed")  # type: ignore[union-attr]
    asyncio.run(live(TracingMiddleware(application(LAST[0]), policy), told))

    assert ["flushed", LAST[0]] == told[1:]


class Foreign(opentracing.Tracer):
    """Another tracer, which has no more than a `flush`."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self.flush = lambda: told.append("flushed")


def test_another_tracer_is_flushed_by_its_flush() -> None:
    """A tracer without `flush_at_shutdown` is flushed by its own `flush`."""
    told: list[str] = []
    asyncio.run(live(TracingMiddleware(application(LAST[0]), HttpPolicy(tracer=Foreign(told))), told))

    assert ["flushed", LAST[0]] == told[1:]


def test_middleware_within_middleware_sends_once() -> None:
    """With middleware inside middleware, only the outermost sends."""
    told: list[str] = []
    policy = policy_of(lambda: told.append("sent"))
    asyncio.run(live(TracingMiddleware(TracingMiddleware(application(LAST[0]), policy), policy), told))

    assert 1 == told.count("sent")


def test_the_loop_goes_on_while_it_is_sent() -> None:
    """The event loop runs other tasks during the sending."""
    told: list[str] = []
    may_end = threading.Event()

    async def both() -> None:
        async def other() -> None:
            may_end.set()

        await asyncio.gather(live(TracingMiddleware(application(LAST[0]), policy_of(lambda: may_end.wait(20))), told), other())

    asyncio.run(both())

    assert LAST[0] == told[-1]


def test_sending_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server gets the last message after MAX_WAIT_S at most."""
    monkeypatch.setattr(lifespan, "MAX_WAIT_S", 0.01)
    may_end = threading.Event()
    told: list[str] = []

    async def ended() -> None:
        await live(TracingMiddleware(application(LAST[0]), policy_of(lambda: may_end.wait(20))), told)
        told.append(f"sent: {may_end.is_set()}")
        may_end.set()

    asyncio.run(ended())

    assert [LAST[0], "sent: False"] == told[1:]


def test_sending_that_raises_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """When the sending raises, each fault is counted, the first is logged, and the application ends as usual."""
    told: list[str] = []

    def act() -> None:
        raise OSError("no collector")

    policy = policy_of(act)
    for _ in range(2):
        asyncio.run(live(TracingMiddleware(application(LAST[0]), policy), told))

    assert 2 * ["lifespan.startup.complete", LAST[0]] == told
    assert (2, 1) == (policy.faults, len(caplog.records))


def test_without_a_tracer_an_application_lives_as_ever() -> None:
    """With the no-op tracer, and nothing to call at shutdown, an application starts and ends as usual."""
    told: list[str] = []
    asyncio.run(live(TracingMiddleware(application(LAST[0]), HttpPolicy(tracer=opentracing.Tracer())), told))

    assert ["lifespan.startup.complete", LAST[0]] == told
