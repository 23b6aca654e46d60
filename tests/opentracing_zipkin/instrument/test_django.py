"""Django: span names by the URL configuration, through WSGI and ASGI, by `install` and by `MIDDLEWARE`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from asgiref.sync import iscoroutinefunction, sync_to_async
from django import VERSION
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path, re_path

from opentracing_zipkin.instrument import asgi, django, wsgi
from opentracing_zipkin.testing import ask_asgi, ask_wsgi

from .django_site import as_site
from .servers import Traced, served_by_uvicorn

LOG = logging.getLogger("tests.django")


def ok(request: Any, **parameters: Any) -> HttpResponse:
    return HttpResponse("ok")


async def async_ok(request: Any, **parameters: Any) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse("ok")


def raising(error: Exception) -> Any:
    def view(request: Any) -> None:
        raise error

    return view


PATTERNS = [
    path("", ok),
    path("users/<int:id>/", ok),
    path("async/<slug:name>", async_ok),
    path("boom", raising(ValueError("no such order"))),
    path("missing", raising(Http404())),
    path("denied", raising(PermissionDenied())),
    path("suspicious", raising(SuspiciousOperation("odd"))),
    path("away", lambda request: HttpResponseRedirect("/")),
    re_path(r"^articles/(?P<year>[0-9]{4})/(?P<slug>[\w-]+)\.html$", ok),
    path("api/", include([path("v<int:version>/", include([re_path(r"^items/(\d+)/$", lambda request, id, version: ok(request)), path("", ok)]))])),
    re_path(r"^shops/(?P<shop>\w+)/", include([path("orders/<uuid:id>", ok)])),
]  # fmt: skip
ID = "463ac35c-9f64-13ad-4848-5a3953bb6124"
ROUTES = [
    ("/", 200, "get /"),
    ("/users/1/", 200, "get /users/{id}/"),
    ("/users/x/", 404, "get not_found"),
    ("/users/1", 301, "get redirected"),
    ("/async/a-b", 200, "get /async/{name}"),
    ("/boom", 500, "get /boom"),
    ("/missing", 404, "get /missing"),
    ("/denied", 403, "get /denied"),
    ("/suspicious", 400, "get /suspicious"),
    ("/away", 302, "get /away"),
    ("/articles/2026/a-b.html", 200, "get /articles/{year}/{slug}.html"),
    ("/api/v2/items/7/", 200, "get /api/v{version}/items/{}/"),
    ("/api/v2/", 200, "get /api/v{version}/"),
    (f"/shops/acme/orders/{ID}", 200, "get /shops/{shop}/orders/{id}"),
]


class OfTheTest(django.TracingMiddleware):
    pass


MIDDLEWARE = f"{__name__}.OfTheTest"
COMMON = "django.middleware.common.CommonMiddleware"


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    OfTheTest.policy = made.policy
    with as_site(PATTERNS, [COMMON]):
        yield made
    django.uninstall()


WAYS = ["install", "middleware", "around", "all-of-them"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("interface", ["wsgi", "asgi", "client", "async client"])
def test_a_span_is_named_by_its_route(traced: Traced, interface: str, way: str) -> None:
    """A request has one span, named by its route with all includes, through any interface and after several `install`s."""
    with ExitStack() as site:
        if way in ("middleware", "all-of-them"):
            site.enter_context(as_site(PATTERNS, [MIDDLEWARE, MIDDLEWARE, COMMON]))
        if way in ("install", "all-of-them"):
            django.install(traced.policy)
            django.install(traced.policy)
        ask: Any
        if interface == "wsgi":
            app: Any = WSGIHandler()
            ask = ask_wsgi(wsgi.TracingMiddleware(app, traced.policy) if way in ("around", "all-of-them") else app)
        elif interface == "asgi":
            app = ASGIHandler()
            ask = ask_asgi(asgi.TracingMiddleware(app, traced.policy) if way in ("around", "all-of-them") else app)
        elif way == "around":
            return
        else:
            ask = by_client(interface)
        for path, status, name in ROUTES:
            assert (path, status) == (path, ask("GET", path, {}).status)
            span = traced.one()
            if way == "around":
                name = "get not_found" if status == 404 else "get redirected" if 300 <= status < 400 else "get"
            assert (name, None if status == 200 else str(status)) == (span.name, span.tags.get("http.status_code"))
            if status == 500:
                assert span.tags["error"] in (["ValueError: no such order"] + ["500"] * (way == "around"))
            else:
                assert "error" not in span.tags
    assert 0 == traced.policy.faults


def by_client(kind: str) -> Any:
    class Answered:
        def __init__(self, response: Any) -> None:
            self.status = response.status_code

    if kind == "client":
        client = Client(raise_request_exception=False)
        return lambda method, path, headers: Answered(client.generic(method, path))
    async_client = AsyncClient(raise_request_exception=False)
    return lambda method, path, headers: Answered(asyncio.run(async_client.generic(method, path)))


class Noting:
    """A middleware that notes the active span before and after the view."""

    sync_capable = async_capable = True
    seen: dict[str, Any]
    traced: Traced

    def __init__(self, get_response: Any) -> None:
        from asgiref.sync import markcoroutinefunction

        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if self.is_async:
            return self.acall(request)
        self.note("before")
        response = self.get_response(request)
        self.note("after")
        return response

    async def acall(self, request: Any) -> Any:
        self.note("before")
        response = await self.get_response(request)
        self.note("after")
        return response

    def process_exception(self, request: Any, exception: Exception) -> None:
        self.note("process_exception")

    @classmethod
    def note(cls, name: str) -> None:
        cls.seen[name] = cls.traced.active_id()


@pytest.mark.parametrize("way", ["install", "middleware"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_all_that_serves_a_request_has_its_span(traced: Traced, interface: str, way: str) -> None:
    """The span is active in middleware, sync and async views, `sync_to_async`, exception hooks and log records of errors."""
    Noting.seen, Noting.traced = {}, traced

    class Records(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            Noting.note(f"log of {record.levelname}")

    async def view(request: Any) -> HttpResponse:
        Noting.note("async view")
        await sync_to_async(Noting.note)("sync_to_async")
        await asyncio.gather(*[asyncio.to_thread(Noting.note, "thread")])
        return HttpResponse()

    def sync_view(request: Any) -> HttpResponse:
        Noting.note("sync view")
        raise ValueError("no such order")

    handler = Records()
    logging.getLogger("django.request").addHandler(handler)
    middleware = [*([MIDDLEWARE] if way == "middleware" else []), f"{__name__}.Noting"]
    try:
        with as_site([path("async", view), path("sync", sync_view)], middleware):
            if way == "install":
                django.install(traced.policy)
            ask = ask_wsgi(WSGIHandler()) if interface == "wsgi" else ask_asgi(ASGIHandler())
            ask("GET", "/async", {})
            first = traced.one().span_id
            assert dict.fromkeys(["before", "async view", "sync_to_async", "thread", "after"], first) == Noting.seen
            Noting.seen.clear()
            ask("GET", "/sync", {})
            second = traced.one().span_id
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert dict.fromkeys(["before", "sync view", "process_exception", "log of ERROR", "after"], second) == Noting.seen


@pytest.mark.parametrize("way", ["install", "middleware"])
def test_an_async_view_stays_async(traced: Traced, way: str) -> None:
    """Through ASGI, an async view runs in the server's own event loop and thread, not in a loop of `async_to_sync`."""
    threads: list[int] = []

    async def view(request: Any) -> HttpResponse:
        threads.append(threading.get_ident())
        return HttpResponse()

    with as_site([path("", view)], [MIDDLEWARE] if way == "middleware" else []):
        if way == "install":
            django.install(traced.policy)
        ask_asgi(ASGIHandler())("GET", "/", {})

    assert ([threading.get_ident()], 1) == (threads, len(traced.spans))
    assert iscoroutinefunction(ASGIHandler.__call__)
    assert iscoroutinefunction(django.TracingMiddleware(async_ok))
    assert not iscoroutinefunction(django.TracingMiddleware(ok))


