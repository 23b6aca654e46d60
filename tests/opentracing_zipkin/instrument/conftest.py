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
    """The global tracer is the no-op again after each test, whoever has replaced it."""
    yield
    opentracing._reset_global_tracer()


@pytest.fixture
def loopback() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def spans() -> list[FinishedSpan]:
    """Those of the global tracer."""
    recorder = InMemoryRecorder()
    opentracing.set_global_tracer(ZipkinTracer("tested", recorder=recorder))
    return recorder.spans
