"""OpenTelemetry's instrumentations on our provider: switches on one library, named on the command line, and uses it once.

It prints JSON: the spans, each with its name, kind, remote service, parent's name and tags, and the loaded modules of the SDK.
Each use of a library happens inside an OpenTracing span "work".
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.abc import MetaPathFinder
from typing import Any

from opentelemetry import trace

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import install
from opentracing_zipkin.testing import InMemoryRecorder


class NoSdk(MetaPathFinder):
    """Hides the SDK, as if it were not installed: some libraries, such as redis, load it if they find it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name == "opentelemetry.sdk" or name.startswith("opentelemetry.sdk."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NoSdk())
recorder = InMemoryRecorder()
tracer = ZipkinTracer("shop", recorder=recorder)
install(tracer)
headers: list[str] = []  # the trace id in each request that the server received


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        headers.append(self.headers.get("x-b3-traceid", ""))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/items/7"


def instrumentor(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"opentelemetry.instrumentation.{module}"), name)()


# Servers


def flask() -> None:
    import flask

    app = flask.Flask(__name__)
    instrumentor("flask", "FlaskInstrumentor").instrument_app(app)
    app.add_url_rule("/items/<number>", view_func=lambda number: number)
    assert "7" == app.test_client().get("/items/7").text


def wsgi() -> None:
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    from opentracing_zipkin.testing import ask_wsgi

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    assert 200 == ask_wsgi(OpenTelemetryMiddleware(app))("GET", "/items/7", {}).status


def django() -> None:
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], SECRET_KEY="x")
    sys.modules[__name__].urlpatterns = [path("items/<int:number>", lambda request, number: HttpResponse("ok"))]  # type: ignore[attr-defined]
    instrumentor("django", "DjangoInstrumentor").instrument()
    django.setup()
    assert 200 == Client().get("/items/7").status_code


def starlette() -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from opentracing_zipkin.testing import ask_asgi

    app = Starlette(routes=[Route("/items/{number}", lambda request: PlainTextResponse("ok"))])
    instrumentor("starlette", "StarletteInstrumentor").instrument_app(app)
    assert 200 == ask_asgi(app)("GET", "/items/7", {}).status


def fastapi() -> None:
    import fastapi

    from opentracing_zipkin.testing import ask_asgi

    app = fastapi.FastAPI()
    app.add_api_route("/items/{number}", lambda number: number)
    instrumentor("fastapi", "FastAPIInstrumentor").instrument_app(app)
    assert 200 == ask_asgi(app)("GET", "/items/7", {}).status


