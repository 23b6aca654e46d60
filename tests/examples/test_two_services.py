"""The example of both directions: it gives an answer without a tracer, and one trace with a tracer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from opentracing_zipkin.codec import ENCODINGS
from opentracing_zipkin.collector import Collector

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_services.py"


def run(**environment: str) -> str:
    base = {name: value for name, value in os.environ.items() if not name.startswith("ZIPKIN_")}
    result = subprocess.run(
        [sys.executable, str(EXAMPLE)], env={**base, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (0, "") == (result.returncode, result.stderr)
    return result.stdout.strip()


def test_without_a_tracer_everything_works_and_nothing_travels() -> None:
    """With the no-op tracer in both services the example works, and no attribute is propagated."""

    assert "Hello, whoever you are!" == run()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_with_a_tracer_both_services_are_in_one_trace(encoding: str) -> None:
    """The trace has a root, a client's span and a server's span that share an id, and an attribute that was propagated."""
    with Collector() as collector:
        answer = run(ZIPKIN_ENDPOINT=collector.url, ZIPKIN_ENCODING=encoding)
        [trace] = collector.store.traces()
    root, client, server = sorted(trace, key=lambda span: (span.parent_id is not None, span.shared))

    assert "Hello, Amy!" == answer
    assert [("front", "SERVER"), ("front", "CLIENT"), ("back", "SERVER")] == [
        (span.local.service_name, span.kind) for span in (root, client, server) if span.local is not None
    ]
    assert (None, root.span_id, root.span_id) == (root.parent_id, client.parent_id, server.parent_id)
    assert (client.span_id, True, False) == (server.span_id, server.shared, client.shared)
    assert ["greeting Amy"] == [text for _, text in server.annotations]
    assert client.remote is not None
    assert "back" == client.remote.service_name
