"""Tornado 6: opentracing-instrumentation's use of stack contexts, and its hook into Tornado's HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from opentracing_instrumentation.client_hooks import tornado_http
from tornado.httpclient import AsyncHTTPClient

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import application


def test_coroutines_are_below_the_request_that_runs_them(
    collector: Collector, tracer: ZipkinTracer, wait_for_spans: Callable[[int], list[FinishedSpan]]
) -> None:
    """A client, a server and two parallel coroutines, each with an inner one, are one trace with the right parents."""

    async def get(port: int) -> bytes:
        with tracer.start_active_span("buy"):
            return (await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/price")).body

    tornado_http.install_patches()
    try:
        with application("tornado_shop", "shop", collector.url) as port:
            answer = asyncio.run(get(port))
    finally:
        tornado_http.reset_patchers()
        tornado_http.install_patches.reset()
    spans = wait_for_spans(7)
    [buy] = [span for span in spans if span.name == "buy"]
    [client] = [span for span in spans if span.kind == "CLIENT"]
    [server] = [span for span in spans if span.kind == "SERVER"]
    look_ups = [span for span in spans if span.name == "look up"]

    assert b"12" == answer
    assert 1 == len({span.trace_id for span in spans})
    assert (buy.span_id, "200") == (client.parent_id, client.tags["http.status_code"])
    assert (client.span_id, True) == (server.span_id, server.shared)
    assert [server.span_id] * 2 == [span.parent_id for span in look_ups]
    assert {span.span_id for span in look_ups} == {span.parent_id for span in spans if span.name == "check"}