@pytest.mark.parametrize("way", ["install", "middleware"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_stream_lasts_until_its_last_byte(traced: Traced, interface: str, way: str) -> None:
    """A streamed answer, sync or async, has one span that ends with its last byte; work between chunks is a child."""
    during: list[int] = []
    is_async = interface == "asgi" and VERSION >= (4, 2)  # older ones stream no async iterators

    def chunk(number: int) -> bytes:
        during.append(len(traced.spans))
        traced.tracer.start_active_span("chunk").close()
        return str(number).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3):
            yield chunk(number)
            await asyncio.sleep(0)

    def stream(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks() if is_async else map(chunk, range(3)))

    with as_site([path("", stream)], [MIDDLEWARE] if way == "middleware" else []):
        if way == "install":
            django.install(traced.policy)
        answer = (ask_wsgi(WSGIHandler()) if interface == "wsgi" else ask_asgi(ASGIHandler()))("GET", "/", {})
    *parts, server = traced.spans

    assert ("012", [0, 1, 2]) == (answer.body, during)
    assert [server.span_id] * 3 == [part.parent_id for part in parts]
    assert ("get /", "SERVER") == (server.name, server.kind)


@pytest.mark.parametrize("way", ["install", "middleware"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_is_sent_by_the_server(traced: Traced, wrapped: bool, way: str, tmp_path: Path) -> None:
    """A FileResponse reaches the server in its own `wsgi.file_wrapper`, and its span ends when the server closes it."""
    (tmp_path / "file").write_bytes(b"12345")

    def view(request: Any) -> FileResponse:
        return FileResponse((tmp_path / "file").open("rb"))

    with as_site([path("file", view)], [MIDDLEWARE] if way == "middleware" else []):
        if way == "install":
            django.install(traced.policy)
        app = WSGIHandler()
        seen: list[Any] = []

        def with_wrapper(environ: Any, start_response: Any) -> Any:
            if wrapped:
                environ["wsgi.file_wrapper"] = FileWrapper
            body = app(environ, start_response)
            seen.append(isinstance(body, FileWrapper))
            return body

        answer = ask_wsgi(with_wrapper)("GET", "/file", {})

    assert ("12345", [wrapped], "get /file") == (answer.body, seen, traced.one().name)


@pytest.mark.skipif(VERSION < (5, 0), reason="Django 4.2 lets a view run on when its client has left")
@pytest.mark.parametrize("way", ["install", "middleware"])
@pytest.mark.parametrize("kind", ["view", "stream"])
def test_a_client_that_leaves_is_no_error(traced: Traced, kind: str, way: str) -> None:
    """A client that leaves cancels the async view's task, and the span ends there without an error."""
    started, ended = threading.Event(), threading.Event()

    async def asleep(request: Any) -> HttpResponse:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return HttpResponse()

    async def chunks() -> AsyncIterator[bytes]:
        started.set()
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    def stream(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    view = asleep if kind == "view" else stream
    with as_site([path("leave", view)], [MIDDLEWARE] if way == "middleware" else []):
        if way == "install":
            django.install(traced.policy)
        with served_by_uvicorn(ASGIHandler(), lifespan="off") as address:
            host, _, port = address.partition(":")
            with socket.create_connection((host, int(port))) as client:
                client.sendall(b"GET /leave HTTP/1.1\r\nHost: x\r\n\r\n")
                assert started.wait(20)
            assert ended.wait(20)
    span = traced.one()

    assert ("get /leave", None) == (span.name, span.tags.get("error"))
    assert None is traced.tracer.active_span


def test_uninstall_restores(traced: Traced) -> None:
    """After `uninstall` Django's classes are what they were."""

    def found() -> list[Any]:
        return [
            vars(WSGIHandler)["__call__"],
            vars(ASGIHandler)["__call__"],
            vars(BaseHandler)["get_response"],
            vars(BaseHandler)["get_response_async"],
        ]

    before = found()
    django.install(traced.policy)
    django.uninstall()
    django.uninstall()
    ask_wsgi(WSGIHandler())("GET", "/", {})

    assert (before, []) == (found(), traced.spans)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_another_patch_may_stay(traced: Traced, interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another library has wrapped our replacement, its patch stays after `uninstall`, and nothing is traced."""
    for owner, name in [
        (WSGIHandler, "__call__"),
        (ASGIHandler, "__call__"),
        (BaseHandler, "get_response"),
        (BaseHandler, "get_response_async"),
    ]:
        monkeypatch.setattr(owner, name, vars(owner)[name])
    django.install(traced.policy)
    for owner, name in [(WSGIHandler, "__call__"), (BaseHandler, "get_response")]:
        ours = vars(owner)[name]
        monkeypatch.setattr(owner, name, lambda *arguments, ours=ours: ours(*arguments))
    django.uninstall()
    answer = (ask_wsgi(WSGIHandler()) if interface == "wsgi" else ask_asgi(ASGIHandler()))("GET", "/", {})

    assert ("ok", []) == (answer.body, traced.spans)


@pytest.mark.parametrize("fails", [False, True])
def test_install_before_setup_loads_nothing_of_django(fails: bool) -> None:
    """`install` right after `import django` imports no more of it; `django.setup()` wraps the handlers."""
    code = """
import sys, django
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import http
before = set(sys.modules)
from opentracing_zipkin.instrument import django as ours
recorder = __import__("opentracing_zipkin.testing", fromlist=[""]).InMemoryRecorder()
policy = http.HttpPolicy(tracer=ZipkinTracer("web", recorder=recorder))
ours.install(policy)
assert not {name for name in set(sys.modules) - before if name.startswith(("django.", "asgiref"))}
if FAILS:
    ours._watch_handlers = lambda: 1 / 0
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", LOGGING_CONFIG=None)
urlpatterns = []
from django.core.wsgi import get_wsgi_application
from opentracing_zipkin.testing import ask_wsgi
assert 404 == ask_wsgi(get_wsgi_application())("GET", "/", {}).status
assert ([] if FAILS else ["get not_found"]) == [span.name for span in recorder.spans], recorder.spans
assert policy.faults == FAILS
"""
    subprocess.run([sys.executable, "-c", f"FAILS = {fails}{code}"], check=True, timeout=50)


def test_settings_may_configure_while_django_is_set_up(tmp_path: Path) -> None:
    """A settings module that calls `install` or `configure` has server spans once `django.setup()` has ended."""
    (tmp_path / "site_settings.py").write_text(
        "from opentracing_zipkin.instrument import django\n"
        "django.install()\n"
        "ALLOWED_HOSTS, ROOT_URLCONF, LOGGING_CONFIG = ['*'], 'site_urls', None\n"
    )
    (tmp_path / "site_urls.py").write_text("urlpatterns = []\n")
    code = """
import os, django, opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder
recorder = InMemoryRecorder()
opentracing.set_global_tracer(ZipkinTracer("web", recorder=recorder))
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
django.setup()
from django.test import Client
assert 404 == Client().get("/").status_code
assert ["get not_found"] == [span.name for span in recorder.spans], recorder.spans
"""
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50, env={**os.environ, "PYTHONPATH": path})


def test_a_mounted_site_has_its_place(traced: Traced) -> None:
    """A site below a dispatcher or a Starlette mount has one span, whose name includes the mount."""
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    django.install(traced.policy)
    by_wsgi = wsgi.TracingMiddleware(DispatcherMiddleware(ok, {"/caf\xc3\xa9": WSGIHandler()}), traced.policy)
    by_asgi = asgi.TracingMiddleware(Starlette(routes=[Mount("/sites/{site}", ASGIHandler())]), traced.policy)

    assert "ok" == ask_wsgi(by_wsgi)("GET", "/caf%C3%A9/users/1/", {}).body
    assert "ok" == ask_asgi(by_asgi)("GET", "/sites/acme/users/1/", {}).body
    assert ["get /café/users/{id}/", "get /sites/{site}/users/{id}/"] == traced.names


def test_an_exception_that_is_passed_on_is_the_error(traced: Traced) -> None:
    """With DEBUG_PROPAGATE_EXCEPTIONS the exception reaches the server, and the span."""
    with as_site(PATTERNS, DEBUG_PROPAGATE_EXCEPTIONS=True):
        django.install(traced.policy)
        with pytest.raises(ValueError, match="order"):
            Client().get("/boom")
    span = traced.one()

    assert ("get /boom", "ValueError: no such order") == (span.name, span.tags["error"])


def test_debug_pages_are_answers(traced: Traced) -> None:
    """With DEBUG, the client gets the exception's page, and the span gets the exception."""
    with as_site(PATTERNS, DEBUG=True):
        django.install(traced.policy)
        answer = ask_wsgi(WSGIHandler())("GET", "/boom", {})

    assert "no such order" in answer.body
    assert "ValueError: no such order" == traced.one().tags["error"]
