"""W3C Trace Context: strictly read and written, below B3 in rank, and never with a shared span id."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import ZipkinContext, ZipkinTracer
from opentracing_zipkin.context import DEBUG, DECIDED, MESSAGING, SAMPLED
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.propagation.w3c import read_traceparent
from opentracing_zipkin.testing import InMemoryRecorder

TRACE = "463ac35c9f6413ad48485a3953bb6124"
LOW = "48485a3953bb6124"
SPAN = "a2fb4a1d1a96d312"
OTHER = "0020000000000001"

Facts = tuple[str | None, str | None, bool | None] | None


def facts(context: ZipkinContext | None) -> Facts:
    return None if context is None else (context.trace_id, context.span_id, context.sampled)


READ: list[tuple[str, Facts]] = [
    (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN, True)),
    (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN, False)),
    (f"00-{TRACE}-{SPAN}-03", (TRACE, SPAN, True)),  # only bit 0 decides
    (f"00-{TRACE}-{SPAN}-fe", (TRACE, SPAN, False)),
    (f"00-{'0' * 16}{LOW}-{SPAN}-01", (LOW, SPAN, True)),  # a 64-bit id, without its padding
    (f" \t00-{TRACE}-{SPAN}-01 ", (TRACE, SPAN, True)),
    (f"01-{TRACE}-{SPAN}-01", (TRACE, SPAN, True)),  # a future version: its first four fields count
    (f"fe-{TRACE}-{SPAN}-01-what-follows", (TRACE, SPAN, True)),
    (f"cc-{TRACE}-{SPAN}-01-", (TRACE, SPAN, True)),
    (f"cc-{TRACE}-{SPAN}-01.x", None),
    (f"ff-{TRACE}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN}-01-what-follows", None),  # not allowed in version 00
    (f"00-{TRACE}-{SPAN}-01-", None),
    (f"00-{TRACE.upper()}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN.upper()}-01", None),
    (f"0A-{TRACE}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN}-0A", None),
    (f"00-{'0' * 32}-{SPAN}-01", None),
    (f"00-{TRACE}-{'0' * 16}-01", None),
    (f"00-{LOW}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN}-1", None),
    (f"00-{TRACE}-{SPAN}", None),
    (f"0-{TRACE}-{SPAN}-01", None),
    (f"00-{'z' * 32}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN}-01\n", None),
    (f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "expected"), READ)
def test_a_traceparent_is_read_strictly(value: str, expected: Facts) -> None:
    """A `traceparent` has lower case, no zero ids and no version ff; later versions are read by their first four fields."""

    assert expected == facts(read_traceparent(value))


WRITTEN: list[tuple[ZipkinContext, str | None]] = [
    (ZipkinContext(TRACE, SPAN, OTHER, DECIDED | SAMPLED), f"00-{TRACE}-{SPAN}-01"),
    (ZipkinContext(TRACE, SPAN, OTHER, DECIDED), f"00-{TRACE}-{SPAN}-00"),
    (ZipkinContext(TRACE, SPAN, OTHER, DECIDED | SAMPLED | DEBUG), f"00-{TRACE}-{SPAN}-01"),
    (ZipkinContext(LOW, SPAN, None, DECIDED | SAMPLED), f"00-{'0' * 16}{LOW}-{SPAN}-01"),
    (ZipkinContext(int(LOW, 16), 1, None, DECIDED | SAMPLED), f"00-{'0' * 16}{LOW}-{1:016x}-01"),
    (ZipkinContext(TRACE, SPAN, None, DECIDED | SAMPLED | MESSAGING), f"00-{TRACE}-{SPAN}-01"),
    (ZipkinContext(state=DECIDED | SAMPLED), None),
]


@pytest.mark.parametrize(("context", "expected"), WRITTEN)
def test_a_traceparent_is_written_beside_b3(context: ZipkinContext, expected: str | None) -> None:
    """A `traceparent` is written if the setting is on and there are ids; a 64-bit id is padded to 32 digits."""
    beside: dict[str, str] = {}
    alone: dict[str, str] = {}
    B3Propagation(w3c=True).inject(context, beside)
    B3Propagation().inject(context, alone)

    assert {**alone, **({"traceparent": expected} if expected else {})} == beside


PARENT = f"00-{TRACE}-{SPAN}-01"
RANK: list[tuple[str, dict[str, str], Facts]] = [
    ("alone", {"traceparent": PARENT}, (TRACE, SPAN, True)),
    ("in a WSGI environ", {"HTTP_TRACEPARENT": PARENT}, (TRACE, SPAN, True)),
    ("in title case", {"Traceparent": PARENT}, (TRACE, SPAN, True)),
    ("below the single header", {"traceparent": PARENT, "b3": f"{LOW}-{OTHER}-0"}, (LOW, OTHER, False)),
    ("below the five", {"traceparent": PARENT, "x-b3-traceid": LOW, "x-b3-spanid": OTHER, "x-b3-sampled": "0"}, (LOW, OTHER, False)),
    ("below a deferred one", {"traceparent": PARENT, "b3": f"{LOW}-{OTHER}"}, (LOW, OTHER, None)),
    ("where B3 is malformed", {"traceparent": PARENT, "b3": "zz", "x-b3-traceid": "zz"}, (TRACE, SPAN, True)),
    ("with B3's deny", {"traceparent": PARENT, "b3": "0"}, (TRACE, SPAN, False)),
    ("with the deny of malformed B3", {"traceparent": PARENT, "x-b3-traceid": "zz", "x-b3-sampled": "0"}, (TRACE, SPAN, False)),
    ("with B3's accept", {"traceparent": PARENT[:-1] + "0", "x-b3-sampled": "1"}, (TRACE, SPAN, True)),
    ("malformed", {"traceparent": PARENT.upper(), "x-b3-sampled": "0"}, (None, None, False)),
    ("malformed and alone", {"traceparent": "zz"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), [row[1:] for row in RANK], ids=[row[0] for row in RANK])
def test_b3_outranks_the_traceparent(headers: dict[str, str], expected: Facts) -> None:
    """`traceparent` gives the position if B3 gives none; a decision of B3 outranks its flag."""

    for w3c in (False, True):
        assert expected == facts(B3Propagation(w3c=w3c).extract(headers))


def test_debug_alone_applies_to_the_trace_of_the_traceparent() -> None:
    """A B3 debug flag beside a `traceparent` makes its trace a debug trace, so that a caller can debug one request."""
    context = B3Propagation(w3c=True).extract({"traceparent": PARENT, "X-B3-Flags": "1"})

    assert context is not None
    assert (TRACE, True) == (context.trace_id, context.debug)


def test_two_traceparents_are_none() -> None:
    """Two `traceparent` headers count as none, because nothing tells which is right."""

    assert None is B3Propagation(w3c=True).extract([("traceparent", PARENT), ("Traceparent", PARENT)])


@pytest.mark.parametrize("flags", [f"{flags:02x}" for flags in (*range(16), 0x80, 0xFE, 0xFF)])
@pytest.mark.parametrize("version", ["00", "cc"])
@pytest.mark.parametrize("depth", range(3))
def test_the_flags_of_a_traceparent_are_passed_on(flags: str, version: str, depth: int) -> None:
    """The flags are passed on to every span below, recorded or not; only bit 0 is the decision of the trace."""
    tracer = ZipkinTracer("service", w3c=True, recorder=InMemoryRecorder())
    context = tracer.extract(Format.HTTP_HEADERS, {"traceparent": f"{version}-{TRACE}-{SPAN}-{flags}"})
    for _ in range(depth):
        context = tracer.start_span("x", child_of=context).context
    carrier: dict[str, str] = {}
    tracer.inject(context, Format.HTTP_HEADERS, carrier)

    assert ("00", TRACE, flags) == (carrier["traceparent"][:2], carrier["traceparent"][3:35], carrier["traceparent"][-2:])
    assert str(int(flags, 16) & 1) == carrier["x-b3-sampled"]


@pytest.mark.parametrize(
    ("b3", "expected"),
    [
        ({"b3": f"{TRACE}-{OTHER}-1"}, "03"),  # B3 decides; the other flags are the trace's
        ({"b3": f"{TRACE}-{OTHER}"}, "03"),
        ({"b3": f"{TRACE}-{OTHER}-0"}, "02"),
        ({"b3": "0"}, "02"),
        ({"x-b3-flags": "1"}, "03"),
        ({"b3": f"{LOW}-{OTHER}-1"}, "01"),  # another trace
    ],
    ids=str,
)
def test_the_flags_go_with_the_trace(b3: dict[str, str], expected: str) -> None:
    """The flags are passed on beside B3 if they belong to B3's trace."""
    tracer = ZipkinTracer("service", w3c=True, recorder=InMemoryRecorder())
    context = tracer.extract(Format.HTTP_HEADERS, {**b3, "traceparent": f"00-{TRACE}-{SPAN}-02"})
    carrier: dict[str, str] = {}
    tracer.inject(tracer.join_trace("x", context).context, Format.HTTP_HEADERS, carrier)

    assert expected == carrier["traceparent"][-2:]


