"""An ASGI application that answers with its span's id, and finishes the span after the answer was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import opentracing

from . import IMPORT, START_UP, configure_at

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

configure_at(IMPORT)


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(receive, send)
    else:
        await answer(send)


async def live(receive: Receive, send: Send) -> None:
    await receive()
    configure_at(START_UP)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send: Send) -> None:
    with opentracing.tracer.start_active_span("get") as active:
        body = str(getattr(active.span.context, "span_id", None)).encode()
        headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
