"""A shop on gRPC, traced by grpcio-opentracing; its messages are bytes, so no protobuf compiler is needed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_opentracing import grpcext, open_tracing_server_interceptor

import opentracing
from opentracing_zipkin import configure

from .serving import serve_until_told


def price(request: bytes, context: Any) -> bytes:
    with opentracing.tracer.start_span("look up", child_of=context.get_active_span()):
        return b"12"


def prices(request: bytes, context: Any) -> Iterator[bytes]:
    yield b"12"
    yield b"13"


def refuse(request: bytes, context: Any) -> bytes:
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("no such article")
    return b""


HANDLERS = {
    "Price": grpc.unary_unary_rpc_method_handler(price),
    "Prices": grpc.unary_stream_rpc_method_handler(prices),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
}


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    traced = grpcext.intercept_server(server, open_tracing_server_interceptor(configure()))
    traced.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Shop", HANDLERS),))
    traced.start()
    serve_until_told(port)
    server.stop(grace=1).wait(5)


if __name__ == "__main__":
    main()
