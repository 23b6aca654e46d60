"""All encodings say the same: a real server stores traces of every shape equally in each of the four."""

from __future__ import annotations

import os
from collections import Counter
from copy import copy

import pytest

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.collector.dependencies import dependency_links
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .random_traces import random_traces
from .spans_api import SpansApi, links_in_order

# EQUIVALENCE_SEED draws other traces; a failure prints its seed.
SEED = int(os.environ.get("EQUIVALENCE_SEED") or 20_200_101)
TRACES = 250
SPANS_IN_MESSAGE = 100

# Each encoding has its own time, so that its dependencies can be read separately, and its own trace ids.
FIRST_US = 1_577_836_800_000_000  # 2020-01-01
WINDOW_US = 7 * 86_400_000_000

VERSION_1 = ("json_v1", "thrift")

Traces = list[list[FinishedSpan]]


@pytest.fixture(scope="module", params=ENCODINGS)
def sent(request: pytest.FixtureRequest, api: SpansApi) -> tuple[str, Traces]:
    """An encoding, and the traces that were sent in it, shuffled together."""
    encoding: str = request.param
    traces = traces_for(encoding)
    codec = encoder_named(encoding)
    encoded = [codec.encode(span) for number in range(40) for trace in traces for span in trace[number::40]]
    for begin in range(0, len(encoded), SPANS_IN_MESSAGE):
        api.send(encoding, codec.join(encoded[begin : begin + SPANS_IN_MESSAGE]))
    return encoding, traces


def begin_us(encoding: str) -> int:
    return FIRST_US + ENCODINGS.index(encoding) * WINDOW_US


def traces_for(encoding: str) -> Traces:
    """The same traces, with the time and the trace ids of an encoding."""
    traces = random_traces(SEED, TRACES, begin_us(encoding))
    digit = "6789"[ENCODINGS.index(encoding)]
    for span in (span for trace in traces for span in trace):
        span.trace_id = digit + span.trace_id[1:]
    return traces


def kept(spans: list[FinishedSpan]) -> list[FinishedSpan]:
    """Spans in an order that does not depend on their arrival, each as a server keeps it."""
    normal = []
    for span in map(copy, spans):
        span.annotations, span.tags = sorted(set(span.annotations)), dict(sorted(span.tags.items()))
        normal.append(span)
    return sorted(normal, key=lambda span: (span.span_id, span.kind or "", repr(span)))


def is_called_by_its_own_name(span: FinishedSpan) -> bool:
    """Whether a client has the server's name, which is the only fact in these traces that version 1 cannot carry."""
    if span.kind != "SERVER" or span.local is None or span.remote is None:
        return False
    return span.local.service_name == span.remote.service_name


def in_version_1(span: FinishedSpan) -> FinishedSpan:
    """The span in version 1: a client with the server's name becomes nameless, and the server's address is no client's."""
    if not is_called_by_its_own_name(span):
        return span
    left = copy(span)
    nameless = span.remote._replace(service_name="") if span.remote is not None and span.remote != span.local else Endpoint()
    left.remote = nameless if any(nameless) else None
    return left


def test_every_span_is_stored_as_it_was_sent(sent: tuple[str, Traces], api: SpansApi) -> None:
    """Each trace has the same spans in all encodings, except for one fact in version 1."""
    encoding, traces = sent
    for trace in traces:
        expected = [in_version_1(span) for span in trace] if encoding in VERSION_1 else trace
        found = api.trace(trace[0].trace_id, len(trace))

        assert kept(expected) == kept(found), f"seed {SEED}, encoding {encoding}, trace {trace[0].trace_id}"


def test_the_dependencies_are_the_same(sent: tuple[str, Traces], api: SpansApi) -> None:
    """The server draws the same graph from every encoding, and so does the embedded collector."""
    encoding, traces = sent
    expected = links_in_order(dependency_links(traces))

    assert expected == api.links(begin_us(encoding), begin_us(encoding) + WINDOW_US), f"seed {SEED}, encoding {encoding}"


def test_the_traces_have_all_shapes() -> None:
    """The traces contain calls with one id and with two, messages, one-way calls, loops and failures."""
    spans = [span for trace in traces_for("json") for span in trace]
    count = Counter(
        shape
        for span in spans
        for shape, there in {
            str(span.kind): True,
            "shared": span.shared,
            "one-way": not span.duration_us,
            "error": "error" in span.tags,
            "debug": span.debug,
            "128 bits": len(span.trace_id) == 32,
            "64 bits": len(span.trace_id) == 16,
            "root": span.parent_id is None,
            "loop": is_called_by_its_own_name(span),
        }.items()
        if there
    )

    assert {} == {shape: number for shape, number in count.items() if number < 20}
    assert {"None", "CLIENT", "SERVER", "PRODUCER", "CONSUMER", "shared", "one-way", "error", "debug", "loop"} < count.keys()
    assert len(spans) > 5 * TRACES
