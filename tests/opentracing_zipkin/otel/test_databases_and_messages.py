"""Databases and brokers as Zipkin's users expect them: with their names in the dependency graph, and with their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.trace import Link, SpanKind, StatusCode

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector.dependencies import dependency_links
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.otel import B3Propagator, TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import InMemoryRecorder

# Attributes that instrumentations set, by the old and the stable conventions, and the remote endpoint that results from them.
CLIENTS: dict[str, tuple[Mapping[str, Any], Endpoint]] = {
    "mysql, old": ({"db.system": "mysql", "db.name": "orders", "net.peer.name": "db.example", "net.peer.port": 3306}, Endpoint("orders", "", "", 3306)),
    "mysql, stable": ({"db.system.name": "mysql", "db.namespace": "orders", "server.address": "10.0.0.3", "server.port": 3306}, Endpoint("orders", "10.0.0.3", "", 3306)),
    "mysql, no name": ({"db.system": "mysql", "net.peer.name": "127.0.0.1", "net.peer.port": 3306}, Endpoint("mysql", "127.0.0.1", "", 3306)),
    "postgresql, by its socket": ({"db.system": "postgresql", "db.name": "goods", "net.sock.peer.addr": "10.0.0.4", "net.sock.peer.port": 5432}, Endpoint("goods", "10.0.0.4", "", 5432)),
    "postgresql, stable": ({"db.system.name": "postgresql", "db.namespace": "goods", "server.address": "pg", "server.port": 5432, "network.peer.address": "10.0.0.4", "network.peer.port": 5432}, Endpoint("goods", "10.0.0.4", "", 5432)),
    "sqlite in memory": ({"db.system": "sqlite", "db.name": ":memory:"}, Endpoint("sqlite")),
    "sqlite in a file": ({"db.system": "sqlite", "db.name": "/var/lib/shop.db"}, Endpoint("sqlite")),
    "redis, old": ({"db.system": "redis", "db.redis.database_index": 0, "net.peer.name": "localhost", "net.peer.port": 6379, "net.transport": "ip_tcp"}, Endpoint("redis", "", "", 6379)),
    "redis, stable": ({"db.system.name": "redis", "db.namespace": "0", "server.address": "10.0.0.5", "server.port": 6379}, Endpoint("redis", "10.0.0.5", "", 6379)),
    "mongodb": ({"db.system": "mongodb", "db.name": "goods", "net.peer.name": "mongo", "net.peer.port": 27017, "db.mongodb.collection": "orders"}, Endpoint("goods", "", "", 27017)),
    "peer.service first": ({"peer.service": "Orders-DB", "db.system": "mysql", "db.name": "orders"}, Endpoint("orders-db")),
    "http": ({"http.method": "GET", "http.url": "http://stock.example:8080/items/7"}, Endpoint("stock.example", "", "", 8080)),
    "http, stable": ({"http.request.method": "GET", "url.full": "http://stock.example:8080/items/7", "server.address": "stock.example", "server.port": 8080}, Endpoint("stock.example", "", "", 8080)),
    "grpc": ({"rpc.system": "grpc", "rpc.service": "shop.Stock", "net.peer.name": "stock", "net.peer.port": 50051}, Endpoint("stock", "", "", 50051)),
    "grpc, no server": ({"rpc.system": "grpc", "rpc.service": "shop.Stock", "rpc.method": "Count"}, Endpoint("shop.stock")),
    "grpc, by its socket": ({"rpc.system": "grpc", "rpc.service": "shop.Stock", "net.peer.ip": "10.0.0.7", "net.peer.port": 50051}, Endpoint("shop.stock", "10.0.0.7", "", 50051)),
    "a database of the service's name": ({"db.system": "postgresql", "db.name": "Shop", "net.peer.name": "db"}, Endpoint("postgresql")),
    "the same, stable": ({"db.system.name": "postgresql", "db.namespace": "shop"}, Endpoint("postgresql")),
}  # fmt: skip
MESSAGES: dict[str, tuple[Mapping[str, Any], Endpoint]] = {
    "kafka, old": ({"messaging.system": "kafka", "messaging.destination": "orders", "messaging.url": "kafka:9092"}, Endpoint("kafka", "", "", 9092)),
    "kafka, stable": ({"messaging.system": "kafka", "messaging.destination.name": "orders", "server.address": "10.0.0.6", "server.port": 9092}, Endpoint("kafka", "10.0.0.6", "", 9092)),
    "rabbitmq": ({"messaging.system": "rabbitmq", "net.peer.name": "rabbit", "net.peer.port": 5672}, Endpoint("rabbitmq", "", "", 5672)),
    "sqs": ({"messaging.system": "aws_sqs", "messaging.destination.name": "orders"}, Endpoint("aws_sqs")),
    "celery": ({"messaging.message.id": "7", "messaging.destination": "celery", "celery.action": "apply_async", "peer.service": "redis"}, Endpoint("redis")),
}  # fmt: skip


def remote_of(
    tracer: Tracer, recorder: InMemoryRecorder, kind: SpanKind, attributes: Mapping[str, Any], late: bool
) -> FinishedSpan:
    span = tracer.start_span("span", kind=kind, attributes=None if late else attributes)
    if late:
        span.set_attributes(attributes)
    span.end()
    return recorder.spans[-1]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("case", CLIENTS)
def test_clients(tracer: Tracer, recorder: InMemoryRecorder, case: str, late: bool) -> None:
    """The remote endpoint is named by the database's name, its system or its server, and attributes set early or late stay tags."""
    attributes, expected = CLIENTS[case]
    sent = remote_of(tracer, recorder, SpanKind.CLIENT, attributes, late)

    assert ("CLIENT", expected) == (sent.kind, sent.remote)
    assert {key: str(value) for key, value in attributes.items()}.items() <= sent.tags.items()


