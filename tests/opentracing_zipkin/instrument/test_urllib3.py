"""urllib3, where the kit does not test it: bodies, redirects, retries, proxies, and requests above it."""

from __future__ import annotations

import gc
import itertools
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
import urllib3
from urllib3._collections import HTTPHeaderDict
from urllib3.util.retry import Retry

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin.instrument import (
    httpx as traced_httpx,
    requests as traced_requests,
    urllib as traced_urllib,
    urllib3 as traced,
)
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer

Spans = list[FinishedSpan]


pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def pools() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(timeout=5) as pools:
        yield pools


def _errors(spans: Spans) -> list[str | None]:
    return [span.tags["error"].partition(":")[0] if "error" in span.tags else None for span in spans]


ENDS: dict[str, Callable[[Any], object]] = {
    "read": lambda response: response.read(),
    "data": lambda response: response.data,
    "stream": lambda response: list(response.stream(3)),
    "drain": lambda response: response.drain_conn(),
    "release": lambda response: response.release_conn(),
    "close": lambda response: response.close(),
    "half, and close": lambda response: (response.read(1), response.close()),
    "drop": lambda response: None,
    "half, and drop": lambda response: response.read(1),
}


@pytest.mark.parametrize("path", ["/medium", "/chunks"])
@pytest.mark.parametrize("end", ENDS)
def test_a_streamed_answer_lasts_until_it_is_read_closed_or_dropped(
    loopback: LoopbackServer, spans: Spans, pools: urllib3.PoolManager, end: str, path: str
) -> None:
    """Where the body is not preloaded, the span ends with the body, and not before."""
    response = pools.request("GET", loopback.url + path, preload_content=False)
    assert [] == spans
    ENDS[end](response)
    del response
    gc.collect()

    assert [None] == _errors(spans)


@pytest.mark.parametrize("preload", [False, True])
def test_an_error_in_the_middle_of_a_body_is_the_error(loopback: LoopbackServer, spans: Spans, preload: bool) -> None:
    """A body that breaks off is the span's error, while it is preloaded or read later."""
    with urllib3.PoolManager(timeout=5, retries=False) as pools, pytest.raises(urllib3.exceptions.ProtocolError):
        pools.request("GET", loopback.url + "/cut", preload_content=preload).read()

    assert ["ProtocolError"] == _errors(spans)


def test_redirects_are_siblings_however_they_are_followed(loopback: LoopbackServer, spans: Spans) -> None:
    """Redirects have sibling spans, followed by a pool manager or by a pool that calls itself."""
    with opentracing.global_tracer().start_active_span("parent") as scope:
        with urllib3.PoolManager() as pools:
            pools.request("GET", loopback.url + "/redirect")
        with urllib3.connection_from_url(loopback.url) as pool:
            pool.request("GET", "/redirect")
    requests_made = spans[:4]

    assert [("/redirect", "302"), ("/arrived", None)] * 2 == [
        (span.tags["http.path"], span.tags.get("http.status_code")) for span in requests_made
    ]
    assert {scope.span.context.span_id} == {span.parent_id for span in requests_made}
    assert [span.span_id for span in requests_made] == [one.header("x-b3-spanid") for one in loopback.received]


def test_retries_are_events_of_one_span(loopback: LoopbackServer, spans: Spans) -> None:
    """A retry is an event of the span, after a status that asks for it and after a refused connection."""
    with urllib3.PoolManager(retries=Retry(2, status_forcelist=[503], raise_on_status=False)) as pools:
        pools.request("GET", loopback.url + "/status/503")
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            pools.request("GET", "http://127.0.0.1:1/a?secret=hunter2")
    answered, refused = spans

    assert 3 == len(loopback.received)
    assert {answered.span_id} == {one.header("x-b3-spanid") for one in loopback.received}
    assert ["retry cause=503"] * 2 == [text for _, text in answered.annotations]
    assert ["retry cause=NewConnectionError"] * 2 == [text for _, text in refused.annotations]
    assert ("503", "MaxRetryError") == tuple(_errors(spans))
    assert "hunter2" not in repr(spans)


