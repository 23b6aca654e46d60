"""The ways of tracing a service; each runs in its own process, and is switched on before the traced service is made.

Rules: as for a user, the way knows nothing about the service.  `headers`, `extract` and `spans` are partial ways: each does
more than the one before, and `ours` does everything, so that the differences show where the time is spent.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator,no-untyped-call"
# The libraries are only installed in separate environments.

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..samples import MESSAGE_SPANS

__all__ = ["SPANS", "WAYS", "Flush"]

# Waits until all spans are accepted; raises if they are not.
Flush = Callable[[], object]

_LIBRARIES = {"flask": ("flask", "requests"), "fastapi": ("fastapi", "httpx")}


def ours(framework: str, endpoint: str, rate: float) -> Flush:
    """ZipkinTracer and `install()` of both libraries."""
    import opentracing_zipkin

    tracer = opentracing_zipkin.configure("shop", endpoint=endpoint, sample_rate=rate, handle_sigterm=False)
    _install(framework)
    return lambda: _flush(tracer)


def noop(framework: str, endpoint: str, rate: float) -> Flush:
    """`install()` of both libraries, without a tracer."""
    _install(framework)
    return _nothing


def _install(framework: str) -> None:
    for library in _LIBRARIES[framework]:
        importlib.import_module(f"opentracing_zipkin.instrument.{library}").install()


def otel(framework: str, endpoint: str, rate: float) -> Flush:
    """OpenTelemetry's SDK, Zipkin exporter and B3, with a queue as large as ours, and its stock instrumentations."""
    from opentelemetry.exporter.zipkin.json import ZipkinExporter
    from opentelemetry.propagate import set_global_textmap
    from opentelemetry.propagators.b3 import B3MultiFormat
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    from opentelemetry.trace import set_tracer_provider

    provider = TracerProvider(
        resource=Resource.create({"service.name": "shop"}), sampler=ParentBasedTraceIdRatio(rate), shutdown_on_exit=False
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            ZipkinExporter(endpoint=endpoint + "/api/v2/spans"),
            max_queue_size=50_000,
            schedule_delay_millis=1_000,
            max_export_batch_size=MESSAGE_SPANS,
        )
    )
    set_tracer_provider(provider)
    set_global_textmap(B3MultiFormat())
    _instrument(framework)
    return lambda: provider.force_flush(30_000)


def bridged(framework: str, endpoint: str, rate: float) -> Flush:
    """OpenTelemetry's stock instrumentations on our provider, with our B3."""
    import opentracing_zipkin
    from opentracing_zipkin.otel import install

    tracer = opentracing_zipkin.configure("shop", endpoint=endpoint, sample_rate=rate, handle_sigterm=False)
    install()
    _instrument(framework)
    return lambda: _flush(tracer)


def _instrument(framework: str) -> None:
    if framework == "flask":
        from opentelemetry.instrumentation.flask import FlaskInstrumentor as Server
        from opentelemetry.instrumentation.requests import RequestsInstrumentor as Client
    else:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor as Server
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor as Client
    Server().instrument()
    Client().instrument()


# The partial ways


def headers(framework: str, endpoint: str, rate: float) -> Flush:
    """Four headers on each request that is sent; no tracer that propagates can do less."""
    fixed = {
        "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
        "x-b3-spanid": "a2fb4a1d1a96d312",
        "x-b3-parentspanid": "0020000000000001",
        "x-b3-sampled": "1",
    }
    _send_with(framework, lambda: (fixed, _nothing))
    return _nothing


def extract(framework: str, endpoint: str, rate: float) -> Flush:
    """Like `headers`; in addition the received headers are read."""
    import opentracing_zipkin

    tracer: Any = opentracing_zipkin.ZipkinTracer("shop", endpoint=endpoint, sample_rate=rate)

    def begin(carrier: Any) -> Callable[[], object]:
        tracer.extract("http_headers", carrier)
        return _nothing

    _serve_with(framework, begin)
    return headers(framework, endpoint, rate)


def spans(framework: str, endpoint: str, rate: float) -> Flush:
    """Like `extract`; in addition the two spans of a simple request are made, with three tags each, and propagated."""
    import opentracing_zipkin

    tracer: Any = opentracing_zipkin.ZipkinTracer("shop", endpoint=endpoint, sample_rate=rate)

    def begin(carrier: Any) -> Callable[[], object]:
        tags = {"span.kind": "server", "http.method": "GET", "http.path": "/orders/7"}
        scope = tracer.start_active_span("GET", tracer.extract("http_headers", carrier), None, tags, None, True)
        close: Callable[[], object] = scope.close
        return close

    def send() -> tuple[dict[str, str], Callable[[], object]]:
        tags = {"span.kind": "client", "http.method": "GET", "http.path": "/payments/7"}
        span = tracer.start_span("GET", None, None, tags)
        carrier: dict[str, str] = {}
        tracer.inject(span, "http_headers", carrier)
        return carrier, span.finish

    _serve_with(framework, begin)
    _send_with(framework, send)
    return lambda: _flush(tracer)


def _serve_with(framework: str, begin: Callable[[Any], Callable[[], object]]) -> None:
    """Call `begin` with the carrier of each request, and its result at the end of the request."""
    if framework == "flask":
        from flask import Flask

        wsgi = Flask.__call__

        def call(self: Any, environ: Any, start_response: Any) -> Any:
            end = begin(environ)
            try:
                return wsgi(self, environ, start_response)
            finally:
                end()

        Flask.__call__ = call
    else:
        from fastapi import FastAPI

        asgi = FastAPI.__call__

        async def call_async(self: Any, scope: Any, receive: Any, send: Any) -> None:
            end = begin(scope["headers"])
            try:
                await asgi(self, scope, receive, send)
            finally:
                end()

        FastAPI.__call__ = call_async


def _send_with(framework: str, start: Callable[[], tuple[dict[str, str], Callable[[], object]]]) -> None:
    """Call `start` for each request that is sent; it returns the headers to add, and a function for the request's end."""
    if framework == "flask":
        from requests.adapters import HTTPAdapter

        send = HTTPAdapter.send

        def sending(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            added, end = start()
            request.headers.update(added)
            try:
                return send(self, request, *args, **kwargs)
            finally:
                end()

        HTTPAdapter.send = sending
    else:
        from httpx import AsyncHTTPTransport

        handle = AsyncHTTPTransport.handle_async_request

        async def handling(self: Any, request: Any) -> Any:
            added, end = start()
            kept = request.headers._list
            for name in added:
                raw = name.encode("ascii")
                kept.append((raw, raw, added[name].encode("ascii")))
            try:
                return await handle(self, request)
            finally:
                end()

        AsyncHTTPTransport.handle_async_request = handling


def _flush(tracer: Any) -> None:
    if not tracer.flush(30.0):
        raise RuntimeError(f"spans were not accepted: {tracer.stats}")


def _nothing() -> None: ...


WAYS: dict[str, Callable[[str, str, float], Flush]] = {
    each.__name__: each for each in (ours, otel, bridged, noop, headers, extract, spans)
}
# The spans that a request makes if all are sampled; OpenTelemetry makes one more for each ASGI message.
SPANS: dict[str, dict[str, int]] = {
    **{way: {} for way in WAYS},
    "ours": {"flask": 2, "fastapi": 2},
    "spans": {"flask": 2, "fastapi": 2},
    "otel": {"flask": 2, "fastapi": 4},
    "bridged": {"flask": 2, "fastapi": 4},
}
