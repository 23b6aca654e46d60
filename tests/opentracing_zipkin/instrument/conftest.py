"""A server to call, and a tracer whose spans a test reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing import InMemoryRecorder
from opentracing_zipkin.testing.loopback import LoopbackServer


@pytest.fixture(autouse=True)
def _no_tracer_is_left() -> Iterator[None]:
    """After each test, the global tracer is the no-op tracer again."""
    yield
    opentracing._reset_global_tracer()


@pytest.fixture
def loopback() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def spans() -> list[FinishedSpan]:
    """The finished spans of the global tracer, which this fixture sets."""
    recorder = InMemoryRecorder()
    opentracing.set_global_tracer(ZipkinTracer("tested", recorder=recorder))
    return recorder.spans
