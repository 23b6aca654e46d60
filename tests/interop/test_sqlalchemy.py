"""sqlalchemy-opentracing with SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest
import sqlalchemy_opentracing
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.model import FinishedSpan

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]

METADATA = MetaData()
ARTICLES = Table("articles", METADATA, Column("id", Integer, primary_key=True), Column("name", String))


@pytest.fixture
def engine(tracer: ZipkinTracer) -> Iterator[Engine]:
    """A database in memory; every statement on it is traced."""
    engine = create_engine("sqlite://")
    sqlalchemy_opentracing.init_tracing(tracer, trace_all_engines=False, trace_all_queries=True)
    sqlalchemy_opentracing.register_engine(engine)
    yield engine
    sqlalchemy_opentracing.unregister_engine(engine)
    engine.dispose()


def test_statements_are_children_of_the_active_span(engine: Engine, tracer: ZipkinTracer, one_trace: Read) -> None:
    """Each statement is a span with its text, and a child of the active span."""
    with tracer.start_active_span("open the shop"):
        METADATA.create_all(engine)
        with engine.begin() as connection:
            connection.execute(insert(ARTICLES), {"id": 1, "name": "tea"})
            names = connection.execute(select(ARTICLES.c.name)).scalars().all()

    trace = one_trace(4)
    statements = [trace["caller", name] for name in ("create_table", "insert", "select")]

    assert ["tea"] == list(names)
    assert [trace["caller", "open the shop"].span_id] * 3 == [span.parent_id for span in statements]
    assert [("sqlalchemy", "sql", "sqlite")] * 3 == [
        (span.tags["component"], span.tags["db.type"], span.tags["sqlalchemy.dialect"]) for span in statements
    ]
    assert "INSERT INTO articles (id, name) VALUES (?, ?)" == statements[1].tags["db.statement"]


def test_a_session_may_be_given_its_parent(engine: Engine, tracer: ZipkinTracer, one_trace: Read) -> None:
    """A span given by `set_parent_span` is the parent, not the active span."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version")  # not traced, as the package documents
    with tracer.start_span("parent") as parent, Session(engine) as session:
        sqlalchemy_opentracing.set_parent_span(session, parent)
        session.execute(select(1))

    trace = one_trace(2)

    assert trace["caller", "parent"].span_id == trace["caller", "select"].parent_id


def test_a_statement_that_fails_has_the_error_tag(engine: Engine, tracer: ZipkinTracer, one_trace: Read) -> None:
    """The package marks the span of the failed statement; the span around it has no error, as the exception was handled."""
    with tracer.start_active_span("open the shop"), engine.connect() as connection:
        METADATA.create_all(connection)
        with pytest.raises(IntegrityError):
            connection.execute(insert(ARTICLES), [{"id": 1, "name": "tea"}, {"id": 1, "name": "salt"}])

    trace = one_trace(3)
    failed = trace["caller", "insert"]

    assert "true" == failed.tags["error"]
    assert "UNIQUE constraint failed: articles.id" == failed.tags["sqlalchemy.exception"]
    assert "error" not in trace["caller", "open the shop"].tags
