"""Pools of processes and processes that are ended from outside: each span that a child finished arrives once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from opentracing_zipkin.collector import Collector

from ..test_processes import PROJECT, environment, spans_of
from .pools import HOW, TASKS

METHODS = ("fork", "spawn", "forkserver")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", HOW)
def test_every_span_of_a_pools_processes_arrives(collector: Collector, how: str, method: str) -> None:
    """Spans arrive for each way to make and end the processes, also if the parent sends SIGTERM, without a `close`."""
    command = [sys.executable, "-m", "tests.integration.faults.pools", how, method]
    result = subprocess.run(
        command, env=environment(collector), cwd=PROJECT, timeout=60, check=False, capture_output=True, text=True
    )
    told = sorted(result.stdout.splitlines())
    spans = spans_of(collector)
    parents = len(spans) - TASKS

    assert (0, "", 1) == (result.returncode, result.stderr, parents)
    assert set(told) < {f"{span.span_id} {span.tags['pid']}" for span in spans}
    assert TASKS == len(set(told)) == len({span.span_id for span in spans}) - 1
    assert len({span.tags["pid"] for span in spans}) > 2
