"""The work in calls of OpenTracing 2.4, for every tracer with that API; for ours also a root span in calls of 0.5.

Rules: each task has one function, which returns one unit of work that can be called again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..samples import HEADERS, calls

__all__ = ["WORK", "Work", "classic_root"]

Work = Callable[[], object]

HTTP_HEADERS = "http_headers"  # opentracing.Format.HTTP_HEADERS


def root(tracer: Any) -> Work:
    def work() -> None:
        span = tracer.start_span("get")
        span.set_tag("http.method", "GET")
        span.set_tag("http.path", "/orders")
        span.finish()

    return work


def classic_root(tracer: Any) -> Work:
    """The work of `root`, in the verbs of 0.5."""

    def work() -> None:
        span = tracer.start_trace("get")
        span.add_tag("http.method", "GET")
        span.add_tag("http.path", "/orders")
        span.finish()

    return work


def active(tracer: Any) -> Work:
    def work() -> None:
        with tracer.start_active_span("get") as scope:
            span = scope.span
            span.set_tag("http.method", "GET")
            span.set_tag("http.path", "/orders")

    return work


def request(tracer: Any) -> Work:
    next_headers = calls(HEADERS)

    def work() -> None:
        context = tracer.extract(HTTP_HEADERS, next_headers())
        server = tracer.start_span("get", child_of=context, tags={"span.kind": "server"})
        server.set_tag("http.method", "GET")
        server.set_tag("http.path", "/orders")
        client = tracer.start_span("post", child_of=server, tags={"span.kind": "client"})
        client.set_tag("http.method", "POST")
        client.set_tag("http.path", "/payments")
        headers: dict[str, str] = {}
        tracer.inject(client.context, HTTP_HEADERS, headers)
        client.finish()
        server.finish()

    return work


def extract(tracer: Any) -> Work:
    assert tracer.extract(HTTP_HEADERS, HEADERS) is not None

    def work() -> None:
        tracer.extract(HTTP_HEADERS, HEADERS)

    return work


def inject(tracer: Any) -> Work:
    # The context of a service's client span: only its span id is made here, the ids of trace and parent came from the caller.
    server = tracer.start_span("get", child_of=tracer.extract(HTTP_HEADERS, HEADERS), tags={"span.kind": "server"})
    context = tracer.start_span("post", child_of=server, tags={"span.kind": "client"}).context

    def work() -> None:
        tracer.inject(context, HTTP_HEADERS, {})

    return work


WORK: dict[str, Callable[[Any], Work]] = {
    "root": root,
    "active": active,
    "request": request,
    "unsampled": root,
    "burst": root,
    "memory": root,
    "import": root,
    "noop": root,
    "extract": extract,
    "inject": inject,
}
