"""A field of the application that has the name of one of our log ids wins, and no log call raises."""

from __future__ import annotations

import io
import logging
import logging.config
import logging.handlers
import pickle
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import logging as instrumented
from opentracing_zipkin.instrument.logging import FIELDS
from opentracing_zipkin.testing import InMemoryRecorder

FORMAT = "%(trace_id)s/%(span_id)s %(message)s"
NAME = "tests.own_fields"


@pytest.fixture(autouse=True)
def _clean_logging() -> Iterator[None]:
    """Every logger, factory and class is as it was before."""
    factory, logger_class = logging.getLogRecordFactory(), logging.getLoggerClass()
    logging.Logger.manager.loggerDict.pop(NAME, None)
    opentracing.set_global_tracer(ZipkinTracer("shop", recorder=InMemoryRecorder()))
    yield
    instrumented.uninstall()
    logging.setLogRecordFactory(factory)
    logging.setLoggerClass(logger_class)
    logging.Logger.manager.loggerDict.pop(NAME, None)
    opentracing._reset_global_tracer()


def logger_with(output: io.StringIO) -> logging.Logger:
    """The logger NAME, which writes with FORMAT."""
    logger = logging.getLogger(NAME)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    handler = logging.StreamHandler(output)
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    return logger


class Adapter(logging.LoggerAdapter):  # type: ignore[type-arg]
    def process(self, msg: Any, kwargs: Any) -> Any:
        return msg, {**kwargs, "extra": self.extra}


def _log_an_exception(logger: logging.Logger, extra: dict[str, Any]) -> None:
    try:
        raise KeyError("tea")
    except KeyError:
        logger.exception("x", extra=extra)


def _make_and_handle(logger: logging.Logger, extra: dict[str, Any]) -> None:
    logger.handle(logger.makeRecord(NAME, logging.INFO, __file__, 1, "x", (), None, extra=extra))


def _emit_without_handle(logger: logging.Logger, extra: dict[str, Any]) -> None:
    logger.handlers[0].emit(logger.makeRecord(NAME, logging.INFO, __file__, 1, "x", (), None, extra=extra))


def _factory(logger: logging.Logger, extra: dict[str, Any]) -> None:
    inner = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = inner(*args, **kwargs)
        for field, value in extra.items():
            setattr(record, field, value)
        return record

    logging.setLogRecordFactory(make)
    logger.info("x")


def _class_of_records(logger: logging.Logger, extra: dict[str, Any]) -> None:
    logging.setLogRecordFactory(type("Record", (logging.LogRecord,), dict(extra)))
    logger.info("x")


def _property_of_records(logger: logging.Logger, extra: dict[str, Any]) -> None:
    members = {field: property(lambda _, value=value: value) for field, value in extra.items()}
    logging.setLogRecordFactory(type("Record", (logging.LogRecord,), members))
    logger.info("x")


def _before_super(logger: logging.Logger, extra: dict[str, Any]) -> None:
    class Record(logging.LogRecord):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            vars(self).update(extra)
            super().__init__(*args, **kwargs)

    logging.setLogRecordFactory(Record)
    logger.info("x")


def _filter(logger: logging.Logger, extra: dict[str, Any]) -> None:
    def add(record: logging.LogRecord) -> bool:
        vars(record).update(extra)
        return True

    logger.addFilter(add)
    logger.info("x")


def _configured_filter(logger: logging.Logger, extra: dict[str, Any]) -> None:
    stream = logger.handlers[0].stream  # type: ignore[attr-defined]

    class Add(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            vars(record).update(extra)
            return True

    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"add": {"()": Add}},
            "formatters": {"ids": {"format": FORMAT}},
            "handlers": {"out": {"class": "logging.StreamHandler", "stream": stream, "formatter": "ids", "filters": ["add"]}},
            "loggers": {NAME: {"handlers": ["out"], "level": "DEBUG", "propagate": False}},
        }
    )
    logger.info("x")


def _own_make_record(logger: logging.Logger, extra: dict[str, Any]) -> None:
    class Strict(type(logger)):  # type: ignore[misc]
        def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802
            """As Python's own, without calling it: a field that is there already is refused."""
            fields = args[8] if len(args) > 8 else kwargs.get("extra")
            record = logging.getLogRecordFactory()(*args[:8])
            for field, value in (fields or {}).items():
                if field in vars(record):
                    raise KeyError(field)
                vars(record)[field] = value
            return record

    logger.__class__ = Strict
    logger.info("x", extra=extra)


def _received(logger: logging.Logger, extra: dict[str, Any]) -> None:
    record = logging.makeLogRecord({"name": NAME, "msg": "x", "levelno": logging.INFO, **extra})
    logger.handle(pickle.loads(pickle.dumps(record)))


def _queued(logger: logging.Logger, extra: dict[str, Any]) -> None:
    waiting: queue.Queue[Any] = queue.Queue()
    outputs = logger.handlers[:]
    logger.handlers[:] = [logging.handlers.QueueHandler(waiting)]
    logger.info("x", extra=extra)
    sent = pickle.loads(pickle.dumps(waiting.get_nowait()))
    logging.handlers.QueueListener(queue.Queue(), *outputs).handle(sent)


