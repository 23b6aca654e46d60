"""Calls that two instrumentations would record: Celery's commands to its broker, and SQLAlchemy's calls of the driver."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
import redis
import sqlalchemy
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import celery_redis, sqlalchemy_drivers
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.testing import InMemoryRecorder

from .processes import redis_server


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def tracer(recorder: InMemoryRecorder) -> ZipkinTracer:
    return ZipkinTracer("shop", recorder=recorder)


@pytest.fixture
def traced_redis(tracer: ZipkinTracer) -> Iterator[None]:
    RedisInstrumentor().instrument(tracer_provider=TracerProvider(tracer))
    yield
    RedisInstrumentor().uninstrument()


@pytest.fixture
def traced_databases(tracer: ZipkinTracer) -> Iterator[None]:
    instrumentors: list[Any] = [SQLAlchemyInstrumentor(), SQLite3Instrumentor()]
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=TracerProvider(tracer))
    yield
    for instrumentor in instrumentors:
        instrumentor.uninstrument()


def send_and_receive(port: int, **options: str) -> None:
    """Pass a message through a queue, with the client that Celery uses."""
    with kombu.Connection(f"redis://127.0.0.1:{port}/0", transport_options=options) as connection:
        queue = connection.SimpleQueue("parcels")
        queue.put("tea")
        message = queue.get(timeout=5)
        assert "tea" == message.payload
        message.ack()
        queue.close()


@pytest.mark.usefixtures("traced_redis")
@pytest.mark.parametrize("options", [{}, {"global_keyprefix": "shop"}])
def test_what_celery_tells_its_broker_leaves_no_spans(
    port: int, recorder: InMemoryRecorder, tracer: ZipkinTracer, options: dict[str, str]
) -> None:
    """Celery's commands and transactions have no spans, inside a trace or outside, but the application's commands have."""
    celery_redis.install()
    try:
        send_and_receive(port, **options)
        with tracer.start_active_span("work"):
            send_and_receive(port, **options)
            with redis.Redis("127.0.0.1", port) as client:
                client.set("tea", 3)
    finally:
        celery_redis.uninstall()

    assert ["set", "work"] == [span.name for span in recorder.spans]


@pytest.mark.usefixtures("traced_redis")
def test_without_our_instrumentation_of_celery_nothing_is_hidden(port: int, recorder: InMemoryRecorder) -> None:
    """After `uninstall` the client's commands have spans again."""
    celery_redis.install()
    celery_redis.uninstall()
    send_and_receive(port)

    assert "lpush" in {span.name for span in recorder.spans}


def ask(engine: sqlalchemy.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE articles (name TEXT)"))
        connection.execute(sqlalchemy.text("INSERT INTO articles VALUES (:name)"), [{"name": "tea"}, {"name": "coffee"}])
    with engine.connect() as connection:
        assert 2 == connection.execute(sqlalchemy.text("SELECT count(*) FROM articles")).scalar()


@pytest.mark.usefixtures("traced_databases")
def test_a_statement_of_sqlalchemys_is_one_span(recorder: InMemoryRecorder) -> None:
    """Each statement is one span, also one with many rows, and the statements that a new engine sends by itself have none."""
    sqlalchemy_drivers.install()
    try:
        ask(sqlalchemy.create_engine("sqlite://"))
    finally:
        sqlalchemy_drivers.uninstall()

    assert ["connect", "create", "insert", "connect", "select"] == [s.name for s in recorder.spans]


@pytest.mark.usefixtures("traced_databases")
def test_a_statement_of_the_applications_own_is_a_span_of_the_drivers(recorder: InMemoryRecorder, tmp_path: Path) -> None:
    """A statement sent without SQLAlchemy, or on a connection that SQLAlchemy lends, is a span of the driver."""
    sqlalchemy_drivers.install()
    try:
        connection = sqlite3.connect(tmp_path / "shop.db")
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE articles (name TEXT)")
        cursor.close()
        connection.close()
        lent = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/shop.db").raw_connection()
        cursor = lent.cursor()
        cursor.execute("SELECT count(*) FROM articles")
        cursor.close()
        lent.close()
    finally:
        sqlalchemy_drivers.uninstall()

    assert ["sqlite3"] * 2 == [s.tags["otel.scope.name"].rpartition(".")[2] for s in recorder.spans]


@pytest.mark.usefixtures("traced_databases")
def test_an_error_of_the_databases_reaches_the_application_and_its_span(recorder: InMemoryRecorder) -> None:
    """An error of the database reaches the application, the same as without our hooks, and is the span's error."""
    sqlalchemy_drivers.install()
    try:
        with sqlalchemy.create_engine("sqlite://").connect() as connection, pytest.raises(sqlalchemy.exc.OperationalError):
            connection.execute(sqlalchemy.text("SELECT * FROM nowhere"))
    finally:
        sqlalchemy_drivers.uninstall()

    assert "no such table: nowhere" in recorder.spans[-1].tags["error"]
