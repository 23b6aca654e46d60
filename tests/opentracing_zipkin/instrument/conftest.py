"""A server to call, and a tracer whose spans a test reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import opentracing
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import other_instrumentations
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing import InMemoryRecorder
from opentracing_zipkin.testing.loopback import LoopbackServer


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test, the global tracer is the no-op tracer again, and no provider of OpenTelemetry is set on our behalf.

    `configure(instrument=True)` would set a provider when our instrumentation stands back.  FastAPI, which records by
    OpenTelemetry, would then make spans in every later test of the process.
    """
    monkeypatch.setattr(other_instrumentations, "_record_theirs", None)
    yield
    opentracing._reset_global_tracer()


@pytest.fixture
def installed(request: pytest.FixtureRequest) -> Iterator[None]:
    """The instrumentation that a module of tests calls `traced` is installed during the test."""
    request.module.traced.install()
    yield
    request.module.traced.uninstall()


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
