"""A tracer whose spans stay in the test process, and OpenTelemetry's API based on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import context, trace

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import FakeClock, InMemoryRecorder


@pytest.fixture(autouse=True)
def _nothing_stays_current() -> Iterator[None]:
    """If a test leaves a span current, that test fails and not the next one."""
    before = trace.get_current_span()
    yield
    after = trace.get_current_span()
    context.attach(context.Context())

    assert before is after


@pytest.fixture
def recorder() -> InMemoryRecorder:
    return InMemoryRecorder()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def zipkin(recorder: InMemoryRecorder, clock: FakeClock) -> ZipkinTracer:
    return ZipkinTracer("shop", recorder=recorder, clock=clock)


@pytest.fixture
def tracer(zipkin: ZipkinTracer) -> Tracer:
    return TracerProvider(zipkin).get_tracer("tests", "1.2")
