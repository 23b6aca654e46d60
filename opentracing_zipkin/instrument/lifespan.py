"""The end of an ASGI application: waiting spans are sent before the server gets the message that the application has ended.

Rules: a thread sends them, so the event loop goes on; the server waits MAX_WAIT_S at most.  Where the loop is not asyncio's,
nothing is done here: the interpreter's exit sends the waiting spans.
Source: ASGI, Lifespan Protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .http import DEFAULT, HttpPolicy

__all__ = ["flushing_at_shutdown"]

MAX_WAIT_S = 2.0
_MARK = "opentracing_zipkin.lifespan"  # a key in the scope of a lifespan that a middleware handles already

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def flushing_at_shutdown(policy: HttpPolicy, scope: MutableMapping[str, Any], send: Send) -> Send:
    """A `send` that calls the policy's `on_shutdown` before a lifespan's last message; only for the outermost middleware."""
    flush = _flush_function(policy)
    if scope["type"] != "lifespan" or flush is None or _MARK in scope:
        return send
    scope[_MARK] = True

    async def wrapped(message: MutableMapping[str, Any]) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await _in_a_thread(flush, policy)
        await send(message)

    return wrapped


def _flush_function(policy: HttpPolicy) -> Callable[[], object] | None:
    """The policy's `on_shutdown`, else the flush of the policy's own tracer, else the function that `configure` has set."""
    if policy.on_shutdown is None and policy.tracer is not None:
        return getattr(policy.tracer, "flush_at_shutdown", None) or getattr(policy.tracer, "flush", None)
    return policy.on_shutdown or DEFAULT.on_shutdown


async def _in_a_thread(flush: Callable[[], object], policy: HttpPolicy) -> None:
    import asyncio  # imported late, because it loads ssl

    def guarded() -> None:
        try:
            flush()
        except Exception as fault:
            policy.log_fault("on_shutdown", fault)

    try:
        flushing = asyncio.get_running_loop().run_in_executor(None, guarded)
        await asyncio.wait([flushing], timeout=MAX_WAIT_S)
    except RuntimeError:  # the loop is not asyncio's, or its executor has been shut down
        return