def test_a_retry_behind_a_redirect_is_the_seconds(loopback: LoopbackServer, spans: Spans) -> None:
    """A retry after a redirect is an event of the second request's span."""
    with urllib3.connection_from_url(loopback.url, retries=Retry(3, status_forcelist=[200], raise_on_status=False)) as pool:
        pool.request("GET", "/redirect")
    first, second = spans

    assert [] == first.annotations
    assert ["retry cause=200"] * 2 == [text for _, text in second.annotations]


def test_a_pools_headers_and_ones_own_are_not_changed(loopback: LoopbackServer, spans: Spans) -> None:
    """The headers of a pool and of a request are not changed, whatever mapping they are in."""
    for headers in ({"X-Mine": "1"}, HTTPHeaderDict({"X-Mine": "1"})):
        with urllib3.PoolManager(headers=headers) as pools:
            pools.request("GET", loopback.url)
            pools.request("GET", loopback.url, headers=headers)

        assert {"X-Mine": "1"} == dict(headers)
    assert ["1"] * 4 == [one.header("x-mine") for one in loopback.received]
    assert [span.span_id for span in spans] == [one.header("x-b3-spanid") for one in loopback.received]


def test_a_proxy_is_not_the_peer(loopback: LoopbackServer, spans: Spans) -> None:
    """Through a proxy, the span has the address of the server that the request is for."""
    with urllib3.ProxyManager(loopback.url) as pools:
        pools.request("GET", "http://10.1.2.3:8080/a?b=c")

    assert ("10.1.2.3", 8080) == (spans[0].remote and spans[0].remote.ipv4, spans[0].remote and spans[0].remote.port)
    assert "/a" == spans[0].tags["http.path"]


def test_any_tracer_of_the_api_is_served(loopback: LoopbackServer) -> None:
    """A MockTracer, too, gets the span and its tags."""
    tracer = MockTracer()
    traced.uninstall()
    traced.install(HttpPolicy(tracer=tracer))
    with urllib3.PoolManager() as pools:
        pools.request("GET", loopback.url + "/a")
    [span] = tracer.finished_spans()

    assert {"span.kind": "client", "http.method": "GET", "http.path": "/a", "peer.address": loopback.address} == span.tags


def _by_requests(url: str) -> None:
    requests.get(url, timeout=5)


def _by_httpx(url: str) -> None:
    with httpx.Client(verify=False) as client:
        client.get(url)


def _by_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pools:
        pools.request("GET", url)


def _by_urllib(url: str) -> None:
    with urllib.request.urlopen(url, timeout=5) as response:
        response.read()


CLIENTS = {
    "requests": (_by_requests, traced_requests),
    "httpx": (_by_httpx, traced_httpx),
    "urllib3": (_by_urllib3, traced),
    "urllib": (_by_urllib, traced_urllib),
}
# The modules of ours that trace a client: its own module, and for requests also urllib3's.
COVERED = {"requests": {"requests", "urllib3"}, "httpx": {"httpx"}, "urllib3": {"urllib3"}, "urllib": {"urllib"}}


@pytest.mark.parametrize(
    "installed_ones", [set(some) for n in range(5) for some in itertools.combinations(CLIENTS, n)], ids=sorted
)
def test_each_call_has_one_span_whatever_is_traced(loopback: LoopbackServer, spans: Spans, installed_ones: set[str]) -> None:
    """The outermost traced library makes the span, and all libraries below it stand back."""
    traced.uninstall()
    for name in installed_ones:
        CLIENTS[name][1].install()
    try:
        for name, (call, _) in CLIENTS.items():
            spans.clear()
            call(loopback.url + "/a")

            assert bool(COVERED[name] & installed_ones) == len(spans), name
            assert [span.span_id for span in spans] == loopback.received[-1].headers.get("x-b3-spanid", [])
    finally:
        for _, module in CLIENTS.values():
            module.uninstall()
