"""One application with every tracer: its users see the same, and no line is logged or printed."""

from __future__ import annotations

import asyncio
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import opentracing
from opentracing import Format, child_of, follows_from, start_child_span, tags

from .tracers import TRACERS


class Shop(BaseHTTPRequestHandler):
    """The server's side, written with the verbs of 0.5."""

    def do_GET(self) -> None:
        context = opentracing.tracer.trace_context_from_text(self.headers, self.headers)
        with opentracing.tracer.join_trace(self.path, context) as span:
            span.add_tag(tags.PEER_HOST_IPV4, self.client_address[0]).info("asked for %s", self.path)
            status = 404 if self.path == "/unknown" else 200
            if status == 404:
                span.error("no %s", self.path)
            with span.start_child("stock") as child:
                child.trace_context.set_trace_attribute("Article", self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"12")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def get(url: str) -> tuple[int, bytes]:
    """The client's side, written with the verbs of 2.4."""
    with opentracing.tracer.start_active_span("get", tags={tags.SPAN_KIND: tags.SPAN_KIND_RPC_CLIENT}) as scope:
        headers: dict[str, str] = {}
        opentracing.tracer.inject(scope.span.context, Format.HTTP_HEADERS, headers)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            scope.span.set_tag(tags.HTTP_STATUS_CODE, error.code).log_kv({"event": "error", "error.object": error})
            return error.code, error.read()


@opentracing.tracer.trace
def prices() -> Iterator[int]:
    yield from (12, 7)


@opentracing.tracer.trace("delivery", tags={"days": 2})
async def delivery() -> str:
    await asyncio.sleep(0.001)
    return "tomorrow"


@opentracing.tracer.trace
async def offers() -> AsyncIterator[str]:
    yield "tea"
    yield "milk"


async def day() -> list[Any]:
    with opentracing.tracer.start_active_span("day"):
        seen: list[Any] = [await asyncio.gather(*(delivery() for _ in range(3)))]
        async for offer in offers():
            seen.append(offer)
            break
        return seen


def fail() -> str:
    try:
        with opentracing.tracer.start_active_span("fail"), opentracing.tracer.start_span("inside"):
            raise KeyError("tea")
    except KeyError as error:
        return repr(error)


def relate() -> int:
    tracer = opentracing.tracer
    one = tracer.start_span("one", ignore_active_span=True)
    two = tracer.start_span("two", references=[child_of(one.context), follows_from(None)])
    three = start_child_span(two, "three").set_baggage_item("k", "v")
    for span in (three, two, one, one):
        span.finish()
    return len([one, two, three])


def run() -> list[Any]:
    """Everything that a user of the application sees."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(opentracing.wrap(get), [f"{url}/tea", f"{url}/unknown"] * 3))
    server.shutdown()
    server.server_close()
    thread.join()
    return [answers, list(prices()), asyncio.run(day()), fail(), relate()]


SEEN = [
    [(200, b"12"), (404, b"12")] * 3,
    [12, 7],
    [["tomorrow"] * 3, "tea"],
    "KeyError('tea')",
    3,
]


@pytest.mark.parametrize("name", TRACERS)
def test_the_application_behaves_the_same_with_every_tracer(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Answers, results and exceptions are the same with every tracer, without log records above DEBUG and without output."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(opentracing, "tracer", TRACERS[name]())

    assert SEEN == run()
    assert [] == caplog.records
    assert ("", "") == capfd.readouterr()
