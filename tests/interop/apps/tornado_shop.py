"""A shop on Tornado 6, traced by opentracing-instrumentation, which was written for Tornado's stack contexts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

import tornado.gen
import tornado.httpserver
import tornado.netutil
import tornado.web
from opentracing_instrumentation import span_in_stack_context, traced_function
from opentracing_instrumentation.http_server import TornadoRequestWrapper, before_request

from opentracing_zipkin import configure

from .serving import serve_until_told


@traced_function(name="look up")
@tornado.gen.coroutine
def look_up(seconds: float) -> Generator[Any, Any, str]:
    yield tornado.gen.sleep(seconds)
    yield check()
    return "12"


@traced_function
@tornado.gen.coroutine
def check() -> Generator[Any, Any, None]:
    yield tornado.gen.sleep(0)


class Price(tornado.web.RequestHandler):
    async def get(self) -> None:
        span = before_request(TornadoRequestWrapper(self.request))
        with span, span_in_stack_context(span):
            self.write((await asyncio.gather(look_up(0.02), look_up(0.01)))[0])


async def serve(listening: list[Any], ready: threading.Event, end: asyncio.Event) -> None:
    server = tornado.httpserver.HTTPServer(tornado.web.Application([("/price", Price)]))
    server.add_sockets(listening)
    ready.set()
    await end.wait()
    server.stop()
    await server.close_all_connections()


def main() -> None:
    configure()
    listening = tornado.netutil.bind_sockets(0, "127.0.0.1")
    loop, ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(listening, ready, end)), daemon=True)
    thread.start()
    ready.wait(10)
    serve_until_told(listening[0].getsockname()[1])
    loop.call_soon_threadsafe(end.set)
    thread.join(10)


if __name__ == "__main__":
    main()
