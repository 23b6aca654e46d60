"""The headers of real frameworks: reading them the fast way is the same as reading a dict, and writing replaces old headers."""

from __future__ import annotations

import email.message
import urllib.request
from collections.abc import Callable
from typing import Any

import grpc.aio
import httpx
import pytest
import requests.structures
import tornado.httputil
import urllib3
import werkzeug.datastructures
from multidict import CIMultiDict, CIMultiDictProxy
from starlette.datastructures import Headers, MultiDict, MutableHeaders
from werkzeug.datastructures import EnvironHeaders

from opentracing import Format, InvalidCarrierException
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.propagation.frameworks import Frameworks
from opentracing_zipkin.testing import InMemoryRecorder

from ..opentracing_zipkin.propagation.forwarded import CASE_SPELLINGS, check_replaced

B3 = {"x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "1"}
PAIRS = [(name.encode(), value.encode()) for name, value in {"host": "h", **B3}.items()]
ENVIRON = {"wsgi.input": None, "HTTP_HOST": "h", **{"HTTP_" + name.upper().replace("-", "_"): B3[name] for name in B3}}

CARRIERS = [Headers(raw=PAIRS), MutableHeaders(raw=PAIRS), EnvironHeaders(ENVIRON)]


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: type(carrier).__name__)
def test_a_frameworks_headers_are_a_view_of_what_is_read(carrier: Any) -> None:
    """The fast way knows these classes; if one of them changed, reading it would stay correct but cost three times as much."""
    view = Frameworks(lambda name: "b3" in name).as_dict(carrier)
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())

    assert view in (B3, ENVIRON)
    assert repr(tracer.extract(Format.HTTP_HEADERS, B3)) == repr(tracer.extract(Format.HTTP_HEADERS, carrier))


def _added(headers: Any, add: str, pairs: list[tuple[str, str]]) -> Any:
    for name, value in pairs:
        getattr(headers, add)(name, value)
    return headers


def _request(pairs: list[tuple[str, str]]) -> Any:
    request = urllib.request.Request("http://localhost")
    for name, value in pairs:
        request.add_header(name, value)
    return request.headers


def _metadata(pairs: list[tuple[str, str]]) -> Any:
    return grpc.aio.Metadata(*((name.lower(), value) for name, value in pairs))


def _items(headers: Any) -> Any:
    return headers.items()


# For each class of headers that clients write to: how it is made from pairs, and how all its pairs are read, as they are sent.
WRITTEN: dict[str, tuple[Callable[[list[tuple[str, str]]], Any], Callable[[Any], Any]]] = {
    "httpx.Headers": (httpx.Headers, lambda headers: headers.multi_items()),
    "requests": (requests.structures.CaseInsensitiveDict, _items),
    "werkzeug.Headers": (werkzeug.datastructures.Headers, _items),
    "starlette.MutableHeaders": (
        lambda pairs: MutableHeaders(raw=[(name.lower().encode(), value.encode()) for name, value in pairs]),
        lambda headers: headers.raw,
    ),
    "multidict.CIMultiDict": (CIMultiDict, _items),
    "tornado.HTTPHeaders": (
        lambda pairs: _added(tornado.httputil.HTTPHeaders(), "add", pairs),
        lambda headers: headers.get_all(),
    ),
    "urllib3.HTTPHeaderDict": (
        lambda pairs: _added(urllib3.HTTPHeaderDict(), "add", pairs),
        lambda headers: headers.iteritems(),
    ),
    "email.message.Message": (lambda pairs: _added(email.message.Message(), "add_header", pairs), _items),
    "urllib.request": (_request, _items),
    "grpc.aio.Metadata": (_metadata, iter),
    "Kafka": (lambda pairs: [(name, value.encode()) for name, value in pairs], iter),
}


@pytest.mark.parametrize("spelling", CASE_SPELLINGS)
@pytest.mark.parametrize("kind", WRITTEN)
def test_headers_of_another_span_do_not_outlive_the_writing(kind: str, spelling: str) -> None:
    """In real libraries' headers, read as these libraries send them, no name is repeated and none of another span is left."""
    make, raw = WRITTEN[kind]
    check_replaced(make, raw, CASE_SPELLINGS[spelling])


def test_the_headers_of_a_request_that_was_received_cannot_be_written_to() -> None:
    """`inject` raises InvalidCarrierException for the headers of a received request, because they cannot be changed."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    for carrier in (Headers(raw=PAIRS), EnvironHeaders(ENVIRON), CIMultiDictProxy(CIMultiDict(B3))):
        with pytest.raises(InvalidCarrierException):
            tracer.inject(tracer.start_span("x").context, Format.HTTP_HEADERS, carrier)


REPEATED = [("baggage", "a=1"), ("tracestate", "b=2"), ("Baggage", "c=3"), ("TraceState", "d=4")]
SEVERAL = {**WRITTEN, "starlette.MultiDict": (MultiDict, iter)}


@pytest.mark.parametrize("kind", [kind for kind in SEVERAL if kind not in ("requests", "urllib.request")])
def test_a_header_that_stands_several_times_is_one_list(kind: str) -> None:
    """All values of a repeated header are read as one list, although each of these classes returns them in its own way."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), w3c=True, baggage_fields=["baggage"])
    carrier = SEVERAL[kind][0]([("traceparent", f"00-{B3['x-b3-traceid']}-{B3['x-b3-spanid']}-03"), *REPEATED])
    span = tracer.start_span("x", child_of=tracer.extract(Format.HTTP_HEADERS, carrier))
    written: dict[str, str] = {}
    tracer.inject(span.context, Format.HTTP_HEADERS, written)

    assert ("a=1,c=3", "b=2,d=4", "03") == (written["baggage"], written["tracestate"], written["traceparent"][-2:])