def tornado() -> None:
    from tornado.httpclient import AsyncHTTPClient
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port
    from tornado.web import Application, RequestHandler

    instrumentor("tornado", "TornadoInstrumentor").instrument()

    class Item(RequestHandler):
        def get(self, number: str) -> None:
            self.write(number)

    async def main() -> None:
        socket, port = bind_unused_port()
        serving = HTTPServer(Application([(r"/items/(\d+)", Item)]))
        serving.add_sockets([socket])
        assert 200 == (await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/items/7")).code
        serving.stop()

    asyncio.run(main())


def grpc() -> None:
    import grpc

    from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient, GrpcInstrumentorServer  # isort: skip

    GrpcInstrumentorClient().instrument()
    GrpcInstrumentorServer().instrument()
    from concurrent.futures import ThreadPoolExecutor

    serving = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Get": grpc.unary_unary_rpc_method_handler(lambda request, context: request)}
    serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Items", handlers),))
    port = serving.add_insecure_port("127.0.0.1:0")
    serving.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert b"7" == channel.unary_unary("/shop.Items/Get")(b"7")
    serving.stop(None).wait()


def celery() -> None:
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    instrumentor("celery", "CeleryInstrumentor").instrument()
    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.worker_hijack_root_logger = False

    @app.task(name="pack")
    def pack(number: int) -> int:
        return number

    with start_worker(app, perform_ping_check=False):
        assert 7 == pack.delay(7).get(timeout=20)


# Clients


def requests() -> None:
    import requests

    instrumentor("requests", "RequestsInstrumentor").instrument()
    assert 204 == requests.get(url, timeout=5).status_code


def urllib3() -> None:
    import urllib3

    instrumentor("urllib3", "URLLib3Instrumentor").instrument()
    assert 204 == urllib3.PoolManager().request("GET", url).status


def urllib() -> None:
    import urllib.request

    instrumentor("urllib", "URLLibInstrumentor").instrument()
    with urllib.request.urlopen(url) as answer:
        assert 204 == answer.status


def httpx() -> None:
    import httpx

    instrumentor("httpx", "HTTPXClientInstrumentor").instrument()
    assert 204 == httpx.get(url).status_code

    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            assert 204 == (await client.get(url)).status_code

    asyncio.run(ask())


def aiohttp() -> None:
    import aiohttp

    instrumentor("aiohttp_client", "AioHttpClientInstrumentor").instrument()

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert 204 == answer.status

    asyncio.run(ask())


def sqlalchemy() -> None:
    import sqlalchemy

    instrumentor("sqlalchemy", "SQLAlchemyInstrumentor").instrument()
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        assert 7 == connection.execute(sqlalchemy.text("SELECT 7 AS number")).scalar()


def sqlite3() -> None:
    instrumentor("sqlite3", "SQLite3Instrumentor").instrument()
    import sqlite3

    connection = sqlite3.connect(":memory:")
    cursor = connection.cursor()
    cursor.execute("SELECT 7")
    assert (7,) == cursor.fetchone()
    cursor.close()
    connection.close()


def redis() -> None:
    import redis

    instrumentor("redis", "RedisInstrumentor").instrument()
    with redis.Redis("127.0.0.1", int(os.environ["REDIS_PORT"])) as client:
        client.set("item", 7)


# Others


def jinja2() -> None:
    instrumentor("jinja2", "Jinja2Instrumentor").instrument()
    import jinja2

    assert "7" == jinja2.Template("{{ number }}").render(number=7)


def logging_() -> None:
    instrumentor("logging", "LoggingInstrumentor").instrument(inject_trace_context=True)
    records: list[Any] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("shop").addHandler(handler)
    logging.getLogger("shop").warning("sold")
    span: Any = tracer.active_span
    assert (span.context.trace_id, span.context.span_id) == (records[0].otelTraceID, records[0].otelSpanID)
    assert "shop" == records[0].otelServiceName


def threading_() -> None:
    instrumentor("threading", "ThreadingInstrumentor").instrument()
    thread = threading.Thread(target=lambda: tracer.start_span("in a thread").finish())
    thread.start()
    thread.join()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as executor:
        executor.submit(lambda: trace.get_tracer("x").start_span("in a pool").end()).result()


LIBRARIES: dict[str, Callable[[], None]] = {
    each.__name__.rstrip("_"): each
    for each in (
        aiohttp, celery, django, fastapi, flask, grpc, httpx, jinja2, logging_, redis, requests, sqlalchemy, sqlite3, starlette,
        threading_, tornado, urllib, urllib3, wsgi,
    )
}  # fmt: skip


def main() -> None:
    use = LIBRARIES[sys.argv[1]]
    if use not in (django, fastapi, flask, starlette, wsgi):  # a server's span has no parent in this process
        with tracer.start_active_span("work"):
            use()
    else:
        use()
    deadline = time.monotonic() + 5
    while len(recorder.spans) < int(sys.argv[2]) and time.monotonic() < deadline:
        time.sleep(0.01)
    names = {span.span_id: span.name for span in recorder.spans if not span.shared}
    spans = sorted(
        (
            [span.name, span.kind, span.remote and span.remote.service_name, names.get(span.parent_id or ""), span.tags]
            for span in recorder.spans
        ),
        key=lambda each: json.dumps(each[:4]),
    )
    sent = all(one == recorder.spans[0].trace_id for one in headers)
    traces = len({span.trace_id for span in recorder.spans})
    sdk = [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
    print(json.dumps({"spans": spans, "traces": traces, "sent": sent, "sdk": sdk}, default=str))


if __name__ == "__main__":
    main()