def test_a_new_trace_has_no_flags_of_another() -> None:
    """A new trace has no other flag than `sampled`."""
    tracer = ZipkinTracer("service", w3c=True, recorder=InMemoryRecorder())
    carrier: dict[str, str] = {}
    tracer.inject(tracer.start_span("x").context, Format.HTTP_HEADERS, carrier)

    assert "01" == carrier["traceparent"][-2:]


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": PARENT},
        {"host": "h", "Traceparent": PARENT, "tracestate": "a=1"},
        {"HTTP_TRACEPARENT": PARENT, "HTTP_TRACESTATE": "a=1"},
        [(b"host", b"h"), (b"traceparent", PARENT.encode()), (b"tracestate", b"a=1")],
        [("traceparent", PARENT.encode())],
        {"traceparent": PARENT, "X-B3-TraceId": "zz"},
    ],
    ids=repr,
)
def test_a_traceparent_is_read_by_default(carrier: Any) -> None:
    """Without B3 a `traceparent` is read from any carrier; B3 is written, and neither `traceparent` nor `tracestate`."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    for _ in range(2):  # the second time the names are known
        context = tracer.extract(Format.HTTP_HEADERS, carrier)
        span = tracer.join_trace("x", context)
        written: dict[str, str] = {}
        tracer.inject(span.context, Format.HTTP_HEADERS, written)

        assert (TRACE, SPAN, True) == facts(context)
        assert (TRACE, SPAN, True) == (span.context.trace_id, span.context.parent_id, span.context.sampled)
        assert {"x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled"} == set(written)


def test_without_the_option_a_tracestate_is_not_passed_on() -> None:
    """A `tracestate`, and an attribute of this name, is sent only together with a `traceparent`."""
    tracer = ZipkinTracer("service", recorder=InMemoryRecorder())
    headers = {"b3": f"{TRACE}-{SPAN}-1", "traceparent": PARENT, "tracestate": "a=1", "ot-baggage-tracestate": "a=1"}
    context = tracer.extract(Format.HTTP_HEADERS, headers)
    assert context is not None
    assert {} == dict(context.baggage)
    span = tracer.start_span("x", child_of=context).set_baggage_item("tracestate", "b=2")
    written: dict[str, str] = {}
    tracer.inject(span.context, Format.HTTP_HEADERS, written)

    assert not [name for name in written if "trace" in name and "b3" not in name]


def test_a_traceparent_that_cannot_be_read_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A malformed `traceparent` is counted if its ids were needed; beside B3 ids nothing is lost."""
    propagation = B3Propagation()
    for headers in ({"traceparent": "zz"}, {"traceparent": "zz", "b3": "0"}, {"traceparent": "zz", "b3": f"{TRACE}-{SPAN}"}):
        propagation.extract(headers)

    assert 2 == propagation.malformed
    assert [
        "zipkin: malformed traceparent headers; the unreadable parts are ignored (logged once): {'traceparent': 'zz'}"
    ] == caplog.messages


