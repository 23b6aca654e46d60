"""Our bytes in other receivers than Zipkin's: the decoders of OpenTelemetry's collector read them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.reporter.sendable import Unsendable, make_sendable
from opentracing_zipkin.testing import InMemoryRecorder

from ..contract.hostile import CALLS, DOCUMENTED, VALUES
from ..opentracing_zipkin.codec.cases import CASES, span_of
from ..opentracing_zipkin.codec.test_poison import POISON, client
from .otel_decoders import decoded
from .random_traces import random_traces

SEED = 20_200_101

# Their decoder of JSON's version 1 rejects `true`, which that version uses for a remote endpoint.
TAKES_REMOTES = [encoding for encoding in ENCODINGS if encoding != "json_v1"]

Ids = tuple[str, str, str]


def ids(span: FinishedSpan) -> Ids:
    """The ids as OpenTelemetry has them: a trace id of 128 bits, and "" for no parent."""
    return span.trace_id.zfill(32), span.span_id, span.parent_id or ""


def check(encoding: str, messages: list[list[FinishedSpan]]) -> None:
    """Check that each message is accepted, and that its spans are there with their ids."""
    codec = encoder_named(encoding)
    answers = decoded(encoding, [codec.join([codec.encode(span) for span in spans]) for spans in messages])

    assert [] == [answer["error"] for answer in answers if "error" in answer]
    found = [sorted((span["traceId"], span["id"], span["parentId"]) for span in answer["spans"]) for answer in answers]
    assert [sorted(map(ids, spans)) for spans in messages] == found


@pytest.mark.parametrize("encoding", TAKES_REMOTES)
def test_random_traces_are_taken_with_all_their_spans(encoding: str) -> None:
    """250 traces of all shapes are accepted, with ids of 64 and 128 bits."""
    traces = random_traces(SEED, 250, 1_577_836_800_000_000)

    assert {16, 32} == {len(trace[0].trace_id) for trace in traces}
    check(encoding, traces)


def test_random_traces_without_remote_endpoints_are_taken_in_json_v1() -> None:
    """Traces without remote endpoints are accepted in JSON's version 1; the decoder does not know its remote endpoints."""
    traces = random_traces(SEED, 250, 1_577_836_800_000_000)
    for span in (span for trace in traces for span in trace):
        span.remote = None

    check("json_v1", traces)


@pytest.mark.parametrize("encoding", TAKES_REMOTES)
def test_the_conformance_table_is_taken(encoding: str) -> None:
    """Each message of `conformance/spans.json` is accepted."""
    check(encoding, [[span_of(case.span)] for case in CASES if case.encoding == encoding])


@pytest.mark.parametrize("encoding", TAKES_REMOTES)
def test_texts_and_times_that_no_application_should_have_are_taken(encoding: str) -> None:
    """A span with odd texts and times is accepted, and so is another span beside it."""
    plain = FinishedSpan("c" * 16, "d" * 16, timestamp_us=1, duration_us=1, local=Endpoint("web"))

    check(encoding, [[plain, client(**fields)] for fields, _ in POISON.values()])


@pytest.mark.parametrize("encoding", TAKES_REMOTES)
def test_what_was_given_hostile_values_is_taken(encoding: str) -> None:
    """A span after each call of the API with each hostile value is accepted.

    A span in which a span handler has spoilt a field is accepted, too, for each field.
    """
    messages: list[list[FinishedSpan]] = []
    for make in VALUES.values():
        messages.append(called(make))
        messages.append(handled(make))

    check(encoding, messages)


def called(make: Callable[[], object]) -> list[FinishedSpan]:
    """The recorded spans, one for each call."""
    recorder = InMemoryRecorder()
    for call in CALLS.values():
        span = ZipkinTracer("service", recorder=recorder, trace_id_bits=64).start_span("x")
        with suppress(DOCUMENTED):
            call(span, make())
        span.finish()
    return recorder.spans


def handled(make: Callable[[], object]) -> list[FinishedSpan]:
    """The sent spans, one for each field."""
    sent = []
    for field in FinishedSpan.__slots__:
        span = FinishedSpan("a" * 16, "b" * 16, timestamp_us=1, duration_us=1, local=Endpoint("web"))
        setattr(span, field, make())
        with suppress(Unsendable):
            sent.append(make_sendable(span))
    return sent
