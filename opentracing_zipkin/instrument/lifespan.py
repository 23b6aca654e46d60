"""The end of an ASGI application: what waits is sent before the server hears that the application has shut down.

Rules: the event loop goes on, because the sending is done in a thread; the server waits for it MAX_S at most.  Where the loop
is not asyncio's nothing is done: the interpreter's exit sends what waits.
Source: ASGI, Lifespan Protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .http import DEFAULT, HttpPolicy

__all__ = ["sending_at_shutdown"]

MAX_S = 2.0
_MARK = "opentracing_zipkin.lifespan"  # in the scope of a lifespan that is taken care of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def sending_at_shutdown(policy: HttpPolicy, scope: MutableMapping[str, Any], send: Send) -> Send:
    """A `send` that calls the policy's `on_shutdown` before a lifespan's last message; the outermost middleware does it."""
    act = _act(policy)
    if scope["type"] != "lifespan" or act is None or _MARK in scope:
        return send
    scope[_MARK] = True

    async def wrapped(message: MutableMapping[str, Any]) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await _in_a_thread(act, policy)
        await send(message)

    return wrapped


def _act(policy: HttpPolicy) -> Callable[[], object] | None:
    """The policy's own, else the `flush` of the policy's tracer where it has one, else what `configure` filled in."""
    if policy.on_shutdown is None and policy.tracer is not None:
        return getattr(policy.tracer, "flush", None)
    return policy.on_shutdown or DEFAULT.on_shutdown


async def _in_a_thread(act: Callable[[], object], policy: HttpPolicy) -> None:
    import asyncio  # here, because it loads ssl

    def guarded() -> None:
        try:
            act()
        except Exception as fault:
            policy.tell("on_shutdown", fault)

    try:
        acting = asyncio.get_running_loop().run_in_executor(None, guarded)
        await asyncio.wait([acting], timeout=MAX_S)
    except RuntimeError:  # not asyncio's loop, or its executor has ended
        return
