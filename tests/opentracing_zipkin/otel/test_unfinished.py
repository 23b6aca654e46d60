"""`warn_unfinished` for spans that were started by OpenTelemetry's API."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import InMemoryRecorder


@pytest.fixture
def watched(recorder: InMemoryRecorder) -> ZipkinTracer:
    gc.collect()
    return ZipkinTracer("shop", recorder=recorder, warn_unfinished=True)


@pytest.fixture
def tracer(watched: ZipkinTracer) -> Tracer:
    return TracerProvider(watched).get_tracer("tests")


def nest(tracer: Tracer) -> None:
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
        trace.get_current_span().set_attribute("a", 1)


def fail(tracer: Tracer) -> None:
    with pytest.raises(ValueError, match="no"), tracer.start_as_current_span("a"):
        raise ValueError("no")


def decorate(tracer: Tracer) -> None:
    tracer.start_as_current_span("a")(lambda: 1)()


ENDED: dict[str, Callable[[Tracer], Any]] = {
    "end": lambda tracer: tracer.start_span("a").end(),
    "end, as given": lambda tracer: tracer.start_span("a", start_time=1).end(2),
    "finish": lambda tracer: tracer.start_span("a").finish(),  # type: ignore[attr-defined]
    "blocks": nest,
    "a block that fails": fail,
    "a function": decorate,
}
LOST: dict[str, Callable[[Tracer], Any]] = {
    "never ended": lambda tracer: tracer.start_span("lost"),
    "its start given": lambda tracer: tracer.start_span("lost", start_time=1),
}


@pytest.mark.parametrize("way", ENDED)
def test_an_ended_span_is_not_counted(watched: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder, way: str) -> None:
    """Ended spans are recorded as without the setting, and are not counted as unfinished."""
    ENDED[way](tracer)
    gc.collect()
    watched.close()

    assert 0 == watched.unfinished
    assert recorder.spans


@pytest.mark.parametrize("way", LOST)
def test_a_span_that_is_never_ended_is_counted_and_named(
    watched: ZipkinTracer, tracer: Tracer, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """A span that is never ended is counted, and named with the line of code that started it."""
    caplog.set_level(logging.WARNING, "opentracing_zipkin")
    LOST[way](tracer)
    gc.collect()
    deadline = time.monotonic() + 10
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.01)

    assert 1 == watched.unfinished
    [line] = caplog.messages
    assert f"span 'lost' was never finished; it was started at {__file__}:" in line


def test_what_is_open_when_the_tracer_is_closed_is_counted(watched: ZipkinTracer, tracer: Tracer) -> None:
    """A span that is open when the tracer is closed is counted, even if the program still refers to it."""
    held = [tracer.start_span("lost"), tracer.start_span("ended")]
    held[1].end()
    watched.close()

    assert 1 == watched.unfinished
