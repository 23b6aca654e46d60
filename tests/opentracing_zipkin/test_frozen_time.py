"""The reporter uses the machine's time, whatever an application's tests put in its place.

Each replacement has two processes: one imports the package before the replacement and one inside it.  The program is
tests/…/frozen_time.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .frozen_time import COLLECTORS, PARTS, REPLACEMENTS

PROJECT = Path(__file__).parents[2]
TIMEOUT_S = 40
IMPORTS = ("before", "inside")
# Any code that writes a line to the log calls `time.time` or, on Python 3.13, `time.time_ns`.
UNSEEN = ("time.monotonic", "time.sleep", "time.perf_counter_ns")


class FailingFirst(Collector):
    """A collector whose store fails for the first message."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0
        self._add = self.store.add
        self.store.add = self._add_later  # type: ignore[method-assign]

    def _add_later(self, spans: Iterable[FinishedSpan]) -> None:
        self.failed += 1
        if self.failed == 1:
            raise ConnectionError("the store is not ready")
        self._add(spans)


@cache
def outcome(replacement: str, imported: str) -> Any:
    """The fate of the spans of each part, the output of the process, and the time of its start.

    The begin of the span "after" is read at the place where the span has arrived.
    """
    started_us = int(time.time() * 1_000_000)
    with Collector() as answering, FailingFirst() as failing:
        result = subprocess.run(
            [sys.executable, "-m", "tests.opentracing_zipkin.frozen_time", replacement, imported, answering.url, failing.url],
            cwd=PROJECT, env=dict(os.environ), timeout=TIMEOUT_S, check=False, capture_output=True, text=True,
        )  # fmt: skip
        arrived = {"answers": answering.store.traces(), "fails first": failing.store.traces()}

    outcomes = dict(zip(PARTS, map(json.loads, result.stdout.splitlines()), strict=False))
    for collector, traces in arrived.items() if PARTS[1] in outcomes else ():
        begins = [span.timestamp_us for trace in traces for span in trace if span.name == "after"]
        outcomes[PARTS[1]][collector]["began_at_us"] = begins[0] if begins else None
    return outcomes, result.stderr[-3000:], started_us


def outcome_of(part: str, replacement: str, imported: str) -> Any:
    outcomes, said, _ = outcome(replacement, imported)
    assert part in outcomes, said
    return outcomes[part]


every_replacement = pytest.mark.parametrize(("replacement", "imported"), [*product(REPLACEMENTS, IMPORTS)])


@every_replacement
@pytest.mark.parametrize(("part", "collector"), [*product(PARTS, COLLECTORS)])
def test_spans_arrive_while_time_is_replaced_and_after(replacement: str, imported: str, part: str, collector: str) -> None:
    """Spans arrive without a flush: none expires or waits for years, and a span that starts afterwards has the real time."""
    line = outcome_of(part, replacement, imported)[collector]
    started_us = outcome(replacement, imported)[2]

    assert (2, 0, True) == (line["sent"], line["dropped"], line["flushed"])
    assert started_us <= line["began_at_us"] <= started_us + TIMEOUT_S * 1_000_000


@every_replacement
@pytest.mark.parametrize("part", PARTS)
def test_the_reporters_thread_lives_on(replacement: str, imported: str, part: str) -> None:
    """The reporter's threads are the same after the replacement."""
    line = outcome_of(part, replacement, imported)

    assert (len(COLLECTORS), True) == (line["threads"], line["same"])


@pytest.mark.parametrize(("replacement", "imported"), [*product(UNSEEN, IMPORTS)])
@pytest.mark.parametrize("part", PARTS)
def test_a_mock_counts_no_call_of_ours(replacement: str, imported: str, part: str) -> None:
    """Neither our thread nor our spans call a mock, so a test's `assert_called_once` counts the application only."""

    assert 0 == outcome_of(part, replacement, imported)["called"]
