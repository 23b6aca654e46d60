"""Servers of other vendors, which take Zipkin's spans at their own paths: stand-ins that refuse any other request."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer

from .raw_server import ACCEPTED, RawServer, raw_server

KEY = "0123456789abcdef"


def vendor(target: str, header: str = "") -> Callable[[RawServer], Callable[[socket.socket], None]]:
    """A server that accepts spans only at `target` (else 404), and only with the header line `header` (else 403)."""

    def of(server: RawServer) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            head, _ = server.requests[-1]
            first, *lines = head.split("\r\n")
            status = b"403 Forbidden" if header and header not in lines else b""
            status = status if first == f"POST {target} HTTP/1.1" else b"404 Not Found"
            connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status if status else ACCEPTED)

        return answer

    return of


def report(of: Callable[[RawServer], Callable[[socket.socket], None]], endpoint: str, **options: Any) -> tuple[bool, list[str]]:
    """Whether a span was accepted, and the names of the sent spans."""
    with raw_server(lambda connection: of(server)(connection)) as server:
        tracer = ZipkinTracer("service", endpoint=endpoint.format(port=server.port), **options)
        tracer.start_trace("order").finish()
        accepted = tracer.flush(5)
        tracer.close(1).result(5)

        return accepted, [span["name"] for _, body in server.requests for span in json.loads(body)]


KEY_IN_THE_QUERY = vendor(f"/trace/v1?Api-Key={KEY}&Data-Format=zipkin&Data-Format-Version=2")
TOKEN_IN_A_HEADER = vendor("/v1/ingest/zipkin.spans", f"X-Auth-Token: {KEY}")


@pytest.mark.parametrize("encoding", ["json", "json_v1"])
def test_spans_arrive_where_the_key_stands_in_the_query(encoding: str) -> None:
    """Spans arrive at a vendor's path with the key in the query, in every encoding."""
    endpoint = f"http://127.0.0.1:{{port}}/trace/v1?Api-Key={KEY}&Data-Format=zipkin&Data-Format-Version=2"

    assert (True, ["order"]) == report(KEY_IN_THE_QUERY, endpoint, encoding=encoding)


def test_spans_arrive_where_the_token_is_a_header() -> None:
    """Spans arrive at a vendor's own path with the token in a header."""
    endpoint = "http://127.0.0.1:{port}/v1/ingest/zipkin.spans"

    assert (True, ["order"]) == report(TOKEN_IN_A_HEADER, endpoint, headers={"X-Auth-Token": KEY})


@pytest.mark.parametrize(
    ("of", "endpoint"),
    [
        (KEY_IN_THE_QUERY, "http://127.0.0.1:{port}/trace/v1"),
        (KEY_IN_THE_QUERY, "http://127.0.0.1:{port}"),
        (TOKEN_IN_A_HEADER, "http://127.0.0.1:{port}/v1/ingest/zipkin.spans"),
        (TOKEN_IN_A_HEADER, "http://127.0.0.1:{port}/v1/ingest/zipkin.spans/api/v2/spans"),
    ],
)
def test_the_stand_ins_refuse_what_is_wrong(of: Callable[[RawServer], Callable[[socket.socket], None]], endpoint: str) -> None:
    """The stand-ins refuse a wrong path or token, so that the tests above prove something."""
    accepted, _ = report(of, endpoint)

    assert False is accepted
