"""No value makes a call raise: not on the no-op, not on a span that records, not on a finished span."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any

import pytest

from opentracing import (
    Format,
    InvalidCarrierException,
    Span,
    SpanContext,
    SpanContextCorruptedException,
    Tracer,
    UnsupportedFormatException,
)
from opentracing.mocktracer import MockTracer
from opentracing.standard import RecordingTracer

from .hostile import CALLS, Hostile, failures
from .tracers import TRACERS


@pytest.fixture(params=TRACERS)
def tracer(request: pytest.FixtureRequest) -> Tracer:
    return TRACERS[request.param]()


@pytest.mark.parametrize("finished", [False, True], ids=["open", "finished"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", TRACERS)
def test_no_value_makes_a_call_raise(name: str, call: str, finished: bool) -> None:
    """No value makes a call raise, before or after `finish`, except the documented errors of formats and carriers."""
    assert [] == list(failures(TRACERS[name], call, finished))


def test_no_value_makes_a_call_raise_where_warnings_are_errors() -> None:
    """No call compares bytes with text or warns, so none raises under `python -bb -W error` either."""
    run = subprocess.run(
        [sys.executable, "-bb", "-W", "error", "-m", "tests.contract.hostile"], capture_output=True, text=True, timeout=300
    )

    assert (0, "0 failed") == (run.returncode, run.stdout.splitlines()[-1][:8]), run.stdout + run.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_asks_the_process_or_the_task_to_end_passes(tracer: Tracer, error: type[BaseException]) -> None:
    """An interrupt or a cancellation that arrives inside a call on a span is not swallowed."""

    class Interrupted:
        def __str__(self) -> str:
            raise error

        __repr__ = __float__ = __hash__ = __str__  # type: ignore[assignment]

    span = tracer.start_span("x")
    with suppress(error):
        span.info("%s", Interrupted())
        span.set_tag("k", Interrupted()).set_tag(Interrupted(), "v")  # type: ignore[arg-type]
        assert type(tracer) in (Tracer, MockTracer, RecordingTracer) or not span.context.sampled, "nothing was raised"


class Headers(Mapping[Any, Any]):
    """A mapping that is not a dict."""

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
    """Headers of any content can be read in both vocabularies; only the mock tracer raises for 2.4's, as it always did."""
    for carrier in (headers, Headers(headers)):
        tracer.join_trace("x", tracer.trace_context_from_text(carrier, carrier)).finish()
        with pytest.raises(SpanContextCorruptedException) if isinstance(tracer, MockTracer) else nullcontext():
            tracer.start_span("x", child_of=tracer.extract(Format.HTTP_HEADERS, carrier)).finish()


@pytest.mark.parametrize("garbage", [None, 3, "text", object(), [1], Hostile()], ids=lambda value: type(value).__name__)
def test_reading_a_context_in_0_5s_way_never_raises(tracer: Tracer, garbage: Any) -> None:
    """Reading an object that is neither a mapping nor bytes returns no context and does not raise."""
    tracer.trace_context_from_text(garbage, garbage)
    tracer.trace_context_from_binary(garbage, None)


def test_only_a_format_or_a_carrier_that_is_none_is_refused(tracer: Tracer) -> None:
    """Wrong formats and carriers raise 2.4's exceptions; the no-op checks formats but does not look into carriers."""
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
    """The context of another tracer, from a span started before the tracer was replaced, is ignored as a parent."""
    carrier: dict[str, str] = {}
    tracer.inject(SpanContext(), Format.TEXT_MAP, carrier)
    for foreign in (SpanContext(), Span(Tracer(), SpanContext())):
        tracer.start_span("x", child_of=foreign).finish()
