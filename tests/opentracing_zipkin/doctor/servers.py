"""Servers on the loopback interface that are no collectors, or faulty ones, and services that are traced in various ways."""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import json_v2, proto3
from opentracing_zipkin.model import FinishedSpan

__all__ = ["Behaviour", "Served", "low_half", "served", "service"]

ASKING = build_opener(ProxyHandler({}))  # the opener of `urlopen` keeps the proxies of the moment when it was made
JSON, HTML = "application/json", "text/html; charset=utf-8"


def low_half(trace_id: str) -> int:
    return int(trace_id[-16:], 16)


class Behaviour(NamedTuple):
    """The behaviour of a server.

    `status`, `headers` and `body`: the answer to a message; `keeps`: which spans of an accepted message are stored.
    `path`, `encoding`: where set, the server accepts only messages with these, and gives other messages the answer above.
    `finds`: whether a request for the first trace id finds a kept span with the second one.  `queries`: the answer to a query
    of services.  `health`: the answer of /health.  `ahead_s`: how far its clock is ahead.
    """

    status: int = 202
    headers: Mapping[str, str] = {}
    body: str = ""
    path: str = ""
    encoding: str = ""
    keeps: Callable[[FinishedSpan], bool] = lambda span: True
    finds: Callable[[str, str], bool] = lambda asked, kept: asked == kept
    queries: tuple[int, str, str] = (200, JSON, "[]")
    health: tuple[int, str] = (200, '{"status":"UP"}')
    ahead_s: float | None = 0.0
    delay_s: float = 0.0


class Served(NamedTuple):
    """A running server; `requests`: the method, path and headers of each request."""

    url: str
    port: int
    spans: list[FinishedSpan]
    requests: list[tuple[str, str, dict[str, str]]]


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that leave are part of the tests
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # buffered: head and body are sent in one piece, so the client waits for no delayed acknowledgement

    def say(self, status: int, headers: Mapping[str, str], body: str, ahead_s: float | None = None) -> None:
        self.send_response_only(status)
        if ahead_s is not None:
            self.send_header("Date", formatdate(time.time() + ahead_s, usegmt=True))
        for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(does: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Run a collector with this behaviour."""
    found = Served("", 0, [], [])

    class Handler(_Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.requests.append(("POST", self.path, dict(self.headers)))
            time.sleep(does.delay_s)
            path = self.path.partition("?")[0]
            if (does.path or does.encoding) and not (
                path == (does.path or path) and self.headers["Content-Type"] == (does.encoding or JSON)
            ):
                self.say(does.status, does.headers, does.body, does.ahead_s)
            elif does.path or does.encoding or does.status == 202:
                found.spans.extend(span for span in _read(self.headers["Content-Type"], body) if does.keeps(span))
                self.say(202, {}, "", does.ahead_s)
            else:
                self.say(does.status, does.headers, does.body, does.ahead_s)

        def do_GET(self) -> None:
            found.requests.append(("GET", self.path, dict(self.headers)))
            if self.path.endswith("/api/v2/services"):
                status, kind, body = does.queries
                self.say(status, {"Content-Type": kind}, body)
            elif self.path == "/health":
                self.say(does.health[0], {"Content-Type": JSON}, does.health[1])
            elif "/api/v2/traceMany" in self.path:  # not every server has this query
                self.say(404, {}, "")
            else:
                asked = self.path.rpartition("/")[2]
                spans = [span for span in found.spans if does.finds(asked, span.trace_id)]
                self.say(200 if spans else 404, {"Content-Type": JSON}, json_v2.join(map_encode(spans)).decode())

    with _running(Handler, context) as port:
        yield found._replace(url=f"{'https' if context else 'http'}://127.0.0.1:{port}", port=port)


def map_encode(spans: list[FinishedSpan]) -> list[bytes]:
    return [json_v2.encode(span) for span in spans]


def _read(media_type: str, body: bytes) -> list[FinishedSpan]:
    return proto3.decode(body) if media_type == proto3.media_type else json_v2.decode(body)


@contextmanager
def service(
    collector: str, status: int = 200, name: str = "shop", gateway: str = "", calls: str = "", **settings: Any
) -> Iterator[Served]:
    """Run a service that reports to `collector`, or to none if that is "".

    `gateway`: the span id that a gateway before the service makes.  `calls`: the URL of a service that it calls.
    """
    found = Served("", 0, [], [])
    tracer = ZipkinTracer(name, endpoint=collector or "http://127.0.0.1:1", flush_interval=0.01, **settings)

    class Handler(_Handler):
        def do_GET(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            found.requests.append(("GET", self.path, headers))
            if gateway:
                headers = {"b3": f"{headers['x-b3-traceid']}-{gateway}-1"}
            if collector:
                context = tracer.extract(opentracing.Format.HTTP_HEADERS, headers)
                span = tracer.start_span("get /buy", child_of=context, tags={"span.kind": "server"})
                if calls:
                    with tracer.start_span("get", child_of=span, tags={"span.kind": "client"}) as client:
                        carrier: dict[str, str] = {}
                        tracer.inject(client.context, opentracing.Format.HTTP_HEADERS, carrier)
                        ASKING.open(Request(calls, headers=carrier)).close()
                span.finish()
            self.say(status, {}, "tea costs 3")

    with _running(Handler) as port:
        yield found._replace(url=f"http://127.0.0.1:{port}", port=port)
    tracer.close().result()
