"""A shop on Starlette under uvicorn, traced by starlette-opentracing."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette_opentracing import StarletteTracingMiddleWare

import opentracing
from opentracing_zipkin import configure

from .serving import serve_until_told


async def look_up(name: str) -> None:
    with opentracing.tracer.start_active_span(name):
        await asyncio.sleep(0.02)


async def price(request: Request) -> PlainTextResponse:
    await asyncio.gather(look_up("stock"), look_up("discount"))
    return PlainTextResponse("12")


async def broken(request: Request) -> PlainTextResponse:
    raise RuntimeError("out of stock")


def main() -> None:
    middleware = [Middleware(StarletteTracingMiddleWare, tracer=configure())]
    app = Starlette(routes=[Route("/price", price), Route("/broken", broken)], middleware=middleware)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    serve_until_told(listening.getsockname()[1])
    server.should_exit = True
    thread.join(10)


if __name__ == "__main__":
    main()
