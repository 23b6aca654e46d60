"""Both directions of tracing by hand with the OpenTracing API: inbound requests, outbound requests, and the span between them.

Two services run in two processes and talk over real HTTP.  Only `serve` knows about Zipkin:

    python examples/two_services.py                  # with the no-op tracer: everything works, nothing is recorded
    ZIPKIN_ENDPOINT=http://localhost:9411 python examples/two_services.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import opentracing
from opentracing import Span, Tracer
from opentracing.ext import tags

# Request-local storage: each request, and all work that it starts, sees its own span.

_current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)


@contextmanager
def request_context(span: Span) -> Iterator[None]:
    token = _current_span.set(span)
    try:
        yield
    finally:
        _current_span.reset(token)


# Inbound requests: continue the caller's trace, or start a new one.


def before_request(request: BaseHTTPRequestHandler, tracer: Tracer) -> Span:
    context = tracer.trace_context_from_text(trace_context_id=request.headers, trace_attributes=request.headers)
    operation = f"{request.command} {request.path}"
    if context is None:
        span = tracer.start_trace(operation_name=operation)
    else:
        span = tracer.join_trace(operation_name=operation, parent_trace_context=context)
    span.add_tag(tags.SPAN_KIND, tags.SPAN_KIND_RPC_SERVER)
    span.add_tag("http.path", request.path)
    remote_ip, remote_port = request.client_address[:2]
    span.add_tag(tags.PEER_HOST_IPV4, remote_ip)
    span.add_tag(tags.PEER_PORT, remote_port)
    return span


# Outbound requests: start a child of the current span, and write its context into the request's headers.


def before_http_request(request: urllib.request.Request, service_name: str) -> Span:
    operation = request.get_method()
    parent = _current_span.get()
    if parent is None:
        span = opentracing.tracer.start_trace(operation_name=operation)
    else:
        span = parent.start_child(operation_name=operation)
    span.add_tag("http.url", request.full_url)
    span.add_tag(tags.PEER_SERVICE, service_name)
    ids, attributes = opentracing.tracer.trace_context_to_text(trace_context=span.trace_context)
    for key, value in {**ids, **(attributes or {})}.items():
        request.add_header(key, value)
    return span


class Service(BaseHTTPRequestHandler):
    """Responds with a greeting; the front service gets it from the back service."""

    back_url = ""

    def do_GET(self) -> None:
        span = before_request(self, opentracing.tracer)
        with span, request_context(span):
            answer = self.ask_back() if self.back_url else self.greet()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def ask_back(self) -> bytes:
        span = _current_span.get()
        assert span is not None
        span.trace_context.set_trace_attribute("user", "Amy")
        request = urllib.request.Request(self.back_url)
        with before_http_request(request, service_name="back"), urllib.request.urlopen(request) as response:
            body: bytes = response.read()
            return body

    def greet(self) -> bytes:
        span = _current_span.get()
        assert span is not None
        user = span.trace_context.get_trace_attribute("User") or "whoever you are"
        span.info("greeting %s", user)
        return f"Hello, {user}!".encode()

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(name: str, back_url: str) -> None:
    """Run one service until its standard input is closed."""
    if "ZIPKIN_ENDPOINT" in os.environ:
        import opentracing_zipkin

        opentracing_zipkin.configure(name)
    Service.back_url = back_url
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
        server.shutdown()


def main() -> None:
    """Start both services, send one request, and stop them."""
    services: list[subprocess.Popen[str]] = []
    url = ""
    try:
        for name in ("back", "front"):
            command = [sys.executable, __file__, name, url]
            services.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            assert services[-1].stdout is not None
            url = services[-1].stdout.readline().strip() + "/greeting"
        with urllib.request.urlopen(url) as response:
            print(response.read().decode())
    finally:
        for service in services:
            service.communicate(timeout=15)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(*sys.argv[1:])
    else:
        main()