STATES: list[tuple[Any, str | None]] = [
    ("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
    ("a=%41 , b=:/;", "a=%41 , b=:/;"),
    ("b3=0,what is no list", "b3=0,what is no list"),
    ("a=1,\tb=2", "a=1, b=2"),  # both are white space, but the tab is a control character
    (["a=1", "b=2"], "a=1,b=2"),
    (["", "a=1", "", b"b=2"], "a=1,b=2"),
    ("x" * 8192, "x" * 8192),
    ("x" * 8193, None),
    ("a=1\r\nhost: evil", None),
    ("a=\x7f", None),
    ("a=\u00e4", None),
    ("", None),
]


@pytest.mark.parametrize(("tracestate", "expected"), STATES)
def test_a_tracestate_is_passed_on_untouched_or_not_at_all(tracestate: Any, expected: str | None) -> None:
    """A `tracestate` is passed on unread to every span below, unless it could break a header."""
    tracer = ZipkinTracer("service", w3c=True, recorder=InMemoryRecorder())
    context = tracer.extract(Format.HTTP_HEADERS, {"traceparent": PARENT, "tracestate": tracestate})
    child = tracer.join_trace("x", context).start_child("y")
    carrier: dict[str, str] = {}
    tracer.inject(child.context, Format.HTTP_HEADERS, carrier)

    assert expected == carrier.get("tracestate")
    assert expected == child.get_baggage_item("tracestate")
    assert not [name for name in carrier if name.startswith("ot-baggage-")]


def test_several_tracestates_are_one_list() -> None:
    """Several `tracestate` headers are joined in their order."""
    context = B3Propagation(w3c=True).extract([("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")])

    assert context is not None
    assert {"tracestate": "a=1,b=2"} == dict(context.baggage)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"b3": f"{TRACE}-{OTHER}-1", "traceparent": PARENT}, "a=1"),
        ({"b3": f"{LOW}-{OTHER}-1", "traceparent": f"00-{'0' * 16}{LOW}-{SPAN}-01"}, "a=1"),
        ({"b3": f"{LOW}-{OTHER}-1", "traceparent": PARENT}, None),
        ({"b3": f"{LOW}-{OTHER}-1"}, None),
        ({"b3": f"{LOW}-{OTHER}-1", "traceparent": "zz"}, None),
    ],
)
def test_a_tracestate_goes_with_the_traceparent_of_the_same_trace(headers: dict[str, str], expected: str | None) -> None:
    """A `tracestate` is passed on beside B3 if it belongs to B3's trace."""
    context = B3Propagation(w3c=True).extract({**headers, "tracestate": "a=1"})

    assert context is not None
    assert expected == context.baggage.get("tracestate")


