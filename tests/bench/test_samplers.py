"""The samplers whose cost is counted decide as their titles say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.samplers import HEADERS, SAMPLERS, TAGS, serve, tracer_with

NAMES = [(title, name) for title, samplers in SAMPLERS.items() for name in samplers]


@pytest.mark.parametrize(("title", "name"), NAMES)
def test_a_sampler_records_what_its_title_says(title: str, name: str, tmp_path: Path) -> None:
    """After two requests a sampler records the third one, if its title says that all are recorded, and else does not."""
    tracer = tracer_with(name, tmp_path)
    serve(tracer, 2)
    span = tracer.start_span("GET", tracer.extract("http_headers", HEADERS), None, TAGS, None, True)

    assert ("all are recorded" == title) is span.context.sampled
    tracer.close(0)
