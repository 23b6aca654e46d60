"""opentracing-instrumentation: its helpers for WSGI servers, and its hooks into requests, urllib and redis."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis
import requests
from opentracing_instrumentation.client_hooks import requests as requests_hook, strict_redis, urllib2
from opentracing_instrumentation.config import CONFIG

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .processes import application, redis_server

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]


@pytest.fixture(autouse=True)
def callee_names() -> Iterator[None]:
    """Set the header in which this application names the service that it calls."""
    CONFIG.callee_name_headers.append("X-Callee")
    yield
    CONFIG.callee_name_headers.clear()


def _get_with_requests(url: str) -> str:
    requests_hook.install_patches()
    try:
        return requests.get(url, headers={"X-Callee": "shop", "X-Caller": "caller"}, timeout=10).text
    finally:
        requests_hook.reset_patches()


def _get_with_urllib(url: str) -> str:
    urllib2.install_patches()
    try:
        request = urllib.request.Request(url, headers={"X-Callee": "shop", "X-Caller": "caller"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())
    finally:
        urllib2.install_patches.reset()
        urllib.request.install_opener(None)  # type: ignore[arg-type]  # restores the default


@pytest.mark.parametrize("get", [_get_with_requests, _get_with_urllib])
def test_both_sides_of_a_request_share_a_span_and_name_each_other(
    get: Callable[[str], str], collector: Collector, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """The server sets its kind at the start, so it shares the client's span id, and both have a remote endpoint."""
    with application("wsgi_shop", "shop", collector.url) as port, tracer.start_active_span("buy"):
        answer = get(f"http://127.0.0.1:{port}/price")

    trace = one_trace(4)
    client, server = trace["caller", "get"], trace["shop", "get"]

    assert "12" == answer
    assert ["CLIENT", "SERVER"] == [client.kind, server.kind]
    assert trace["caller", "buy"].span_id == client.parent_id
    assert (client.span_id, True) == (server.span_id, server.shared)
    assert server.span_id == trace["shop", "look up"].parent_id
    assert Endpoint("shop", "127.0.0.1", "", port) == client.remote
    assert server.remote is not None
    assert ("caller", "127.0.0.1") == (server.remote.service_name, server.remote.ipv4)
    assert server.remote.port > 0


def test_an_application_that_raises_has_the_error_tag(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The exception of the WSGI application is the error of the server's span."""
    with application("wsgi_shop", "shop", collector.url) as port:
        _get_with_requests(f"http://127.0.0.1:{port}/broken")

    trace = one_trace(2)

    assert "RuntimeError: out of stock" == trace["shop", "get"].tags["error"]
    assert "500" == trace["caller", "get"].tags["http.status_code"]


def test_redis_commands_have_the_server_as_remote_endpoint(tmp_path: Path, tracer: ZipkinTracer, one_trace: Read) -> None:
    """A command's remote endpoint has the service, the address and the port that the hook names."""
    with redis_server(tmp_path) as port, redis.Redis("127.0.0.1", port, socket_timeout=5) as client:
        strict_redis.install_patches()
        try:
            with tracer.start_active_span("buy"):
                client.set("tea", 3)
        finally:
            strict_redis.reset_patches()

    trace = one_trace(2)
    command = trace["caller", "redis:set"]

    assert "CLIENT" == command.kind
    assert Endpoint("redis", "127.0.0.1", "", port) == command.remote
    assert trace["caller", "buy"].span_id == command.parent_id


def test_the_report_itself_is_not_traced(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """If every request of the process is traced, the tracer's own POSTs to the collector still have no spans."""
    requests_hook.install_patches()
    try:
        with tracer.start_active_span("buy"):
            pass
        for _ in range(3):
            assert True is tracer.flush(5)
    finally:
        requests_hook.reset_patches()

    assert {("caller", "buy")} == set(one_trace(1))