@pytest.mark.parametrize("kind", ["server", "client", "consumer", "producer", None])
def test_the_span_id_of_a_traceparent_is_never_shared(kind: str | None) -> None:
    """The id in a `traceparent` is never shared, because the caller reports a span with it, by rules without sharing."""
    recorder = InMemoryRecorder()
    tracer = ZipkinTracer("service", w3c=True, recorder=recorder)
    context = tracer.extract(Format.HTTP_HEADERS, {"traceparent": PARENT})
    tracer.start_span("x", child_of=context, tags={"span.kind": kind} if kind else None).finish()
    [span] = recorder.spans

    assert (TRACE, SPAN, False) == (span.trace_id, span.parent_id, span.shared)
    assert SPAN != span.span_id


@pytest.mark.parametrize("answer", [True, False])
def test_a_deferred_context_is_decided_before_it_is_written_as_traceparent(answer: bool) -> None:
    """An open decision is made once: a span that joins the context later does what the headers told the next service."""
    answers = [answer, not answer]
    tracer = ZipkinTracer("service", w3c=True, sampler=lambda trace_id: answers.pop(0), recorder=InMemoryRecorder())
    context = tracer.extract(Format.HTTP_HEADERS, {"b3": f"{TRACE}-{SPAN}"})
    assert context is not None
    assert None is context.sampled
    headers, _ = tracer.trace_context_to_text(context)
    carrier: dict[str, str] = {}
    tracer.inject(context, Format.HTTP_HEADERS, carrier)

    assert f"00-{TRACE}-{SPAN}-{'01' if answer else '00'}" == headers["traceparent"]
    assert ("1" if answer else "0") == headers["x-b3-sampled"]
    assert headers == carrier
    assert answer is tracer.join_trace("x", context).context.sampled


def test_headers_of_another_span_do_not_outlive_the_writing() -> None:
    """Headers of another span, `tracestate` included, are removed."""
    carrier = {"Traceparent": PARENT, "tracestate": "a=1"}
    B3Propagation(w3c=True).inject(ZipkinContext(LOW, SPAN, None, DECIDED), carrier)

    assert {"traceparent", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"} == set(carrier)


def test_the_option_is_a_bool() -> None:
    """The setting must be a bool, because the text "false" is true in Python."""
    with pytest.raises(ValueError, match="w3c is 'false'; use True or False"):
        B3Propagation(w3c="false")  # type: ignore[arg-type]
