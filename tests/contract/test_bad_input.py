"""Nothing raises because of a value: not in the no-op, not in a span that records, not in one that is finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest

from opentracing import (
    Format,
    InvalidCarrierException,
    Reference,
    Span,
    SpanContext,
    SpanContextCorruptedException,
    Tracer,
    UnsupportedFormatException,
)
from opentracing.mocktracer import MockTracer

from .tracers import TRACERS


class Hostile:
    """Raises whatever one asks it for."""

    def _refuse(self, *args: Any) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __bytes__ = __format__ = __len__ = __iter__ = __bool__ = __getitem__ = _refuse


VALUES: list[Any] = [
    None,
    True,
    -1,
    10**5000,
    math.nan,
    -math.inf,
    Decimal("sNaN"),
    "",
    "\ud800",
    "a\r\nb: c\0",
    "x" * 1_000_000,
    b"\xff",
    bytearray(b"x"),
    {"k": {Hostile(): 1}},
    [[]],
    Hostile(),
    Hostile,
    lambda: None,
    ValueError("x"),
]

CALLS: dict[str, Callable[[Span, Any], Any]] = {
    "set_tag": lambda span, value: span.set_tag("k", value),
    "set_tag, key": lambda span, value: span.set_tag(hashable(value), "v"),
    "add_tag": lambda span, value: span.add_tag("k", value),
    "add_tags": lambda span, value: span.add_tags({"k": value, "error": value, "span.kind": value, "peer.port": value}),
    "set_operation_name": lambda span, value: span.set_operation_name(value),
    "log_kv": lambda span, value: span.log_kv({"event": value, "k": value, "error.object": value, "message": value}),
    "log_kv, timestamp": lambda span, value: span.log_kv({"event": "e"}, value),
    "log_event": lambda span, value: span.log_event(value, value),
    "log": lambda span, value: span.log(event=value, payload=value, timestamp=value),
    "info": lambda span, value: span.info(value, value, value),
    "error": lambda span, value: span.error(value, value),
    "error, format": lambda span, value: span.error("%d %(k)s %s", value),
    "finish": lambda span, value: span.finish(value),
    "sampling": lambda span, value: span.set_tag("sampling.priority", value),
    "start_span": lambda span, value: span.tracer.start_span(value, tags={"k": value}, start_time=None).finish(),
    "start_active_span": lambda span, value: span.tracer.start_active_span(value, tags={"k": value}).close(),
    "start_child": lambda span, value: span.start_child(value, tags={"k": value}).finish(),
    "start_trace": lambda span, value: span.tracer.start_trace(value).finish(),
    "join_trace": lambda span, value: span.tracer.join_trace(value, span.context).finish(),
    "references": lambda span, value: span.tracer.start_span("x", references=[Reference("odd", span.context)]).finish(),
    "no reference": lambda span, value: span.tracer.start_span("x", references=[Reference("child_of", None)]).finish(),
}


def hashable(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bytes, type(None))) else "k"


@pytest.fixture(params=TRACERS)
def tracer(request: pytest.FixtureRequest) -> Tracer:
    return TRACERS[request.param]()


@pytest.mark.parametrize("finished", [False, True], ids=["open", "finished"])
@pytest.mark.parametrize("call", CALLS)
def test_no_value_makes_a_call_raise(tracer: Tracer, call: str, finished: bool) -> None:
    """Whatever the value, before `finish` and after it."""
    for value in VALUES:
        span = tracer.start_span("x")
        if finished:
            span.finish()
        CALLS[call](span, value)
        span.finish()
        span.finish()


class Headers(Mapping[Any, Any]):
    """A mapping that is no dict."""

    def __init__(self, entries: dict[Any, Any]) -> None:
        self.entries = entries

    def __getitem__(self, key: Any) -> Any:
        return self.entries[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@pytest.mark.parametrize(
    "headers",
    [{}, {"": ""}, {"user-agent": "x"}, {"k": None}, {1: 2}, {"x-b3-traceid": "\ud800", "b3": "zz"}, {"x": b"\xff"}],
    ids=repr,
)
def test_headers_of_any_content_are_read(tracer: Tracer, headers: dict[Any, Any]) -> None:
    """A trace is in them or not; 0.5's way of reading never raises, and of 2.4's only the mock tracer's, as it always did."""
    for carrier in (headers, Headers(headers)):
        tracer.join_trace("x", tracer.trace_context_from_text(carrier, carrier)).finish()
        with pytest.raises(SpanContextCorruptedException) if isinstance(tracer, MockTracer) else nullcontext():
            tracer.start_span("x", child_of=tracer.extract(Format.HTTP_HEADERS, carrier)).finish()


@pytest.mark.parametrize("garbage", [None, 3, "text", object(), [1], Hostile()], ids=lambda value: type(value).__name__)
def test_reading_a_context_in_0_5s_way_never_raises(tracer: Tracer, garbage: Any) -> None:
    """What is no mapping and no bytes has no trace in it."""
    tracer.trace_context_from_text(garbage, garbage)
    tracer.trace_context_from_binary(garbage, None)


def test_only_a_format_or_a_carrier_that_is_none_is_refused(tracer: Tracer) -> None:
    """2.4 says so; the no-op knows formats but looks into no carrier."""
    context = tracer.start_span("x").context
    for use in (lambda carrier: tracer.inject(context, "odd", carrier), lambda carrier: tracer.extract("odd", carrier)):
        with pytest.raises(UnsupportedFormatException):
            use({})
    if type(tracer) is Tracer:
        return
    for format, carrier in ((Format.TEXT_MAP, 3), (Format.HTTP_HEADERS, b"x"), (Format.BINARY, {})):
        with pytest.raises(InvalidCarrierException):
            tracer.inject(context, format, carrier)
        with pytest.raises(InvalidCarrierException):
            tracer.extract(format, carrier)


def test_another_tracers_context_is_no_parent_and_no_error(tracer: Tracer) -> None:
    """Spans started before the tracer was replaced are still around afterwards."""
    carrier: dict[str, str] = {}
    tracer.inject(SpanContext(), Format.TEXT_MAP, carrier)
    for foreign in (SpanContext(), Span(Tracer(), SpanContext())):
        tracer.start_span("x", child_of=foreign).finish()
