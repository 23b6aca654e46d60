"""Bad input: whatever values an application or an instrumentation passes, nothing raises, and the span is sent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanKind, Status, StatusCode

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import encoder_named
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import InMemoryRecorder


class Hostile:
    """Almost every operation on it raises."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            raise RuntimeError(name)
        return object.__getattribute__(self, name)

    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __iter__ = __len__ = __int__ = __float__ = __eq__ = __getitem__ = __call__ = _raise
    __hash__ = object.__hash__


class HostileMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("hostile")

    def __iter__(self) -> Any:
        raise RuntimeError("hostile")

    def __len__(self) -> int:
        raise RuntimeError("hostile")


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("hostile")


class Uncounted(type):
    """A metaclass whose classes cannot be looked up in a set; `issubclass` does this for an abstract class."""

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("hostile")

    __hash__ = __eq__  # type: ignore[assignment]


class Hidden(type):
    """A metaclass whose classes have no readable name."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class OfUncounted(metaclass=Uncounted):
    pass


class OfHidden(metaclass=Hidden):
    pass


class UncountedError(Exception, metaclass=Uncounted):
    pass


class HiddenError(Exception, metaclass=Hidden):
    pass


class HostileList(list[int]):
    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __iter__ = __len__ = __getitem__ = __eq__ = __sizeof__ = _raise


class HostileNumber(int):
    def _raise(self, *args: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __index__ = __int__ = __eq__ = __le__ = __lt__ = __truediv__ = __hash__ = _raise


class Text(str):
    """A str by inheritance, but not exactly `str`."""


VALUES: list[Any] = [
    None, "", "text", Text("text"), "\ud800", "x" * 100_000, True, 0, -1, 10**30, -(10**5000), 1.5, float("nan"), float("inf"),
    b"bytes", bytearray(b"\xff"), [], [1, "a", None, True, 1.5], ["a", ["b"]], (1, 2), {1, 2}, {"a": 1}, {1: {2: [3]}},
    MappingProxyType({"a": 1}), HostileMapping(), Hostile(), [Hostile()], {"a": Hostile()}, object(), int, ValueError("no"),
    HostileError(), SpanKind.CLIENT, StatusCode.OK, Status(StatusCode.OK), trace.INVALID_SPAN, lambda: 1, iter([1]), 1j, range(3),
    OfUncounted(), OfHidden(), [OfUncounted()], {"a": OfHidden()}, UncountedError("no"), HiddenError("no"), HostileList([1]),
    HostileNumber(5), Decimal("sNaN"), 10**400, memoryview(b"a"), numpy.array([1, 2]), numpy.int64(3), numpy.float64("nan"),
]  # fmt: skip
NUMBERED = range(len(VALUES))


def sendable(recorder: InMemoryRecorder, count: int) -> None:
    """Check that `count` spans were recorded, and that each can be encoded in every format."""
    assert count == len(recorder.spans)
    for span in recorder.spans:
        assert all(type(key) is str and type(value) is str for key, value in span.tags.items())
        assert all(type(at) is int and type(text) is str for at, text in span.annotations)
        for name in ("json", "proto3", "thrift", "json_v1"):
            encoder_named(name).encode(span)


@pytest.mark.parametrize("number", NUMBERED)
def test_attributes_of_any_type(tracer: Tracer, recorder: InMemoryRecorder, number: int) -> None:
    """Any object is accepted as a value, as the mapping itself, and as a key."""
    value = VALUES[number]
    span: Any = tracer.start_span("a", attributes={"key": value})
    span.set_attribute("later", value)
    span.set_attribute(value, value)
    span.set_attributes({"more": value})
    span.set_attributes(value)
    span.add_event("event", {"key": value})
    span.add_event("event", value)
    span.end()
    tracer.start_span("b", attributes=value).end()

    sendable(recorder, 2)
    assert (value is None) == ("key" not in recorder.spans[0].tags)


@pytest.mark.parametrize("number", NUMBERED)
def test_anything_else_of_any_type(tracer: Tracer, recorder: InMemoryRecorder, number: int) -> None:
    """Any object is accepted as a name, a status, an exception, a link or a time."""
    value = VALUES[number]
    span: Any = tracer.start_span(value)
    span.update_name(value)
    span.add_event(value, None, value)
    span.set_status(value)
    span.set_status(StatusCode.ERROR, value)
    span.set_status(Status(StatusCode.ERROR), value)
    span.record_exception(value)
    span.record_exception(ValueError(value), value, value, value)
    span.add_link(value)
    span.add_link(trace.SpanContext(1, 2, False), value)
    span.end(value)
    tracer.start_span("b", start_time=value, links=[value, trace.Link(value, value)]).end(value)
    tracer.start_span("c", links=value).end()
    tracer.start_span("d", record_exception=value, set_status_on_exception=value)

    for each in recorder.spans:
        assert 1 <= each.duration_us
    sendable(recorder, len(recorder.spans))


@pytest.mark.parametrize("number", NUMBERED)
def test_a_context_or_kind_of_another_librarys(tracer: Tracer, recorder: InMemoryRecorder, number: int) -> None:
    """If the context or the kind is any object, a span is started or a span that does nothing takes its place."""
    value = VALUES[number]
    contexts: list[Any] = [
        value,
        Context({"current-span": value}),
        trace.set_span_in_context(value),
        trace.set_span_in_context(NonRecordingSpan(value)),
    ]
    for context in contexts:
        tracer.start_span("span", context).end()
        with tracer.start_as_current_span("span", context):
            pass
    tracer.start_span("span", None, value).end()

    sendable(recorder, len(recorder.spans))


@pytest.mark.parametrize("number", NUMBERED)
def test_any_name_of_an_instrumentation(zipkin: ZipkinTracer, recorder: InMemoryRecorder, number: int) -> None:
    """`get_tracer` accepts any objects as arguments."""
    value = VALUES[number]
    tracer: Any = TracerProvider(zipkin).get_tracer(value, value, value, value)
    tracer.start_span("span").end()

    sendable(recorder, 1)


@pytest.mark.parametrize("number", NUMBERED)
def test_the_view_of_an_active_span_takes_anything(
    zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder, number: int
) -> None:
    """The span of `get_current_span()` inside an OpenTracing scope accepts any objects in its setters."""
    value = VALUES[number]
    with zipkin.start_active_span("a"):
        span: Any = trace.get_current_span()
        span.set_attribute("key", value)
        span.set_attribute(value, value)
        span.set_attributes(value)
        span.add_event(value, value, value)
        span.record_exception(value)
        span.add_link(value, value)
        span.update_name(value)
        span.set_status(value)
        span.set_status(StatusCode.ERROR, value)
        assert (span.kind, span.attributes is not None) == (SpanKind.INTERNAL, True)
        span.end(value)

    sendable(recorder, 1)


@pytest.mark.parametrize("number", NUMBERED)
def test_a_block_with_any_flags(tracer: Tracer, recorder: InMemoryRecorder, number: int) -> None:
    """A flag that has no truth value counts as its default, True."""
    value = VALUES[number]
    with tracer.start_as_current_span("a", record_exception=value, set_status_on_exception=value, end_on_exit=value) as span:
        pass
    span.end()
    with tracer.start_as_current_span("b", end_on_exit=Hostile()):  # type: ignore[arg-type]
        pass

    sendable(recorder, 2)


@pytest.mark.parametrize("number", NUMBERED)
def test_any_time_to_flush_in(zipkin: ZipkinTracer, number: int) -> None:
    """`force_flush` accepts any object as its time, and returns True or False."""
    assert TracerProvider(zipkin).force_flush(VALUES[number]) in (True, False)


@pytest.mark.parametrize("name", ["max_attributes", "max_events", "max_links"])
@pytest.mark.parametrize("number", NUMBERED)
def test_a_wrong_limit_raises_at_once(zipkin: ZipkinTracer, number: int, name: str) -> None:
    """A wrong limit raises ValueError, because it is configuration; a very large limit is replaced by our own."""
    value, given = VALUES[number], {name: VALUES[number]}
    if type(value) is int and value >= 0:
        assert min(value, 128) == getattr(TracerProvider(zipkin, **given), name)
    else:
        with pytest.raises(ValueError, match=f"{name} is .*use a whole number"):
            TracerProvider(zipkin, **given)


def test_links_without_end_are_left(tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A span with an endless iterable of links starts, and keeps as many links as it may have."""
    endless: Any = itertools.repeat(trace.Link(trace.SpanContext(1, 2, False)))
    tracer.start_span("a", links=endless).end()

    assert 128 == len(recorder.spans[0].annotations)


