"""The reference implementation: contexts with attributes, raw records, recorders."""

from __future__ import annotations

import pytest

from opentracing import Format, InvalidCarrierException, Tracer, UnsupportedFormatException
from opentracing.standard import InMemoryRecorder, RawLog, RawSpan, Recorder, RecordingTracer, TraceContext
from opentracing.standard.context import TraceContext as ContextOfItsModule
from opentracing.standard.raw import RawSpan as RawSpanOfItsModule


def test_attributes_are_compared_without_case_and_with_underscore_as_dash() -> None:
    """They are kept in the normalised spelling."""
    context = TraceContext()

    assert (None, None) == (context.get_trace_attribute("x"), context.trace_attributes_as_dict())
    context.set_trace_attribute("X_y", "value").set_trace_attribute("ZZ", "value2")
    assert "value" == context.get_trace_attribute("x-Y")
    assert {"x-y": "value", "zz": "value2"} == context.trace_attributes_as_dict() == context.baggage


def test_the_store_given_to_a_context_is_used_as_it_is() -> None:
    """The caller gives up ownership, and a subclass finds it under its name."""
    store = {"a": "1"}
    context = TraceContext(store)
    context.set_trace_attribute("b", "2")

    assert {"a": "1", "b": "2"} == store
    assert store is context.trace_attributes


def test_the_modules_of_0_5_are_importable() -> None:
    """`opentracing.standard.context` and `opentracing.standard.raw`."""

    assert (TraceContext, RawSpan) == (ContextOfItsModule, RawSpanOfItsModule)


def test_a_raw_span_gathers_tags_and_logs() -> None:
    """Pairs and records, None while there are none."""
    raw = RawSpan(TraceContext(), "op")

    assert (None, None) == (raw.tags, raw.logs)
    raw.add_tag("k", 1)
    raw.add_log(RawLog(1.0, True, "%s", "x"))
    assert [("k", 1)] == raw.tags
    assert ("%s", ("x",), True) == (raw.logs[0].message, raw.logs[0].payload, raw.logs[0].is_error)  # type: ignore[index]


def test_a_recorder_has_to_record() -> None:
    """Recorder is abstract; flushing and closing have defaults."""

    class Keeping(Recorder):
        def record(self, span: RawSpan) -> None:
            self.last = span

    with pytest.raises(TypeError, match="abstract"):
        Recorder()  # type: ignore[abstract]
    assert True is Keeping().close().result(timeout=1)


def test_a_finished_span_reaches_the_recorder_with_its_times() -> None:
    """Start in seconds since the epoch, duration in seconds, tags and logs in order."""
    recorder = InMemoryRecorder()
    span = RecordingTracer(recorder).start_span("op", tags={"a": 1}, start_time=100.0)
    span.set_tag("b", 2).log_kv({"event": "e", "k": "v"}, 101.0).finish(102.5)
    [raw] = recorder.spans

    assert ("op", 100.0, 2.5, [("a", 1), ("b", 2)]) == (raw.operation_name, raw.start_time, raw.duration, raw.tags)
    assert [("e", ({"k": "v"},), 101.0)] == [(log.message, log.payload, log.timestamp) for log in raw.logs or []]
    recorder.clear()
    assert [] == recorder.spans


def test_a_context_of_another_tracer_is_not_written() -> None:
    """The no-op's context, from before the tracer was installed, leaves the carrier as it was."""
    carrier: dict[str, str] = {}
    RecordingTracer(InMemoryRecorder()).inject(Tracer().start_span("x").context, Format.TEXT_MAP, carrier)

    assert {} == carrier


def test_wrong_carriers_and_formats_are_told_apart() -> None:
    """InvalidCarrierException for the carrier, UnsupportedFormatException for the format."""
    tracer = RecordingTracer(InMemoryRecorder())
    context = tracer.start_span("x").context

    for format, carrier in ((Format.TEXT_MAP, bytearray()), (Format.BINARY, {})):
        with pytest.raises(InvalidCarrierException):
            tracer.inject(context, format, carrier)
        with pytest.raises(InvalidCarrierException):
            tracer.extract(format, carrier if format == Format.BINARY else 3)
    with pytest.raises(UnsupportedFormatException):
        tracer.extract("semaphore", {})
