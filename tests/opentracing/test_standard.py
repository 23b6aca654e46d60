"""The reference implementation: contexts with attributes, records of spans, and recorders."""

from __future__ import annotations

import pytest

from opentracing import Format, InvalidCarrierException, Tracer, UnsupportedFormatException
from opentracing.standard import InMemoryRecorder, RawLog, RawSpan, Recorder, RecordingTracer, TraceContext
from opentracing.standard.context import TraceContext as ContextOfItsModule
from opentracing.standard.raw import RawSpan as RawSpanOfItsModule


def test_attributes_are_compared_without_case_and_with_underscore_as_dash() -> None:
    """Attributes are found in any spelling, and are kept in the normalised one."""
    context = TraceContext()

    assert (None, None) == (context.get_trace_attribute("x"), context.trace_attributes_as_dict())
    context.set_trace_attribute("X_y", "value").set_trace_attribute("ZZ", "value2")
    assert "value" == context.get_trace_attribute("x-Y")
    assert {"x-y": "value", "zz": "value2"} == context.trace_attributes_as_dict() == context.baggage


def test_the_store_given_to_a_context_is_used_as_it_is() -> None:
    """A context keeps the dict that it was given, without a copy, as `trace_attributes`."""
    store = {"a": "1"}
    context = TraceContext(store)
    context.set_trace_attribute("b", "2")

    assert {"a": "1", "b": "2"} == store
    assert store is context.trace_attributes


def test_the_modules_of_0_5_are_importable() -> None:
    """The modules `opentracing.standard.context` and `opentracing.standard.raw` of 0.5 can be imported."""

    assert (TraceContext, RawSpan) == (ContextOfItsModule, RawSpanOfItsModule)


def test_a_raw_span_gathers_tags_and_logs() -> None:
    """A RawSpan keeps tags as pairs and logs as records; each is None while it is empty."""
    raw = RawSpan(TraceContext(), "op")

    assert (None, None) == (raw.tags, raw.logs)
    raw.add_tag("k", 1)
    raw.add_log(RawLog(1.0, True, "%s", "x"))
    assert [("k", 1)] == raw.tags
    assert ("%s", ("x",), True) == (raw.logs[0].message, raw.logs[0].payload, raw.logs[0].is_error)  # type: ignore[index]


def test_a_recorder_has_to_record() -> None:
    """Recorder is abstract: a subclass must define `record`, while flushing and closing have defaults."""

    class Keeping(Recorder):
        def record(self, span: RawSpan) -> None:
            self.last = span

    with pytest.raises(TypeError, match="abstract"):
        Recorder()  # type: ignore[abstract]
    assert True is Keeping().close().result(timeout=1)


def test_a_finished_span_reaches_the_recorder_with_its_times() -> None:
    """The recorder gets the start in seconds since the epoch, the duration in seconds, and tags and logs in order."""
    recorder = InMemoryRecorder()
    span = RecordingTracer(recorder).start_span("op", tags={"a": 1}, start_time=100.0)
    span.set_tag("b", 2).log_kv({"event": "e", "k": "v"}, 101.0).finish(102.5)
    [raw] = recorder.spans

    assert ("op", 100.0, 2.5, [("a", 1), ("b", 2)]) == (raw.operation_name, raw.start_time, raw.duration, raw.tags)
    assert [("e", ({"k": "v"},), 101.0)] == [(log.message, log.payload, log.timestamp) for log in raw.logs or []]
    recorder.clear()
    assert [] == recorder.spans


def test_a_context_of_another_tracer_is_not_written() -> None:
    """`inject` leaves the carrier unchanged for another tracer's context, such as the no-op's from before the installation."""
    carrier: dict[str, str] = {}
    RecordingTracer(InMemoryRecorder()).inject(Tracer().start_span("x").context, Format.TEXT_MAP, carrier)

    assert {} == carrier


def test_wrong_carriers_and_formats_are_told_apart() -> None:
    """A wrong carrier raises InvalidCarrierException, a wrong format raises UnsupportedFormatException."""
    tracer = RecordingTracer(InMemoryRecorder())
    context = tracer.start_span("x").context

    for format, carrier in ((Format.TEXT_MAP, bytearray()), (Format.BINARY, {})):
        with pytest.raises(InvalidCarrierException):
            tracer.inject(context, format, carrier)
        with pytest.raises(InvalidCarrierException):
            tracer.extract(format, carrier if format == Format.BINARY else 3)
    with pytest.raises(UnsupportedFormatException):
        tracer.extract("semaphore", {})