@pytest.mark.parametrize("kind", [SpanKind.PRODUCER, SpanKind.CONSUMER])
@pytest.mark.parametrize("case", MESSAGES)
def test_messages(tracer: Tracer, recorder: InMemoryRecorder, case: str, kind: SpanKind) -> None:
    """The broker is the remote endpoint of both the sender and the receiver of a message."""
    attributes, expected = MESSAGES[case]
    sent = remote_of(tracer, recorder, kind, attributes, False)

    assert (kind.name, expected) == (sent.kind, sent.remote)


@pytest.mark.parametrize("case", [*CLIENTS, *MESSAGES])
def test_an_internal_span_has_no_remote_endpoint(tracer: Tracer, recorder: InMemoryRecorder, case: str) -> None:
    """An INTERNAL span has no remote endpoint, because with two endpoints and no kind Zipkin would draw a wrong arrow."""
    sent = remote_of(tracer, recorder, SpanKind.INTERNAL, {**CLIENTS, **MESSAGES}[case][0], False)

    assert (None, None) == (sent.kind, sent.remote)


def test_the_dependency_graph() -> None:
    """If shop queries its database and sends to worker through a broker, the graph has three arrows with these names."""
    recorder = InMemoryRecorder()
    shop, worker = (ZipkinTracer(name, recorder=recorder) for name in ("shop", "worker"))
    shops, workers = (TracerProvider(tracer).get_tracer("x") for tracer in (shop, worker))
    carrier: dict[str, str] = {}
    with shops.start_as_current_span("buy", kind=SpanKind.SERVER):
        with shops.start_as_current_span("insert", kind=SpanKind.CLIENT, attributes=CLIENTS["mysql, old"][0]):
            pass
        with shops.start_as_current_span("send", kind=SpanKind.PRODUCER, attributes=MESSAGES["kafka, old"][0]) as send:
            B3Propagator(shop).inject(carrier)
    context = B3Propagator(worker).extract(carrier)
    link = Link(send.get_span_context())
    workers.start_span("receive", context, SpanKind.CONSUMER, MESSAGES["kafka, old"][0], [link]).end()

    assert {("shop", "orders"), ("shop", "kafka"), ("kafka", "worker")} == {
        (each["parent"], each["child"]) for each in dependency_links([recorder.spans])
    }


def test_a_long_statement_is_cut(recorder: InMemoryRecorder) -> None:
    """A long value is cut at `max_tag_length` when the attribute is set."""
    tracer = TracerProvider(ZipkinTracer("shop", recorder=recorder, max_tag_length=20)).get_tracer("x")
    tracer.start_span(
        "select", kind=SpanKind.CLIENT, attributes={"db.system": "mysql", "db.statement": "SELECT " + "x, " * 999}
    ).end()

    assert "SELECT x, x, x, x, x" == recorder.spans[0].tags["db.statement"]


def test_a_statement_that_fails(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """The error of a failed statement is the text of the database's driver."""
    span = tracer.start_span("select", kind=SpanKind.CLIENT, attributes={"db.system": "mysql"})
    span.set_status(StatusCode.ERROR, "(1146, \"Table 'shop.orders' doesn't exist\")")
    span.end()

    assert "(1146, \"Table 'shop.orders' doesn't exist\")" == recorder.spans[0].tags["error"]
