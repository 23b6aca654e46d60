"""Log records have the ids of the active span."""

from __future__ import annotations

import io
import logging
import logging.handlers
from collections.abc import Iterator

import pytest

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import logging as instrumented
from opentracing_zipkin.testing import InMemoryRecorder

FORMAT = "%(trace_id)s/%(span_id)s %(message)s"


@pytest.fixture
def tracer() -> Iterator[ZipkinTracer]:
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder())
    opentracing.set_global_tracer(tracer)
    yield tracer
    opentracing._reset_global_tracer()


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """The lines that a new logger writes with FORMAT."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(logging.Formatter(FORMAT))
    logger = logging.getLogger("tests.instrument")
    logger.addHandler(handler)
    logger.propagate = False
    yield output
    logger.removeHandler(handler)


@pytest.fixture
def installed() -> Iterator[None]:
    instrumented.install()
    yield
    instrumented.uninstall()


def log(message: str) -> None:
    logging.getLogger("tests.instrument").warning(message)


@pytest.mark.usefixtures("installed")
def test_a_record_has_the_ids_of_the_active_span(tracer: ZipkinTracer, output: io.StringIO) -> None:
    """`%(trace_id)s` and `%(span_id)s` are the ids of the span that is active at the log call."""
    with tracer.start_active_span("buy") as scope:
        log("inside")
    context = scope.span.context

    assert f"{context.trace_id}/{context.span_id} inside\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_a_record_outside_a_trace_has_empty_ids(tracer: ZipkinTracer, output: io.StringIO) -> None:
    """Without an active span both ids are empty, and the format still works."""
    log("outside")

    assert "/ outside\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_an_unsampled_span_has_ids_in_the_log(output: io.StringIO) -> None:
    """A request that is not recorded can still be followed through the logs."""
    tracer = ZipkinTracer("shop", recorder=InMemoryRecorder(), sample_rate=0.0)
    opentracing.set_global_tracer(tracer)
    with tracer.start_active_span("buy") as scope:
        log("inside")
    opentracing._reset_global_tracer()

    assert f"{scope.span.context.trace_id}/{scope.span.context.span_id} inside\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_another_tracers_ids_are_written_as_hex(output: io.StringIO) -> None:
    """Ids that another tracer keeps as numbers are written as 16 hex digits."""
    tracer = MockTracer()
    opentracing.set_global_tracer(tracer)
    with tracer.start_active_span("buy") as scope:
        log("inside")
    opentracing._reset_global_tracer()

    assert f"{scope.span.context.trace_id:016x}/{scope.span.context.span_id:016x} inside\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_a_tracer_without_ids_costs_no_record(output: io.StringIO) -> None:
    """The no-op tracer's contexts have no ids, and log records are written with empty ones."""
    log("silent")

    assert "/ silent\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_a_replaced_record_factory_keeps_the_ids(tracer: ZipkinTracer, output: io.StringIO) -> None:
    """Records have the ids although a library sets its own record factory, before `install` or after."""

    class OwnRecord(logging.LogRecord):
        pass

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(OwnRecord)
    try:
        with tracer.start_active_span("buy") as scope:
            log("inside")
    finally:
        logging.setLogRecordFactory(before)

    assert output.getvalue().startswith(f"{scope.span.context.trace_id}/")


def test_a_record_that_was_made_before_is_written_with_empty_ids(output: io.StringIO) -> None:
    """A record that a MemoryHandler kept from before `install` is written with empty ids."""
    target = logging.getLogger("tests.instrument").handlers[0]
    memory = logging.handlers.MemoryHandler(100, target=target)
    memory.handle(logging.makeLogRecord({"msg": "early", "levelno": logging.INFO}))
    instrumented.install()
    try:
        memory.flush()
    finally:
        instrumented.uninstall()
        memory.close()

    assert "/ early\n" == output.getvalue()


@pytest.mark.usefixtures("installed")
def test_a_record_from_another_process_keeps_its_ids(tracer: ZipkinTracer, output: io.StringIO) -> None:
    """A record that a QueueHandler passed on keeps the ids from where it was made."""
    with tracer.start_active_span("buy") as scope:
        record = logging.LogRecord("tests.instrument", logging.WARNING, __file__, 1, "sent", (), None)
    again = logging.makeLogRecord(vars(record))
    logging.getLogger("tests.instrument").handle(again)

    assert output.getvalue().startswith(f"{scope.span.context.trace_id}/")


@pytest.mark.parametrize("style", ["%", "{", "$"])
@pytest.mark.usefixtures("installed")
def test_every_style_of_format_has_the_ids(style: str, output: io.StringIO) -> None:
    """All three styles of `logging.Formatter` can use the ids."""
    text = {"%": "[%(trace_id)s] %(message)s", "{": "[{trace_id}] {message}", "$": "[$trace_id] $message"}[style]
    logging.getLogger("tests.instrument").handlers[0].setFormatter(logging.Formatter(text, style=style))  # type: ignore[arg-type]
    log("x")

    assert "[] x\n" == output.getvalue()


def test_uninstall_puts_the_library_back() -> None:
    """`uninstall` puts back Python's own log records, which have no ids."""
    before = logging.LogRecord.__init__, logging.Handler.handle
    instrumented.install()
    instrumented.install()
    instrumented.uninstall()

    assert before == (logging.LogRecord.__init__, logging.Handler.handle)
    assert not hasattr(logging.makeLogRecord({}), "trace_id")


@pytest.mark.usefixtures("installed")
def test_our_own_log_lines_belong_to_no_trace() -> None:
    """The reporter's log lines have empty ids, because they concern many traces."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign, assignment]
    logger = logging.getLogger("opentracing_zipkin")
    logger.addHandler(handler)
    tracer = ZipkinTracer("shop", endpoint="http://127.0.0.1:9", flush_interval=0.01)
    opentracing.set_global_tracer(tracer)
    try:
        tracer.start_span("lost").finish()
        tracer.close(0.2).result(10)
    finally:
        logger.removeHandler(handler)

    assert records
    assert {("", "")} == {(record.trace_id, record.span_id) for record in records}  # type: ignore[attr-defined]
