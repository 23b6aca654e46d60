"""B3: what is written, what is read, and that no header of any peer can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin import ZipkinContext
from opentracing_zipkin.context import DEBUG, DECIDED, MESSAGING, SAMPLED
from opentracing_zipkin.propagation.b3 import B3Propagation, read_single, write_single

TRACE = "463ac35c9f6413ad48485a3953bb6124"
LOW = "48485a3953bb6124"
SPAN = "a2fb4a1d1a96d312"
PARENT = "0020000000000001"

Facts = tuple[str | None, str | None, str | None, bool | None, bool]


def facts(context: ZipkinContext | None) -> Facts | None:
    if context is None:
        return None
    return (context.trace_id, context.span_id, context.parent_id, context.sampled, context.debug)


READ: list[tuple[str, dict[str, Any], Facts | None]] = [
    ("multi", {"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "1"}, (TRACE, SPAN, None, True, False)),
    ("lower case", {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "0"}, (TRACE, SPAN, None, False, False)),
    ("title case", {"X-B3-Traceid": TRACE, "X-B3-Spanid": SPAN, "X-B3-Sampled": "1"}, (TRACE, SPAN, None, True, False)),
    ("WSGI environ", {"HTTP_X_B3_TRACEID": TRACE, "HTTP_X_B3_SPANID": SPAN}, (TRACE, SPAN, None, None, False)),
    ("bytes", {b"X-B3-TraceId": TRACE.encode(), b"x-b3-spanid": SPAN.encode()}, (TRACE, SPAN, None, None, False)),
    ("64 bits are not widened", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN}, (LOW, SPAN, None, None, False)),
    ("parent", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT}, (LOW, SPAN, PARENT, None, False)),
    ("a parent of zeros is none", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-parentspanid": "0" * 16}, (LOW, SPAN, None, None, False)),
    ("deferred", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN}, (LOW, SPAN, None, None, False)),
    ("debug", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-flags": "1"}, (LOW, SPAN, None, True, True)),
    ("debug outranks deny", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-flags": "1", "x-b3-sampled": "0"}, (LOW, SPAN, None, True, True)),
    ("other flags are ignored", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-flags": "2"}, (LOW, SPAN, None, None, False)),
    ("sampled as a word", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-sampled": "True"}, (LOW, SPAN, None, True, False)),
    ("sampled nonsense is deferred", {"x-b3-traceid": LOW, "x-b3-spanid": SPAN, "x-b3-sampled": "yes"}, (LOW, SPAN, None, None, False)),
    ("upper-case hex", {"x-b3-traceid": TRACE.upper(), "x-b3-spanid": SPAN.upper()}, (TRACE, SPAN, None, None, False)),
    ("short ids are padded", {"x-b3-traceid": "1f", "x-b3-spanid": "1"}, ("000000000000001f", "0000000000000001", None, None, False)),
    ("17 to 31 digits are padded to 32", {"x-b3-traceid": "1" + LOW, "x-b3-spanid": SPAN}, ("0" * 15 + "1" + LOW, SPAN, None, None, False)),
    ("too long", {"x-b3-traceid": TRACE + "0", "x-b3-spanid": SPAN}, None),
    ("zeros", {"x-b3-traceid": "0" * 32, "x-b3-spanid": SPAN}, None),
    ("no hex", {"x-b3-traceid": "zzzz", "x-b3-spanid": SPAN}, None),
    ("white space inside", {"x-b3-traceid": LOW[:8] + " " + LOW[9:], "x-b3-spanid": SPAN}, None),
    ("no span id", {"x-b3-traceid": TRACE}, None),
    ("a deny survives malformed ids", {"x-b3-traceid": "zzzz", "x-b3-spanid": SPAN, "x-b3-sampled": "0"}, (None, None, None, False, False)),
    ("a deny alone", {"X-B3-Sampled": "0"}, (None, None, None, False, False)),
    ("an accept alone", {"X-B3-Sampled": "1"}, (None, None, None, True, False)),
    ("debug alone", {"X-B3-Flags": "1"}, (None, None, None, True, True)),
    ("single", {"b3": f"{TRACE}-{SPAN}-1-{PARENT}"}, (TRACE, SPAN, PARENT, True, False)),
    ("single without parent", {"b3": f"{TRACE}-{SPAN}-0"}, (TRACE, SPAN, None, False, False)),
    ("single deferred", {"B3": f"{LOW}-{SPAN}"}, (LOW, SPAN, None, None, False)),
    ("single deferred with parent", {"b3": f"{LOW}-{SPAN}-{PARENT}"}, (LOW, SPAN, PARENT, None, False)),
    ("single debug", {"b3": f"{LOW}-{SPAN}-d"}, (LOW, SPAN, None, True, True)),
    ("single deny alone", {"b3": "0"}, (None, None, None, False, False)),
    ("single debug alone", {"b3": "d"}, (None, None, None, True, True)),
    ("single wins over multi", {"b3": "0", "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}, (None, None, None, False, False)),
    ("malformed single falls back to multi", {"b3": "zz", "x-b3-traceid": LOW, "x-b3-spanid": SPAN}, (LOW, SPAN, None, None, False)),
    ("malformed single keeps its deny", {"b3": f"zz-{SPAN}-0"}, (None, None, None, False, False)),
    ("five fields", {"b3": f"{LOW}-{SPAN}-1-{PARENT}-x"}, (None, None, None, True, False)),
    ("33 to 48 characters without meaning", {"b3": f"{TRACE}-abcde-"}, None),
    ("empty", {"b3": ""}, None),
    ("nothing of ours", {"host": "x", "x-request-id": "1"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_reading_is_lenient_and_loses_no_decision(headers: dict[str, Any], expected: Facts | None) -> None:
    """One row a case; the same headers as a list of pairs mean the same."""
    propagation = B3Propagation()

    assert expected == facts(propagation.extract(headers))
    assert expected == facts(propagation.extract(list(headers.items())))


WRITTEN = [
    (DECIDED | SAMPLED, {"x-b3-sampled": "1"}, "-1"),
    (DECIDED, {"x-b3-sampled": "0"}, "-0"),
    (DECIDED | SAMPLED | DEBUG, {"x-b3-flags": "1"}, "-d"),
    (0, {}, ""),
]


@pytest.mark.parametrize(("state", "multi", "single"), WRITTEN)
def test_each_state_is_written_in_both_shapes(state: int, multi: dict[str, str], single: str) -> None:
    """Sampled, denied, debug and deferred; debug writes no second header."""
    context = ZipkinContext(TRACE, SPAN, PARENT, state)
    ids = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-parentspanid": PARENT}
    carriers: dict[str, dict[str, str]] = {"multi": {}, "single": {}, "both": {}}
    for b3_format, carrier in carriers.items():
        B3Propagation(b3_format).inject(context, carrier)

    assert {**ids, **multi} == carriers["multi"]
    assert {"b3": f"{TRACE}-{SPAN}{single}-{PARENT}"} == carriers["single"]
    assert {**carriers["multi"], **carriers["single"]} == carriers["both"]


def test_a_producer_writes_one_header_without_parent() -> None:
    """Messaging systems allow no dashes in names, and a consumer never shares the id."""
    carrier: dict[str, str] = {}
    B3Propagation().inject(ZipkinContext(TRACE, SPAN, PARENT, DECIDED | SAMPLED | MESSAGING), carrier)

    assert {"b3": f"{TRACE}-{SPAN}-1"} == carrier


def test_a_decision_without_ids_is_passed_on_alone() -> None:
    """No header has an empty value."""
    carrier: dict[str, str] = {}
    B3Propagation("both").inject(ZipkinContext(state=DECIDED), carrier)

    assert {"x-b3-sampled": "0", "b3": "0"} == carrier


def test_malformed_headers_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Once a carrier, and not where nothing was sent; the first is a warning."""
    propagation = B3Propagation()
    for headers in ({"x-b3-traceid": "zz"}, {"b3": "zz"}, {"host": "h"}, {"b3": "0"}):
        propagation.extract(headers)

    assert 2 == propagation.malformed
    assert [
        "malformed B3 headers, ignored as far as they cannot be read (said once): {'x-b3-traceid': 'zz'}"
    ] == caplog.messages


