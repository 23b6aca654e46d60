"""Our function inside another package's wrapper, and single applications that OpenTelemetry instruments."""

from __future__ import annotations

import asyncio
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import aiohttp
import fastapi
import flask
import httpx
import pytest
import requests
import requests.adapters
import urllib3

from opentracing_zipkin.instrument import (
    fastapi as traced_fastapi,
    flask as traced_flask,
    other_instrumentations,
    urllib3 as traced_urllib3,
)
from opentracing_zipkin.instrument.registry import LIBRARIES
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing import ask_asgi, ask_wsgi
from opentracing_zipkin.testing.loopback import LoopbackServer

Spans = list[FinishedSpan]


async def _by_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()


# For each library: the function that we replace, and a request by that library.
CLIENTS: dict[str, tuple[Any, str, Callable[[str], object]]] = {
    "requests": (requests.adapters.HTTPAdapter, "send", lambda url: requests.get(url, timeout=5)),
    "httpx": (httpx.HTTPTransport, "handle_request", httpx.get),
    "urllib3": (urllib3.HTTPConnectionPool, "urlopen", lambda url: urllib3.request("GET", url)),
    "urllib": (urllib.request.AbstractHTTPHandler, "do_open", lambda url: urllib.request.urlopen(url, timeout=5).close()),
    "aiohttp": (aiohttp.ClientSession, "_request", lambda url: asyncio.run(_by_aiohttp(url))),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_ours_passes_on_where_another_has_wrapped_it(loopback: LoopbackServer, spans: Spans, name: str) -> None:
    """Where another package has wrapped ours, `uninstall` cannot put the original back, but ours makes no more spans."""
    owner, attribute, ask = CLIENTS[name]
    original = getattr(owner, attribute)
    ours = LIBRARIES[name].load()
    ours.install()
    inner = getattr(owner, attribute)
    try:
        setattr(owner, attribute, lambda *args, **kwargs: inner(*args, **kwargs))
        ask(loopback.url)
        before = len(spans)
        ours.uninstall()
        ask(loopback.url)
    finally:
        setattr(owner, attribute, original)

    assert (1, 1) == (before, len(spans))


def test_urllib3_is_silent_below_a_requests_that_another_traces(
    monkeypatch: pytest.MonkeyPatch, loopback: LoopbackServer, spans: Spans
) -> None:
    """Below a `requests` that another package traces, urllib3 makes no spans; it traces its other requests."""
    monkeypatch.setitem(sys.modules, "requests_opentracing", other_instrumentations)
    traced_urllib3.install()
    try:
        requests.get(f"{loopback.url}/by-requests", timeout=5)
        urllib3.request("GET", f"{loopback.url}/alone")
    finally:
        traced_urllib3.uninstall()

    assert ["/alone"] == [span.tags["http.path"] for span in spans]


def flask_app() -> tuple[Any, Callable[..., Any]]:
    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "ok")
    return app, ask_wsgi(app)


def fastapi_app() -> tuple[Any, Callable[..., Any]]:
    app = fastapi.FastAPI()
    app.add_api_route("/", lambda: "ok")
    return app, ask_asgi(app)


@pytest.mark.parametrize(("make", "ours"), [(flask_app, traced_flask), (fastapi_app, traced_fastapi)], ids=["flask", "fastapi"])
def test_an_application_that_opentelemetry_instruments_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spans: Spans, make: Any, ours: Any
) -> None:
    """We do not trace an application that `instrument_app` has marked, and say so once; other applications are traced."""
    monkeypatch.setattr(other_instrumentations, "_logged", set())
    ours.install()
    try:
        (theirs, ask_theirs), (_, ask) = make(), make()
        theirs._is_instrumented_by_opentelemetry = True
        answers = [ask_theirs("GET", "/", {}).status, ask_theirs("GET", "/", {}).status, ask("GET", "/", {}).status]
    finally:
        ours.uninstall()

    assert [200] * 3 == answers
    assert ["get /"] == [span.name for span in spans]
    assert [
        "zipkin: an application is instrumented by opentelemetry.instrumentation already; this package does not instrument it"
    ] == [record.getMessage() for record in caplog.records]
