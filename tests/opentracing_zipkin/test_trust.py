"""A public edge: with `trust_incoming=False` a new trace starts, whatever the callers send."""

from __future__ import annotations

import contextvars
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import opentracing
from opentracing import Format
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.option import WrongSetting
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"
TAGS = {"caller.trace_id": TRACE, "caller.span_id": SPAN}
IDS = {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-ParentSpanId": PARENT}

Extract = Callable[[ZipkinTracer, dict[str, str]], Any]


def from_binary(tracer: ZipkinTracer, headers: dict[str, str]) -> Any:
    carrier = bytearray()
    trusting = ZipkinTracer("caller", recorder=InMemoryRecorder(), w3c=True)
    trusting.inject(trusting.extract(Format.TEXT_MAP, headers), Format.BINARY, carrier)
    return tracer.extract(Format.BINARY, carrier)


def from_two_binaries(tracer: ZipkinTracer, headers: dict[str, str]) -> Any:
    trusting = ZipkinTracer("caller", recorder=InMemoryRecorder(), w3c=True)
    return tracer.trace_context_from_binary(*trusting.trace_context_to_binary(trusting.extract(Format.TEXT_MAP, headers)))


# Every way to extract a context.
EXTRACTS: dict[str, Extract] = {
    "headers": lambda tracer, headers: tracer.extract(Format.HTTP_HEADERS, headers),
    "lower case": lambda tracer, headers: tracer.extract(Format.TEXT_MAP, {key.lower(): headers[key] for key in headers}),
    "pairs": lambda tracer, headers: tracer.extract(
        Format.TEXT_MAP, [(key.encode(), value.encode()) for key, value in headers.items()]
    ),
    "text": lambda tracer, headers: tracer.trace_context_from_text(headers, {}),
    "binary": from_binary,
    "two binaries": from_two_binaries,
}

# Headers that a caller may send with ids.
HEADERS: dict[str, dict[str, str]] = {
    "accepted": {**IDS, "X-B3-Sampled": "1"},
    "denied": {**IDS, "X-B3-Sampled": "0"},
    "debug": {**IDS, "X-B3-Flags": "1"},
    "left open": IDS,
    "single": {"b3": f"{TRACE}-{SPAN}-1-{PARENT}"},
    "attributes": {**IDS, "X-B3-Sampled": "1", "ot-baggage-user": "root", "x-request-id": "7f3a"},
    "W3C": {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"},
}


def make(**settings: Any) -> tuple[ZipkinTracer, InMemoryRecorder]:
    recorder = InMemoryRecorder()
    return ZipkinTracer("edge", recorder=recorder, trust_incoming=False, **settings), recorder


@pytest.mark.parametrize("extract", EXTRACTS.values(), ids=EXTRACTS)
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_caller_that_is_not_trusted_starts_a_new_trace(extract: Extract, headers: dict[str, str]) -> None:
    """The new trace has its own ids and decision, and no attributes of the caller.

    The caller's ids are tags of the root, and of no other span.
    """
    tracer, recorder = make(w3c=True, baggage_fields=["x-request-id"])
    context = extract(tracer, headers)
    server = tracer.join_trace("get", context, {"http.method": "GET"})
    server.start_child("below").finish()
    server.finish()
    below, root = recorder.spans

    assert (None, None, None, False, {}) == (
        context.trace_id,
        context.parent_id,
        context.sampled,
        context.debug,
        dict(context.baggage),
    )
    assert (None, "SERVER", False, False) == (root.parent_id, root.kind, root.shared, root.debug)
    assert not {root.trace_id, root.span_id} & {TRACE, SPAN, PARENT}
    assert ({**TAGS, "http.method": "GET"}, {}) == (root.tags, below.tags)
    assert {} == dict(server.context.baggage)


@pytest.mark.parametrize("extract", EXTRACTS.values(), ids=EXTRACTS)
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_our_own_sampler_decides(extract: Extract, headers: dict[str, str]) -> None:
    """Neither an accept nor a debug flag from outside makes this tracer record."""
    tracer, recorder = make(w3c=True, sample_rate=0.0)
    span = tracer.join_trace("get", extract(tracer, headers))
    span.finish()
    carrier: dict[str, str] = {}
    tracer.inject(span.context, Format.HTTP_HEADERS, carrier)

    assert ([], "0") == (recorder.spans, carrier["x-b3-sampled"])
    assert not {TRACE, SPAN, PARENT} & set(carrier.values())
    assert "x-b3-flags" not in carrier


@pytest.mark.parametrize(
    "headers", [{}, {"b3": "0"}, {"X-B3-Sampled": "1"}, {"X-B3-Flags": "1"}, {"ot-baggage-k": "v"}, {"b3": "x"}]
)
@pytest.mark.parametrize("extract", EXTRACTS.values(), ids=EXTRACTS)
def test_a_caller_without_ids_is_as_one_that_sent_nothing(extract: Extract, headers: dict[str, str]) -> None:
    """A decision and attributes without ids are not trusted, so there is no context."""
    tracer, _ = make(w3c=True)

    assert None is extract(tracer, headers)


START: dict[str, Callable[[ZipkinTracer, Any], Any]] = {
    "child_of": lambda tracer, context: tracer.start_span("get", child_of=context),
    "references": lambda tracer, context: tracer.start_span("get", references=opentracing.follows_from(context)),
    "with the server's kind": lambda tracer, context: tracer.start_span("get", context, tags={"span.kind": "server"}),
    "started earlier": lambda tracer, context: tracer.start_span("get", context, start_time=1.0),
    "active": lambda tracer, context: tracer.start_active_span("get", context).span,
    "a copy": lambda tracer, context: tracer.join_trace("get", copy.deepcopy(context)),
    "a pickle": lambda tracer, context: tracer.join_trace("get", pickle.loads(pickle.dumps(context))),
    "below another": lambda tracer, context: tracer.start_active_span("outer") and tracer.join_trace("get", context),
}


@pytest.mark.parametrize("start", START.values(), ids=START)
def test_each_way_of_starting_makes_a_root(start: Callable[[ZipkinTracer, Any], Any]) -> None:
    """Each way of starting makes a root with the caller's ids as tags and the attributes that were set here."""
    tracer, recorder = make(default_tags={"zone": "a"})
    context = tracer.extract(Format.HTTP_HEADERS, HEADERS["accepted"])
    assert context is not None
    context.set_trace_attribute("ours", "1")
    span = contextvars.Context().run(start, tracer, context)
    span.finish()

    assert (None, {"zone": "a", **TAGS}) == (recorder.spans[0].parent_id, recorder.spans[0].tags)
    assert {"ours": "1"} == dict(span.context.baggage)


def test_nothing_of_the_callers_is_passed_on() -> None:
    """Neither a proxy that injects the extracted context nor a disabled tracer passes on the caller's headers."""
    tracer, _ = make()
    context = tracer.extract(Format.HTTP_HEADERS, HEADERS["attributes"])
    tracer.enabled = False
    span = tracer.join_trace("get", context)
    for source in (context, span.context):
        carrier = dict(HEADERS["attributes"])
        for name in ("ot-baggage-user", "x-request-id"):
            del carrier[name]
        tracer.inject(source, Format.HTTP_HEADERS, carrier)

        assert {} == carrier


def test_callers_are_trusted_by_default() -> None:
    """Callers are trusted by default, as in earlier versions."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    context = tracer.join_trace("get", tracer.extract(Format.HTTP_HEADERS, HEADERS["accepted"])).context

    assert (TRACE, SPAN, True) == (context.trace_id, context.span_id, context.shared)


def test_the_setting_belongs_to_the_propagation(monkeypatch: pytest.MonkeyPatch) -> None:
    """`trust_incoming` is given to the part or to the tracer, or by the environment, but not beside the part.

    A wrong value is refused.
    """
    part = ZipkinTracer("edge", recorder=InMemoryRecorder(), propagation=B3Propagation(trust_incoming=False))
    monkeypatch.setenv("ZIPKIN_TRUST_INCOMING", "false")
    configured = configure("edge", sender=FakeSender(), handle_sigterm=False)
    configured.close(0)
    opentracing._reset_global_tracer()

    for tracer in (part, configured):
        for extract in EXTRACTS.values():
            assert None is extract(tracer, HEADERS["accepted"]).trace_id
    with pytest.raises(ValueError, match="propagation excludes trust_incoming"):
        ZipkinTracer("edge", propagation=B3Propagation(), trust_incoming=False)
    with pytest.raises(WrongSetting, match=r"^trust_incoming is 'no'"):
        ZipkinTracer("edge", trust_incoming="no")  # type: ignore[arg-type]