SETTERS = {
    "set_attribute": ("a", 1),
    "set_attributes": ({"a": 1},),
    "add_event": ("event",),
    "add_link": (trace.SpanContext(1, 2, False),),
    "record_exception": (ValueError("late"),),
    "set_status": (StatusCode.ERROR,),
    "update_name": ("late",),
    "set_tag": ("a", 1),
    "log_kv": ({"event": "late"},),
    "end": (),
    "finish": (),
}


@pytest.mark.parametrize(("first", "second"), [*itertools.product(SETTERS, repeat=2)])
def test_any_two_calls_after_the_end(tracer: Tracer, recorder: InMemoryRecorder, first: str, second: str) -> None:
    """After the end of a span its methods do nothing and log nothing."""
    span: Any = tracer.start_span("span")
    span.end()
    for name in (first, second):
        getattr(span, name)(*SETTERS[name])

    assert [("span", [])] == [(sent.name, sent.annotations) for sent in recorder.spans]


@pytest.mark.parametrize("name", SETTERS)
def test_a_span_that_is_not_sampled_takes_every_call(recorder: InMemoryRecorder, name: str) -> None:
    """A span that is not sampled accepts every call, before and after its end."""
    tracer = TracerProvider(ZipkinTracer("shop", recorder=recorder, sample_rate=0.0)).get_tracer("")
    with tracer.start_as_current_span("span") as span:
        getattr(span, name)(*SETTERS[name])
    getattr(span, name)(*SETTERS[name])

    assert [] == recorder.spans
