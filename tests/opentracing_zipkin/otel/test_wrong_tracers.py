"""A tracer that is not ours raises TypeError where it is given to OpenTelemetry's side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import B3Propagator, TracerProvider, install
from opentracing_zipkin.testing import InMemoryRecorder

TAKERS: dict[str, Callable[[Any], object]] = {
    "install()": install,
    "TracerProvider()": TracerProvider,
    "B3Propagator()": B3Propagator,
}


OTHERS = ["http://u:secret@h", 5, 0, {}, MockTracer(), opentracing.Tracer]


@pytest.mark.parametrize(
    ("taker", "tracer"),
    [*product(TAKERS, OTHERS), ("install()", opentracing.Tracer())],
    ids=lambda one: one if isinstance(one, str) and one in TAKERS else type(one).__name__,
)
def test_another_tracer_is_refused(taker: str, tracer: Any) -> None:
    """The message has the type and the remedy, and not the value."""
    with pytest.raises(TypeError) as caught:
        TAKERS[taker](tracer)

    assert f"{taker} takes a ZipkinTracer, got {type(tracer).__name__}; leave it out for the global tracer" == str(caught.value)


@pytest.mark.parametrize("taker", TAKERS)
def test_the_commands_stand_in_is_taken(taker: str, tmp_path: Path) -> None:
    """Under `run`, `opentracing.global_tracer()` may be a stand-in until its first use; it counts as the tracer that it becomes."""
    program = tmp_path / "program.py"
    program.write_text(
        "import opentracing\n"
        "from opentracing_zipkin.otel import B3Propagator, TracerProvider, install\n"
        "before = type(opentracing.global_tracer()).__name__\n"
        f"{taker[:-2]}(opentracing.global_tracer())\n"
        "print(before, type(opentracing.global_tracer()).__name__)\n"
    )
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("ZIPKIN_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-m", "opentracing_zipkin", "run", "python", str(program)],
        env={**environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "_Pending ZipkinTracer\n" == done.stdout


@pytest.mark.usefixtures("no_global_tracer")
def test_the_apis_own_tracer_records_nothing_and_passes_the_context_on() -> None:
    """`opentracing.Tracer()` takes the place of ours: no span is recorded, also not by the global tracer, and B3 goes on."""
    recorder = InMemoryRecorder()
    opentracing.set_global_tracer(ZipkinTracer("shop", recorder=recorder))
    propagator, noop = B3Propagator(opentracing.Tracer()), TracerProvider(opentracing.Tracer()).get_tracer("test")
    context = propagator.extract({"b3": "463ac35c9f6413ad48485a3953bb6124-48485a3953bb6124-1"})
    carrier: dict[str, str] = {}
    with noop.start_as_current_span("buy", context=context) as span:
        span.set_attribute("article", "tea")
        propagator.inject(carrier, context)

    assert [] == recorder.spans
    assert "463ac35c9f6413ad48485a3953bb6124" == carrier["x-b3-traceid"]


@pytest.mark.parametrize("tracer", ["x", 5, MockTracer()], ids=lambda one: type(one).__name__)
def test_a_provider_keeps_its_tracer_where_another_is_refused(tracer: Any) -> None:
    """`use` with another tracer raises, and the provider goes on as before."""
    provider = TracerProvider()
    before = provider.given, provider.zipkin
    with pytest.raises(TypeError, match="takes a ZipkinTracer"):
        provider.use(tracer)

    assert before == (provider.given, provider.zipkin)