def test_an_unknown_format_names_the_remedy() -> None:
    """The value and the choices."""
    with pytest.raises(ValueError, match="b3_format is 'mutli'; use one of multi, single, both"):
        B3Propagation("mutli")


hex_ids = st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda text: text.strip("0"))
contexts = st.builds(
    ZipkinContext,
    st.one_of(hex_ids, st.builds(str.__add__, hex_ids, hex_ids)),
    hex_ids,
    st.none() | hex_ids,
    st.sampled_from([0, DECIDED, DECIDED | SAMPLED, DECIDED | SAMPLED | DEBUG]),
)


@given(contexts)
def test_the_single_header_reads_what_it_writes(context: ZipkinContext) -> None:
    """Any context survives."""

    assert facts(context) == facts(read_single(write_single(context)))


@given(contexts, st.sampled_from(["multi", "single", "both"]))
def test_the_headers_read_what_they_write(context: ZipkinContext, b3_format: str) -> None:
    """Any context survives any format."""
    propagation = B3Propagation(b3_format)
    carrier: dict[str, str] = {}
    propagation.inject(context, carrier)

    assert facts(context) == facts(propagation.extract(carrier))
    assert 0 == propagation.malformed


NAMES = ["b3", "B3", "x-b3-traceid", "X-B3-TraceId", "X-B3-SpanId", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled",
         "X-B3-Sampled", "x-b3-flags", "ot-baggage-a", "host", ""]  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(NAMES) | st.text(max_size=5) | st.binary(max_size=5),
        st.text(max_size=70)
        | st.binary(max_size=70)
        | st.none()
        | st.integers()
        | st.sampled_from([TRACE, SPAN, "1", "0", f"{LOW}-{SPAN}-1"]),
        max_size=8,
    )
)
def test_no_header_of_a_peer_raises_or_gets_through_unchecked(headers: dict[Any, Any]) -> None:
    """Whatever comes in, what goes out is header-safe text: ids of lower hex, and no None."""
    propagation = B3Propagation("both")
    context = propagation.extract(headers)
    carrier: dict[str, str] = {}
    if context is not None:
        propagation.inject(context, carrier)

    for name, value in carrier.items():
        assert type(value) is str
        assert (name + value).isprintable()
        assert (name + value).isascii()