WAYS: dict[str, Callable[[logging.Logger, dict[str, Any]], None]] = {
    "info": lambda logger, extra: logger.info("x", extra=extra),
    "log": lambda logger, extra: logger.log(logging.WARNING, "x", extra=extra),
    "exception": _log_an_exception,
    "stack": lambda logger, extra: logger.info("x", extra=extra, stack_info=True),
    "LoggerAdapter": lambda logger, extra: Adapter(logger, extra).info("x"),
    "makeRecord": _make_and_handle,
    "emit": _emit_without_handle,
    "own makeRecord": _own_make_record,
    "factory": _factory,
    "class of records": _class_of_records,
    "property of records": _property_of_records,
    "before super().__init__": _before_super,
    "filter": _filter,
    "logging.config": _configured_filter,
    "received": _received,
    "queued": _queued,
}
OWN = [{"trace_id": "own-t"}, {"span_id": "own-s"}, {"trace_id": "own-t", "span_id": "own-s"}, {"trace_id": None}]


def test_the_table_has_each_of_our_fields() -> None:
    """Every field that the instrumentation adds is one of those that the table gives a value."""
    assert set(FIELDS) == {field for own in OWN for field in own}


@pytest.mark.parametrize("own", OWN, ids=lambda own: "+".join(f"{field}={value}" for field, value in own.items()))
@pytest.mark.parametrize("way", WAYS)
def test_the_applications_field_wins(way: str, own: dict[str, Any]) -> None:
    """A field of `extra=`, of a factory, of a class or of a filter is written as it is; our other id stands beside it."""
    instrumented.install()
    output = io.StringIO()
    logger = logger_with(output)
    with opentracing.global_tracer().start_active_span("buy") as scope:
        ids = {"trace_id": scope.span.context.trace_id, "span_id": scope.span.context.span_id}
        WAYS[way](logger, own)
    expected = {**ids, **own}

    assert f"{expected['trace_id']}/{expected['span_id']} x" == output.getvalue().splitlines()[0]


@pytest.mark.parametrize("way", ["factory", "class of records", "property of records", "before super().__init__"])
def test_a_factory_from_before_install_wins_too(way: str) -> None:
    """A record factory that was set before `install` keeps its fields."""
    output = io.StringIO()
    logger = logger_with(output)
    WAYS[way](logging.Logger("nobody"), {"trace_id": "own-t", "span_id": "own-s"})
    instrumented.install()
    with opentracing.global_tracer().start_active_span("buy"):
        logger.info("x")

    assert "own-t/own-s x\n" == output.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_records_without_own_fields_have_both_ids(way: str) -> None:
    """Each of these ways without a field of the application gives the ids of the active span."""
    instrumented.install()
    output = io.StringIO()
    logger = logger_with(output)
    with opentracing.global_tracer().start_active_span("buy") as scope:
        WAYS[way](logger, {})

    assert f"{scope.span.context.trace_id}/{scope.span.context.span_id} x" == output.getvalue().splitlines()[0]


def test_a_record_has_no_other_field_of_ours() -> None:
    """A formatter that writes all fields of a record finds our two, and none besides."""
    before = set(vars(logging.makeLogRecord({})))
    instrumented.install()
    fields: set[str] = set()
    handler = logging.Handler()
    handler.emit = lambda record: fields.update(vars(record))  # type: ignore[method-assign]
    logger = logger_with(io.StringIO())
    logger.handlers[:] = [handler]
    logger.info("x", extra={"user": 5})

    assert {*FIELDS, "user"} == fields - before


def test_a_factory_reads_the_ids_as_attributes() -> None:
    """A record factory that was set after `install` can read `record.trace_id`."""
    instrumented.install()
    inner = logging.getLogRecordFactory()
    seen: list[str] = []

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = inner(*args, **kwargs)
        seen.append(f"{record.trace_id}/{record.span_id}")  # type: ignore[attr-defined]
        return record

    logging.setLogRecordFactory(make)
    with opentracing.global_tracer().start_active_span("buy") as scope:
        logger_with(io.StringIO()).info("x")

    assert [f"{scope.span.context.trace_id}/{scope.span.context.span_id}"] == seen


def test_a_property_that_raises_costs_no_record() -> None:
    """A property of the application's class that raises gives an empty field."""

    def fail(_: object) -> str:
        raise RuntimeError("no request")

    instrumented.install()
    logging.setLogRecordFactory(type("Record", (logging.LogRecord,), {"trace_id": property(fail)}))
    output = io.StringIO()
    logger_with(output).info("x")

    assert "/ x\n" == output.getvalue()


@pytest.mark.parametrize("formatted", ["before install", "unpickled", "direct"])
def test_a_format_that_no_handler_called_has_the_fields(formatted: str) -> None:
    """`formatter.format(record)` raises nothing, although no handler and no logger of ours has seen the record."""
    early = logging.makeLogRecord({"msg": "x"})
    instrumented.install()
    record = {
        "before install": lambda: early,
        "unpickled": lambda: pickle.loads(pickle.dumps(early)),
        "direct": lambda: logging.makeLogRecord({"msg": "x"}),
    }[formatted]()

    assert "/ x" == logging.Formatter(FORMAT).format(record)
    assert ("", "") == (record.trace_id, record.span_id)


def test_an_object_that_only_looks_like_a_record_is_left_to_the_handler() -> None:
    """A handler gets whatever it was given, also an object without fields."""

    class Bare:
        __slots__ = ()
        levelno = logging.INFO

    instrumented.install()
    seen: list[object] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign, assignment]
    bare = Bare()
    handler.handle(bare)  # type: ignore[arg-type]

    assert [bare] == seen
