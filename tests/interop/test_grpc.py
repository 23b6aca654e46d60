"""grpcio-opentracing with a real server and a real channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import grpc
import pytest
from grpc_opentracing import grpcext, open_tracing_client_interceptor

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .processes import application

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]

TIMEOUT_S = 10.0


@contextmanager
def shop(collector: Collector, tracer: ZipkinTracer) -> Iterator[grpc.Channel]:
    """A traced channel to a running shop."""
    with application("grpc_shop", "shop", collector.url) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield grpcext.intercept_channel(channel, open_tracing_client_interceptor(tracer))


def test_a_call_is_one_span_that_both_sides_report(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The server sets its kind at the start, so it shares the client's span id, and its own work is below that span."""
    with shop(collector, tracer) as channel, tracer.start_active_span("buy"):
        answer = channel.unary_unary("/shop.Shop/Price")(b"tea", timeout=TIMEOUT_S)

    trace = one_trace(4)
    client, server = trace["caller", "/shop.shop/price"], trace["shop", "/shop.shop/price"]

    assert b"12" == answer
    assert ["CLIENT", "SERVER"] == [client.kind, server.kind]
    assert (client.span_id, client.parent_id) == (server.span_id, server.parent_id)
    assert [False, True] == [client.shared, server.shared]
    assert trace["caller", "buy"].span_id == client.parent_id
    assert server.span_id == trace["shop", "look up"].parent_id


def test_the_server_knows_who_called(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The caller's address and port become the server's remote endpoint, and are not sent as tags again."""
    with shop(collector, tracer) as channel:
        channel.unary_unary("/shop.Shop/Price")(b"tea", timeout=TIMEOUT_S)

    server = one_trace(3)["shop", "/shop.shop/price"]

    assert server.remote is not None
    assert "127.0.0.1" == server.remote.ipv4
    assert server.remote.port > 0
    assert {"component": "grpc"} == server.tags


def test_a_stream_is_one_span_on_each_side(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The spans of a call with a streamed response last until its end."""
    with shop(collector, tracer) as channel:
        answers = list(channel.unary_stream("/shop.Shop/Prices")(b"tea", timeout=TIMEOUT_S))

    trace = one_trace(2)

    assert [b"12", b"13"] == answers
    assert ["CLIENT", "SERVER"] == [trace[service, "/shop.shop/prices"].kind for service in ("caller", "shop")]


def test_a_call_that_fails_has_the_error_tag_on_both_sides(collector: Collector, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The client's error is the exception that it received; the server's error is the details that it set."""
    with shop(collector, tracer) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/shop.Shop/Refuse")(b"gold", timeout=TIMEOUT_S)

    trace = one_trace(2)

    assert "no such article" == trace["shop", "/shop.shop/refuse"].tags["error"]
    assert "no such article" in trace["caller", "/shop.shop/refuse"].tags["error"]


def test_a_call_in_the_background_is_traced_until_it_is_done(
    collector: Collector, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """The span of a future is finished by a callback on another thread."""
    with shop(collector, tracer) as channel:
        answer = channel.unary_unary("/shop.Shop/Price").future(b"tea", timeout=TIMEOUT_S).result(TIMEOUT_S)

    assert b"12" == answer
    assert "CLIENT" == one_trace(3)["caller", "/shop.shop/price"].kind
