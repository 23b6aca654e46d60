"""Log records that are made while a request is served have the request's ids."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from flask.sessions import SecureCookieSessionInterface
from starlette.middleware.base import BaseHTTPMiddleware

from opentracing_zipkin.instrument import (
    django as traced_django,
    fastapi as traced_fastapi,
    flask as traced_flask,
    logging as traced_logging,
)
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing import ask_asgi, ask_wsgi

from .django_site import as_site

LOG = logging.getLogger("tests.requests")
FAULT = ValueError("out of stock")


class Lines(logging.Handler):
    """A handler that keeps each record's ids by the record's text, as a format reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s"))
        self.ids: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.ids[record.getMessage().partition(" [")[0]] = self.format(record).partition("\n")[0]


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    modules: list[Any] = [traced_flask, traced_fastapi, traced_django, traced_logging]
    for module in modules:
        module.install()
    root = logging.getLogger()
    root.addHandler(lines)
    level, root.level = root.level, logging.INFO
    yield lines
    root.removeHandler(lines)
    root.setLevel(level)
    for module in modules:
        module.uninstall()


class Sessions(SecureCookieSessionInterface):
    def open_session(self, *arguments: Any) -> Any:
        LOG.info("open_session")
        return super().open_session(*arguments)


def by_flask() -> tuple[Callable[..., Any], set[str]]:
    app = flask.Flask(__name__)
    app.session_interface = Sessions()
    app.before_request(lambda: LOG.info("before_request"))
    app.teardown_request(lambda error: LOG.info("teardown"))

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        LOG.info("after_request")
        return response

    @app.errorhandler(500)
    def on_error(error: Exception) -> Any:
        LOG.info("error handler")

        def chunks() -> Iterator[str]:
            LOG.info("stream")
            yield "sorry"

        return flask.Response(chunks(), 500)

    @app.get("/<article>")
    def view(article: str) -> str:
        LOG.info("view")
        raise FAULT

    places = {"open_session", "before_request", "view", "error handler", "after_request", "teardown", "stream"}
    return ask_wsgi(app), places | {"Exception on /tea"}


def by_fastapi() -> tuple[Callable[..., Any], set[str]]:
    app = FastAPI()

    class Around(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            LOG.info("middleware")
            return await call_next(request)

    app.add_middleware(Around)

    @app.exception_handler(ValueError)
    async def on_error(request: Any, error: Exception) -> JSONResponse:
        LOG.info("error handler")
        return JSONResponse({}, 503)

    @app.get("/{article}")
    async def endpoint(article: str, tasks: BackgroundTasks) -> Any:
        tasks.add_task(LOG.info, "background task")
        await asyncio.gather(asyncio.to_thread(LOG.info, "thread"))
        if article == "tea":

            async def chunks() -> Any:
                LOG.info("stream")
                yield b"tea"

            return StreamingResponse(chunks(), background=tasks)
        raise FAULT

    @app.get("/sync/{article}")
    def sync_endpoint(article: str) -> None:
        LOG.info("sync endpoint")

    def ask(method: str, target: str, headers: Any) -> Any:
        for other in ("/coffee", "/sync/tea"):
            ask_asgi(app)(method, other, headers)
        return ask_asgi(app)(method, target, headers)

    return ask, {"middleware", "error handler", "background task", "thread", "stream", "sync endpoint"}


def _log_around(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        LOG.info("middleware")
        return get_response(request)

    return middleware


async def _async_view(request: Any, article: str) -> HttpResponse:
    await sync_to_async(LOG.info)("sync_to_async")
    LOG.info("view")
    raise FAULT


def by_django(handler: Any, ask: Any) -> Callable[[], tuple[Callable[..., Any], set[str]]]:
    def make() -> tuple[Callable[..., Any], set[str]]:
        def asked(*request: Any) -> Any:
            with as_site([path("<str:article>", _async_view)], [f"{__name__}._log_around"]):
                return ask(handler())(*request)

        return asked, {"middleware", "sync_to_async", "view", "Internal Server Error: /tea"}

    return make


MAKERS = {
    "flask": by_flask,
    "fastapi": by_fastapi,
    "django, wsgi": by_django(WSGIHandler, ask_wsgi),
    "django, asgi": by_django(ASGIHandler, ask_asgi),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_record_has_the_ids_of_the_request_it_is_made_in(lines: Lines, spans: list[FinishedSpan], name: str) -> None:
    """Records before, in and after the view, in threads, handlers and streams, and the framework's own, have the ids."""
    ask, places = MAKERS[name]()
    ask("GET", "/tea", {})
    LOG.info("outside")
    served = {f"{span.trace_id} {span.span_id}" for span in spans}

    assert " " == lines.ids.pop("outside")
    assert places <= lines.ids.keys()
    assert {*lines.ids.values()} <= served
