"""The sizes are computed from messages as a reporter sends them, and a producer whose spans all arrive."""

from __future__ import annotations

import json
import os
import time

import pytest

from bench.scale import carried, producing
from bench.scale.spans import message
from opentracing_zipkin.codec.detected import iterate
from opentracing_zipkin.collector import Collector


@pytest.mark.parametrize("encoding", carried.ENCODINGS)
def test_a_message_has_as_many_spans_as_asked_for(encoding: str) -> None:
    """Each span has an id of its own, and ten spans are a trace."""
    spans = list(iterate(message(encoding, 25)))

    assert 25 == len({span.span_id for span in spans})
    assert 3 == len({span.trace_id for span in spans})


def test_bytes_of_a_span_are_less_in_proto3_and_when_compressed() -> None:
    """Ids are random, so compression does not look better than it is: 8 bytes a span cannot be saved."""
    sizes = carried.message_bytes()

    assert sizes["json"] > sizes["proto3"] > sizes["json, gzip"] > sizes["proto3, gzip"] > 16


def test_a_producer_tells_what_was_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """The spans of the warm-up are not counted."""
    with Collector() as collector:
        producing.main(collector.url, "json", 300)
    told = json.loads(capsys.readouterr().out)

    assert (300, 0) == (told["accepted"], told["dropped"])
    assert told["seconds"] > 0


def test_the_cpu_time_of_a_process_is_read_from_outside() -> None:
    """The kernel counts the CPU time in ticks of ten milliseconds."""
    begin, own = carried.cpu_s(os.getpid()), time.process_time()
    while time.process_time() - own < 0.2:
        pass

    assert 0.1 < carried.cpu_s(os.getpid()) - begin
