"""One request with each library that another package instruments as well: prints its spans and our log lines as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import opentracing
import opentracing_zipkin
from opentracing_zipkin.testing import InMemoryRecorder

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
recorder = InMemoryRecorder()
received: list[list[str]] = []  # for each request, the names of its tracing headers


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        received.append(sorted(name.lower() for name in self.headers if name.lower() in ("x-b3-spanid", "traceparent")))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


url = ""  # the URL of a server that answers, set in each child


# The uses of the libraries


def use_flask(prepare: Callable[[Any], object] | None = None) -> None:
    import flask

    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "ok")
    if prepare is not None:
        prepare(app)
    assert "ok" == app.test_client().get("/").text


def use_starlette(prepare: Callable[[Any], object] | None = None) -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    _ask_asgi(Starlette(routes=[Route("/", lambda request: PlainTextResponse("ok"))]), prepare)


def use_fastapi(prepare: Callable[[Any], object] | None = None) -> None:
    import fastapi

    app = fastapi.FastAPI()
    app.add_api_route("/", lambda: "ok")
    _ask_asgi(app, prepare)


def _ask_asgi(app: Any, prepare: Callable[[Any], object] | None) -> None:
    from opentracing_zipkin.testing import ask_asgi

    if prepare is not None:
        prepare(app)
    assert 200 == ask_asgi(app)("GET", "/", {}).status


def use_requests() -> None:
    import requests

    assert requests.get(url, timeout=5).status_code == 204


def use_urllib3() -> None:
    import urllib3

    assert urllib3.PoolManager().request("GET", url).status == 204


def use_httpx() -> None:
    import httpx

    with httpx.Client() as client:
        assert client.get(url).status_code == 204


def use_celery(kind: Any = None) -> None:
    import celery

    app = (kind or celery.Celery)("shop", broker="memory://")
    with opentracing.tracer.start_active_span("buy"):  # celery-opentracing starts no trace by itself
        app.task(name="pack")(pack).delay("tea")


def pack(article: str) -> None:
    """A task that no worker runs."""


# The other packages' instrumentations: how each is switched on, and which use follows


def opentelemetry(name: str, kind: str) -> Callable[[], object]:
    def switch_on() -> None:
        module = __import__(f"opentelemetry.instrumentation.{name}", fromlist=[kind])
        getattr(module, kind)().instrument(tracer_provider=provider)

    return switch_on


def flask_opentracing() -> Callable[[Any], object]:
    from flask_opentracing import FlaskTracing

    return lambda app: FlaskTracing(trace_all_requests=True, app=app)


def starlette_opentracing() -> Callable[[Any], object]:
    from starlette_opentracing import StarletteTracingMiddleWare

    return lambda app: app.add_middleware(StarletteTracingMiddleWare, tracer=opentracing.tracer)


def flask_app() -> Callable[[Any], object]:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    return lambda app: FlaskInstrumentor().instrument_app(app, tracer_provider=provider)


def fastapi_app() -> Callable[[Any], object]:
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    return lambda app: FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)


def requests_opentracing() -> Callable[[], None]:
    from requests_opentracing import SessionTracing

    def use() -> None:
        with SessionTracing() as session:
            assert session.get(url).status_code == 204

    return use


def celery_opentracing() -> Callable[[], None]:
    from celery_opentracing import CeleryTracing

    return lambda: use_celery(CeleryTracing)


OTEL = {
    "opentelemetry flask": (opentelemetry("flask", "FlaskInstrumentor"), use_flask),
    "opentelemetry fastapi": (opentelemetry("fastapi", "FastAPIInstrumentor"), use_fastapi),
    "opentelemetry requests": (opentelemetry("requests", "RequestsInstrumentor"), use_requests),
    "opentelemetry requests, urllib3 used": (opentelemetry("requests", "RequestsInstrumentor"), use_urllib3),
    "opentelemetry urllib3": (opentelemetry("urllib3", "URLLib3Instrumentor"), use_urllib3),
    "opentelemetry urllib3, requests used": (opentelemetry("urllib3", "URLLib3Instrumentor"), use_requests),
    "opentelemetry httpx": (opentelemetry("httpx", "HTTPXClientInstrumentor"), use_httpx),
    "opentelemetry celery": (opentelemetry("celery", "CeleryInstrumentor"), use_celery),
}
# Each first function returns the use itself, or a function that prepares the application to be used.
OTHERS: dict[str, tuple[Callable[[], Any], Callable[[Any], object] | None]] = {
    "opentelemetry flask, an application": (flask_app, use_flask),
    "opentelemetry fastapi, an application": (fastapi_app, use_fastapi),
    "Flask-OpenTracing": (flask_opentracing, use_flask),
    "starlette-opentracing": (starlette_opentracing, use_starlette),
    "starlette-opentracing, FastAPI used": (starlette_opentracing, use_fastapi),
    "requests-opentracing": (requests_opentracing, None),
    "celery-opentracing": (celery_opentracing, None),
}


def measured(name: str, order: str) -> dict[str, list[Any]]:
    """The spans of ours and of the other package for one request; the other is switched on `before` or `after` ours."""
    global url
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    if order == "after":
        ours()
    switch_on, use = OTEL[name] if name in OTEL else OTHERS[name]
    found = switch_on()
    if order == "before":
        ours()
    if name in OTEL:
        use()  # type: ignore[call-arg, misc]
    elif use is None:
        found()
    else:
        use(found)
    return {
        "ours": [span.name for span in recorder.spans if span.name != "buy"],
        "others": [span.name for span in exporter.get_finished_spans() if span.kind.name != "INTERNAL"],
        "headers": received,
    }


def ours() -> None:
    opentracing_zipkin.configure("shop", instrument=True, recorder=recorder)


def in_a_child(name: str, order: str) -> dict[str, list[Any]]:
    """The result of `measured` and the log lines, each in its own process, because most packages cannot be switched off."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), 2)
            try:
                json.dump(measured(name, order), out)
                out.flush()
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        out.seek(0)
        said.seek(0)
        return {**json.loads(out.read() or "{}"), "said": said.read().splitlines()}


if __name__ == "__main__":
    import celery  # noqa: F401  # imported once, before the forks
    import fastapi  # noqa: F401
    import flask  # noqa: F401
    import httpx  # noqa: F401
    import requests  # noqa: F401

    print(
        json.dumps({f"{name}, {order}": in_a_child(name, order) for name in (*OTEL, *OTHERS) for order in ("before", "after")})
    )
