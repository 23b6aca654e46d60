"""redis-opentracing with a real Redis server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest
import redis
import redis_opentracing

import opentracing
from opentracing.ext import tags
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .processes import redis_server

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def client(port: int, tracer: ZipkinTracer) -> Iterator[redis.Redis]:
    """A traced client of an empty database."""

    def name_the_server(span: opentracing.Span) -> None:
        span.set_tag(tags.PEER_SERVICE, "redis")
        span.set_tag(tags.PEER_HOST_IPV4, "127.0.0.1")
        span.set_tag(tags.PEER_PORT, port)

    redis_opentracing.init_tracing(tracer, trace_all_classes=False, start_span_cb=name_the_server)
    with redis.Redis("127.0.0.1", port, socket_timeout=5) as client:
        client.flushall()
        redis_opentracing.trace_client(client)
        yield client


def test_commands_are_client_spans_below_the_active_one(
    client: redis.Redis, port: int, tracer: ZipkinTracer, one_trace: Read
) -> None:
    """A command is a CLIENT span with its text, and the `peer.*` tags of the callback are its remote endpoint."""
    with tracer.start_active_span("buy"):
        client.set("tea", 3)
        left = client.decr("tea")

    trace = one_trace(3)
    commands = [trace["caller", name] for name in ("set", "decrby")]

    assert 2 == left
    assert ["CLIENT"] * 2 == [span.kind for span in commands]
    assert [trace["caller", "buy"].span_id] * 2 == [span.parent_id for span in commands]
    assert [Endpoint("redis", "127.0.0.1", "", port)] * 2 == [span.remote for span in commands]
    assert {"component": "redis-py", "db.type": "redis", "db.statement": "SET tea 3"} == commands[0].tags


def test_a_pipeline_is_one_span(client: redis.Redis, one_trace: Read) -> None:
    """All commands of a transaction are in one span."""
    with client.pipeline() as pipeline:
        answers = pipeline.set("tea", 3).incr("tea").execute()

    assert [True, 4] == answers
    assert "SET tea 3;INCRBY tea 1" == one_trace(1)["caller", "multi"].tags["db.statement"]


def test_a_command_that_fails_has_the_error_tag(client: redis.Redis, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The error message of the server is the error of the command's span."""
    with tracer.start_active_span("buy"):
        client.set("tea", "green")
        with pytest.raises(redis.ResponseError):
            client.incr("tea")

    trace = one_trace(3)

    assert "value is not an integer" in trace["caller", "incrby"].tags["error"]
    assert "error" not in trace["caller", "set"].tags
    assert "error" not in trace["caller", "buy"].tags
