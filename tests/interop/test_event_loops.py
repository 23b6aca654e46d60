"""gevent and uvloop: the active span is the right one, and the reporter delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import gevent
import requests
import uvloop

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import application

Wait = Callable[[int], list[FinishedSpan]]


def test_a_greenlet_has_its_own_active_span_and_inherits_one_if_wrapped(tracer: ZipkinTracer) -> None:
    """`gevent.spawn(wrap(function))` runs inside the request's span, and `gevent.spawn(function)` starts a new trace."""

    def work(name: str) -> str | None:
        with tracer.start_active_span(name) as scope:
            gevent.sleep(0.001)
            assert scope.span is tracer.active_span
            return scope.span.context.parent_id  # type: ignore[no-any-return]

    with tracer.start_active_span("request") as request:
        inside = [gevent.spawn(opentracing.wrap(work), str(number)) for number in range(10)]
        bare = gevent.spawn(work, "bare")
        gevent.joinall([*inside, bare], raise_error=True)

    assert {request.span.context.span_id} == {greenlet.value for greenlet in inside}
    assert bare.value is None


def test_a_service_that_gevent_has_patched_delivers_its_spans(collector: Collector, wait_for_spans: Wait) -> None:
    """With `monkey.patch_all()` the reporter's thread is a greenlet; twenty parallel requests have twenty correct traces."""
    with application("gevent_shop", "shop", collector.url) as port, ThreadPoolExecutor(20) as executor:
        answers = list(executor.map(requests.get, [f"http://127.0.0.1:{port}/price"] * 20))
    spans = wait_for_spans(80)
    servers = {span.trace_id: span for span in spans if span.kind == "SERVER"}
    by_article = {article: [span for span in spans if span.tags.get("article") == article] for article in ("tea", "milk")}

    assert {200} == {answer.status_code for answer in answers}
    assert 20 == len(servers)
    for inside in by_article.values():
        assert {span.span_id for span in servers.values()} == {span.parent_id for span in inside}
    assert 20 == len([span for span in spans if span.tags.get("article") == "of its own" and span.parent_id is None])


def test_tasks_on_uvloop_inherit_and_are_apart(tracer: ZipkinTracer, wait_for_spans: Wait) -> None:
    """Tasks on uvloop inherit the active span and do not see each other's, as on asyncio's own loop."""

    @tracer.trace("work")
    async def work(number: int) -> None:
        await asyncio.sleep(0.001 * (number % 3))

    async def main() -> None:
        with tracer.start_active_span("request"):
            await asyncio.gather(*(work(number) for number in range(30)))

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    *works, request = sorted(wait_for_spans(31), key=lambda span: span.name == "request")

    assert {request.span_id} == {span.parent_id for span in works}
