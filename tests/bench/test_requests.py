"""The cost of tracing a request: the services, the ways that need no extra package, and the arithmetic, but no times."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import opentracing
from bench import turns
from bench.instrumented import measure as instrumented, ways
from bench.instrumented.applications import APPLICATIONS
from bench.instrumented.measure import Pair, added, missed, ratio
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import fastapi, flask, httpx, requests
from opentracing_zipkin.testing import InMemoryRecorder

FRAMEWORKS = instrumented.FRAMEWORKS


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryRecorder]:
    recorder = InMemoryRecorder()
    monkeypatch.setattr(opentracing, "tracer", ZipkinTracer("shop", recorder=recorder))
    yield recorder
    for module in (fastapi, flask, httpx, requests):
        module.uninstall()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_service_that_was_made_before_stays_untraced(framework: str, recorder: InMemoryRecorder) -> None:
    """A service made before `install` has no spans; one made after it has two for each request, in its caller's trace."""
    with APPLICATIONS[framework](True, True) as plain:
        ways._install(framework)
        with APPLICATIONS[framework](False, True) as traced:
            plain(2)

            assert [] == recorder.spans
            traced(3)
    assert ["CLIENT", "SERVER"] * 3 == [span.kind for span in recorder.spans]
    assert {ways.SPANS["ours"][framework] * 3} == {len(recorder.spans)}
    assert {"463ac35c9f6413ad48485a3953bb6124"} == {span.trace_id for span in recorder.spans}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_caller_that_is_not_traced_leaves_the_decision_to_the_service(framework: str, recorder: InMemoryRecorder) -> None:
    """If the caller is not traced, each request starts its own trace."""
    ways._install(framework)
    with APPLICATIONS[framework](False, False) as traced:
        traced(3)

    assert 3 == len({span.trace_id for span in recorder.spans})


def test_all_ways_are_measured_and_every_span_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way runs in its own process, and every span arrives; tested with ways that need nothing but our package."""
    monkeypatch.setattr(turns, "python_of", lambda adapter: Path(sys.executable))
    monkeypatch.setattr(instrumented, "FRAMEWORKS", ("flask",))
    monkeypatch.setattr(instrumented, "GROUPS", {"100%": ("ours", "spans")})
    found, failures = instrumented.measure(starts=1, cycles=1)

    assert [] == failures
    assert {"without": 1, "ours": 1, "spans": 1} == {way: len(us) for way, us in found["flask"]["100%"].items()}
    assert found["flask"]["100%"]["without"][0] > 0


def test_a_span_that_is_lost_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost span makes the run fail, because a tracer that drops spans would seem fast."""
    monkeypatch.setattr(turns, "python_of", lambda adapter: Path(sys.executable))
    monkeypatch.setattr(instrumented, "FRAMEWORKS", ("flask",))
    monkeypatch.setattr(instrumented, "GROUPS", {"100%": ("noop",)})
    monkeypatch.setitem(ways.SPANS, "noop", {"flask": 1})
    _, failures = instrumented.measure(starts=1, cycles=1)

    assert ["flask, 100%, start 1: 409 spans were made and 0 arrived"] == failures


def test_only_the_fastest_quarter_of_the_turns_counts() -> None:
    """Only the fastest quarter of the turns counts; a turn's speed is that of all its blocks, so no single way decides it."""
    slow = {"ours": Pair(900.0, 1000.0), "otel": Pair(900.0, 1900.0)}
    fast = {"ours": Pair(500.0, 560.0), "otel": Pair(502.0, 900.0)}

    assert {"without": 501.0, "ours": 60.0, "otel": 398.0} == added([slow, slow, fast, slow])


def test_a_ratio_has_the_error_of_both() -> None:
    """The error of a ratio comes from the spread of both values over the starts."""
    value, error = ratio({"ours": [90.0, 110.0], "otel": [500.0, 500.0]})

    assert pytest.approx((0.2, 0.02)) == (value, error)


def test_a_ratio_above_its_target_is_missed() -> None:
    """A ratio above its target is missed; the targets are one seventh, one sixth and one fifth."""
    found = {framework: {percent: {"ours": [19.0], "otel": [100.0]} for percent in ("100%", "1%")} for framework in FRAMEWORKS}

    assert ["flask, 100%", "flask, 1%"] == missed(found)
