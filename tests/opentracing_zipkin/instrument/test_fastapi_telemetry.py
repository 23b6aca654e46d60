"""FastAPI's own spans, which it makes by OpenTelemetry: a request that we trace has one server span."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import opentelemetry.trace
import pytest
from fastapi import FastAPI

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import asgi, fastapi, starlette
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.otel.provider import TracerProvider
from opentracing_zipkin.testing import InMemoryRecorder

from .servers import TestClient

Install = Callable[[FastAPI], Any]

HAS_TELEMETRY = importlib.util.find_spec("fastapi.telemetry") is not None  # an older one makes no spans
WAYS: dict[str, Install] = {
    "fastapi": lambda app: fastapi.install() or app,
    "starlette": lambda app: starlette.install() or app,
    "one application": lambda app: fastapi.install(app) or app,
    "a middleware": lambda app: app.add_middleware(asgi.TracingMiddleware) or app,
    "around it": asgi.TracingMiddleware,
}


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch, spans: list[FinishedSpan]) -> Iterator[None]:
    """OpenTelemetry's API records into the global tracer."""
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", TracerProvider(opentracing.global_tracer()))
    yield
    fastapi.uninstall()
    starlette.uninstall()


def shop(**settings: Any) -> FastAPI:
    app = FastAPI(**settings)
    app.add_api_route("/price/{article}", lambda article: article)
    return app


def ask_twice(app: Any) -> None:
    with TestClient(app) as client:
        assert [200, 200] == [client.get(f"/price/{article}").status_code for article in ("tea", "milk")]


@pytest.mark.parametrize("install", WAYS.values(), ids=WAYS)
def test_a_request_has_one_span(spans: list[FinishedSpan], install: Install) -> None:
    """Each request has the server span that we make, from the first one on, and none of FastAPI's."""
    ask_twice(install(shop()))

    assert [("SERVER", "get /price/{article}")] * 2 == [(span.kind, span.name) for span in spans]
    assert {"http.method", "http.path", "http.route"} == set(spans[0].tags)


def test_an_application_that_we_do_not_trace_has_its_own_spans(spans: list[FinishedSpan]) -> None:
    """FastAPI's spans are recorded for the other applications, and again after `uninstall`."""
    traced, other = shop(), shop()
    fastapi.install(traced)
    ask_twice(traced)
    spans.clear()
    ask_twice(other)
    by_fastapi = [span.kind for span in spans].count("SERVER")
    fastapi.uninstall()
    spans.clear()
    ask_twice(traced)

    assert ([2, 2] if HAS_TELEMETRY else [0, 0]) == [by_fastapi, [span.kind for span in spans].count("SERVER")]


@pytest.mark.skipif(not HAS_TELEMETRY, reason="this FastAPI has no configuration of telemetry")
def test_a_provider_of_the_application_gets_its_spans(spans: list[FinishedSpan]) -> None:
    """A provider that the application names keeps FastAPI's spans; metrics and logs are never switched off."""
    recorder = InMemoryRecorder()
    own = TracerProvider(ZipkinTracer("own", recorder=recorder))
    app, plain = shop(telemetry={"tracer_provider": own}), shop()
    fastapi.install()
    ask_twice(app)
    ask_twice(plain)

    assert 4 == len(spans)
    assert 2 == [span.kind for span in recorder.spans].count("SERVER")
    assert {"tracing": False, "metrics": True, "logs": True}.items() <= plain._telemetry.items()
