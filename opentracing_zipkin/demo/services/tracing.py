"""Instrumentation with the OpenTracing API alone: a WSGI middleware for inbound requests, `Client` for outbound ones.

Rules: this file names no tracer.  It uses the one that is `opentracing.tracer` when a request comes, even if that is the no-op.
The tracer's scope manager keeps the current span.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

import opentracing
from opentracing.ext import tags

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["CallFailed", "Client", "TracingMiddleware"]

# The header in which a service tells its name to the service that it calls.
CALLER = "x-caller"


class TracingMiddleware:
    """A WSGI application whose requests are spans; each joins its caller's trace or starts a new trace."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        tracer = opentracing.tracer
        span = before_request(environ, tracer)

        def answer(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            span.add_tag(tags.HTTP_STATUS_CODE, int(status[:3]))
            # The answer contains the trace's identity, too, so that the caller can look the trace up.
            identity, _ = tracer.trace_context_to_text(span.trace_context)
            return start_response(status, headers + list(identity.items()), *exc_info)

        with span, tracer.scope_manager.activate(span, finish_on_close=False):
            return self._application(environ, answer)


def before_request(environ: WSGIEnvironment, tracer: opentracing.Tracer) -> opentracing.Span:
    """The server's span of an inbound request."""
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    operation = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    context = tracer.trace_context_from_text(trace_context_id=headers, trace_attributes=headers)
    if context is None:
        span = tracer.start_trace(operation_name=operation)
    else:
        span = tracer.join_trace(operation_name=operation, parent_trace_context=context)
    span.add_tag(tags.SPAN_KIND, tags.SPAN_KIND_RPC_SERVER)
    span.add_tag(tags.HTTP_URL, f"http://{environ.get('HTTP_HOST', '')}{environ['PATH_INFO']}")
    if environ.get("REMOTE_ADDR"):
        span.add_tag(tags.PEER_HOST_IPV4, environ["REMOTE_ADDR"])
    if environ.get("REMOTE_PORT"):
        span.add_tag(tags.PEER_PORT, environ["REMOTE_PORT"])
    if headers.get(CALLER):
        span.add_tag(tags.PEER_SERVICE, headers[CALLER])
    return span


class CallFailed(Exception):
    """Another service answered with an error."""

    status = "502 Bad Gateway"


class Client:
    """Calls the service `peer` at `url` on behalf of `caller`; may be used from any thread."""

    def __init__(self, caller: str, peer: str, url: str) -> None:
        self._caller = caller
        self._peer = peer
        self._url = url

    def call(self, method: str, path: str, arguments: Mapping[str, str]) -> Any:
        """The answer of the service; raises CallFailed for an error."""
        request = requests.Request(method, self._url + path, params=dict(arguments), headers={CALLER: self._caller})
        with requests.Session() as session, before_http_request(request, self._peer, path) as span:
            session.trust_env = False  # a proxy cannot reach our loopback interface
            response = session.send(request.prepare(), timeout=10)
            span.add_tag(tags.HTTP_STATUS_CODE, response.status_code)
            if not response.ok:
                raise CallFailed(f"{self._peer} answered {response.status_code} {response.reason}")
            return response.json()


def before_http_request(request: requests.Request, peer: str, path: str) -> opentracing.Span:
    """The client's span of an outbound request; its context is written into the request's headers."""
    tracer = opentracing.tracer
    operation = f"{request.method} {path}"
    parent = tracer.active_span
    span = tracer.start_trace(operation) if parent is None else parent.start_child(operation)
    address = urlsplit(str(request.url))
    span.add_tag(tags.HTTP_URL, request.url)
    span.add_tag(tags.PEER_SERVICE, peer)
    span.add_tag(tags.PEER_HOST_IPV4, address.hostname)
    span.add_tag(tags.PEER_PORT, address.port)
    identity, attributes = tracer.trace_context_to_text(trace_context=span.trace_context)
    request.headers.update(identity)
    if attributes:
        request.headers.update(attributes)
    return span
