"""B3: the headers that are written and read, and the safety against headers of any peer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin import ZipkinContext, propagation as propagation_package
from opentracing_zipkin.context import DEBUG, DECIDED, MESSAGING, SAMPLED
from opentracing_zipkin.propagation import binary
from opentracing_zipkin.propagation.b3 import B3Propagation
from opentracing_zipkin.propagation.b3_text import read_single, write_single
from tests.ids import stable_repr

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[3] / "conformance" / "b3.json").read_text())["cases"]

TRACE = "463ac35c9f6413ad48485a3953bb6124"
LOW = "48485a3953bb6124"
SPAN = "a2fb4a1d1a96d312"
PARENT = "0020000000000001"

Pairs = list[tuple[str, str]]


def facts(context: ZipkinContext | None) -> dict[str, Any] | None:
    if context is None:
        return None
    return {
        "traceId": context.trace_id,
        "spanId": context.span_id,
        "parentId": context.parent_id,
        "sampled": context.sampled,
        "debug": context.debug,
    }


class Headers(Mapping[str, str]):
    """A mapping that is no dict and has all values of a name."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        return dict(reversed(self._pairs))[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        return self._pairs


class EnvironHeaders(Headers):
    """Like the class of Werkzeug and WebOb: a view of a WSGI environ."""

    __module__ = "werkzeug.datastructures.headers"

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in reversed(pairs)}

    def items(self) -> Any:
        return [(name[5:].replace("_", "-").title(), value) for name, value in self.environ.items()]


class MutableHeaders(Headers):
    """Like the class of Starlette: a view of ASGI's pairs."""

    __module__ = "starlette.datastructures"

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return [(name.lower().encode(), value.encode()) for name, value in self._pairs]


CARRIERS: dict[str, Callable[[Pairs], Any]] = {
    "dict": lambda pairs: dict(reversed(pairs)),  # of several headers it has the first
    "dict among others": lambda pairs: {"host": "h", "accept": "*/*", **dict(reversed(pairs))},
    "pairs": lambda pairs: pairs,
    "mapping": Headers,
    "tuple of lists": lambda pairs: tuple(list(pair) for pair in pairs),
    "bytes, as of ASGI": lambda pairs: [(name.lower().encode(), value.encode()) for name, value in pairs],
    "bytes among others": lambda pairs: [
        (b"cookie", b"a=b"),
        *((name.lower().encode(), value.encode()) for name, value in pairs),
        (b"cookie", b"c=d"),
    ],
    "view of ASGI's bytes": MutableHeaders,
    "iterators": lambda pairs: [iter(pair) for pair in pairs],
    "text and bytes, as of Kafka": lambda pairs: [(name, value.encode()) for name, value in pairs],
    "dict of bytes": lambda pairs: {name.encode(): value.encode() for name, value in reversed(pairs)},
    "lists of values": lambda pairs: {name: [v for n, v in pairs if n == name] for name, _ in pairs},
    "WSGI environ": lambda pairs: {
        "wsgi.input": object(),
        **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in reversed(pairs)},
    },
    "view of a WSGI environ": EnvironHeaders,
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_headers_become_the_context_of_the_conformance_table(case: dict[str, Any], carrier: Callable[[Pairs], Any]) -> None:
    """The headers of the conformance table become its contexts, in every form in which a framework has headers."""
    pairs = [(name, value) for name, value in case["headers"]]

    assert case["context"] == facts(B3Propagation().extract(carrier(pairs)))


def test_names_that_look_like_others_once_joined_are_not_mistaken_for_them() -> None:
    """A name with a line break in it is not mistaken for two names, although the names are joined by line breaks."""
    values = {b"x-b3-traceid": TRACE.encode(), b"x-b3-spanid": SPAN.encode()}
    propagation = B3Propagation()
    right = facts(propagation.extract([(b"host", b"h"), *values.items()]))
    broken = [(b"host\nx-b3-traceid", b"h"), (b"x-b3-spanid", SPAN.encode())]

    assert right is not None
    assert TRACE == right["traceId"]
    assert propagation.extract(broken) is None
    assert B3Propagation().extract(broken) is None
    assert right == facts(propagation.extract([(b"host", b"h"), *values.items()]))


@pytest.mark.parametrize("case", [case for case in CASES if case["context"]], ids=lambda case: str(case["name"]))
def test_contexts_become_the_headers_of_the_conformance_table(case: dict[str, Any]) -> None:
    """The contexts of the conformance table become its headers, in each format, and for messages without the parent."""
    context = B3Propagation().extract(case["headers"])
    assert context is not None
    written: dict[str, dict[str, str]] = {"multi": {}, "single": {}, "both": {}, "single_no_parent": {}}
    for b3_format in ("multi", "single", "both"):
        B3Propagation(b3_format).inject(context, written[b3_format])
    context._state |= MESSAGING
    B3Propagation().inject(context, written["single_no_parent"])

    assert {**written["multi"], **written["single"]} == written.pop("both")
    assert case["written"] == written


@pytest.mark.parametrize("case", [case for case in CASES if case["context"]], ids=lambda case: str(case["name"]))
def test_what_is_written_is_read_as_the_same_context(case: dict[str, Any]) -> None:
    """A context is read as it was written, except for the parent where the format has none."""
    for shape, headers in case["written"].items():
        expected = {**case["context"], "parentId": None} if shape == "single_no_parent" else case["context"]
        propagation = B3Propagation()

        assert (expected if headers else None) == facts(propagation.extract(headers))
        assert 0 == propagation.malformed


def test_debug_accepts_and_writes_no_second_header() -> None:
    """The debug flag implies the decision, so no second header is written."""
    carrier: dict[str, str] = {}
    B3Propagation().inject(ZipkinContext(TRACE, SPAN, None, DECIDED | SAMPLED | DEBUG), carrier)

    assert {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1"} == carrier


def test_a_producer_writes_one_header_without_parent() -> None:
    """A producer writes one header, because messaging systems allow no dashes in names, and without parent."""
    carrier: dict[str, str] = {}
    B3Propagation().inject(ZipkinContext(TRACE, SPAN, PARENT, DECIDED | SAMPLED | MESSAGING), carrier)

    assert {"b3": f"{TRACE}-{SPAN}-1"} == carrier


@pytest.mark.parametrize("decision", [False, 0, b"0", "0", ["0"], ("0", "1"), memoryview(b"0")], ids=stable_repr)
def test_a_deny_of_any_type_is_one(decision: Any) -> None:
    """A deny is read from values of any type, because frameworks and brokers have different types for them."""
    context = B3Propagation().extract({"x-b3-sampled": decision})

    assert context is not None
    assert False is context.sampled


@pytest.mark.parametrize("odd", [("a",), None, 3, ("a", "b", "c"), (None, None), ("", "x"), "b3", object()], ids=stable_repr)
def test_what_is_no_header_does_not_hide_the_others(odd: Any) -> None:
    """An item that is no pair does not hide the headers beside it."""
    context = B3Propagation().extract([odd, ("b3", "0")])

    assert context is not None
    assert False is context.sampled


def test_what_was_seen_of_names_before_changes_nothing() -> None:
    """A carrier with names that were seen before, or that look the same when joined, is read like the first one."""
    propagation = B3Propagation()
    usual = {"host": "h", "x-b3-traceid": TRACE, "x-b3-spanid": SPAN}
    joined = {"host\nx-b3-traceid": TRACE, "x-b3-spanid": SPAN}
    for _ in range(2):
        assert facts(ZipkinContext(TRACE, SPAN)) == facts(propagation.extract(dict(usual)))
        assert facts(propagation.extract(joined)) is None
        assert facts(propagation.extract({**usual, "x-b3-spanid": SPAN.upper()})) == facts(propagation.extract(usual))
        assert facts(propagation.extract({**usual, "x-b3-spanid": "none"})) is None
        assert propagation.extract({"host": TRACE}) is None


@pytest.mark.parametrize("shape", ["dict", "bytes, as of ASGI"])
def test_names_without_end_cost_no_memory(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """Neither many sets of names nor long ones are remembered, and all are read."""
    monkeypatch.setattr(propagation_package, "MAX_REMEMBERED", 3)
    propagation = B3Propagation()
    for number in range(10):
        pairs = [(f"x-endless-{number}", "v"), ("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)]
        for carrier in (pairs, [*pairs, ("x" * 3000, "v")]):
            assert facts(ZipkinContext(TRACE, SPAN)) == facts(propagation.extract(CARRIERS[shape](carrier)))
        for known in (propagation._plans, propagation._frameworks._places):
            assert 3 >= len(known)
            assert propagation_package.MAX_REMEMBERED_LENGTH >= max(map(len, known), default=0)


IDS = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN}
NO_DECISION = ["10", "yes", "d", "2", "01", "True1", "on", "-1", "null", "", " ", "\u0661", 10, 0.0, object()]
NO_PARENT = ["null", "None", "zz", PARENT + "0", "-1", "0x1", "", "\u0661", 3]
# Headers with an unreadable part, and the ids and the decision that are read from them.
UNREADABLE: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    *(({**IDS, "x-b3-sampled": value}, (TRACE, SPAN, None, None)) for value in NO_DECISION),
    *(({"x-b3-sampled": value}, ()) for value in NO_DECISION),
    *(({**IDS, "x-b3-parentspanid": value, "x-b3-sampled": "1"}, (TRACE, SPAN, None, True)) for value in NO_PARENT),
    *(({**IDS, "x-b3-flags": value}, (TRACE, SPAN, None, None)) for value in ("true", "d", "yes", "-1", "")),
    ({**IDS, "x-b3-sampled": "10", "x-b3-flags": "1"}, (TRACE, SPAN, None, True)),
    ({**IDS, "x-b3-traceid": "zz", "x-b3-sampled": "0"}, (None, None, None, False)),
    ({**IDS, "x-b3-spanid": "0", "x-b3-sampled": "1"}, (None, None, None, True)),
    ({"x-b3-traceid": TRACE, "x-b3-sampled": "1"}, (None, None, None, True)),
    ({"x-b3-spanid": SPAN, "x-b3-sampled": "1"}, (None, None, None, True)),
    ({"x-b3-parentspanid": PARENT, "x-b3-sampled": "1"}, (None, None, None, True)),
    ({"b3": f"{TRACE}-{SPAN}", "x-b3-sampled": "yes"}, (TRACE, SPAN, None, None)),
    ({"b3": f"{TRACE}-{SPAN}-10"}, ()),
    ({"b3": f"{TRACE}-{SPAN}-1-null"}, (None, None, None, True)),
    ({"b3": "10"}, ()),
    ({"b3": "yes", **IDS}, (TRACE, SPAN, None, None)),
]


@pytest.mark.parametrize("spelling", [str, str.title, str.upper], ids=["lower", "title", "upper"])
@pytest.mark.parametrize(
    ("headers", "expected"), UNREADABLE, ids=lambda value: stable_repr(value) if isinstance(value, dict) else ""
)
def test_what_cannot_be_read_is_counted_beside_what_can(
    headers: dict[str, Any], expected: tuple[Any, ...], spelling: Callable[[str], str]
) -> None:
    """A carrier with an unreadable part counts as malformed once, even if its ids are good."""
    for carrier in ({spelling(name): value for name, value in headers.items()}, list(headers.items())):
        propagation = B3Propagation()
        context = propagation.extract(carrier)

        assert 1 == propagation.malformed
        assert expected == (() if context is None else (context.trace_id, context.span_id, context.parent_id, context.sampled))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "h"},
        {"x-b3-flags": "0"},  # "absent or any other value can be ignored"
        {**IDS, "x-b3-flags": "6"},  # Finagle's sum of flags
        {**IDS, "x-b3-parentspanid": "0000000000000000"},  # zeros mean no parent
        {**IDS, "x-b3-parentspanid": SPAN},
        {**IDS, "x-b3-parentspanid": None, "x-b3-sampled": None},  # None counts as absent
        {**IDS, "x-b3-sampled": "TRUE"},
        {**IDS, "x-b3-sampled": "1, 1"},
        {"x-b3-sampled": False},
        {"b3": f"{TRACE}-{SPAN}-1", "x-b3-sampled": "yes"},  # this header was not needed
        {"x-b3-anything": "zz"},
    ],
    ids=repr,
)
def test_what_can_be_read_is_not_counted(headers: dict[str, Any]) -> None:
    """Headers that can be read, or that have no content, are not counted as malformed."""
    propagation = B3Propagation()
    propagation.extract(headers)

    assert 0 == propagation.malformed


@pytest.mark.parametrize("state", ["1", "0", "d", None])
@pytest.mark.parametrize("parent", [SPAN, SPAN.upper(), "00" + SPAN[2:]])
def test_a_parent_that_is_the_span_itself_is_dropped(parent: str, state: str | None) -> None:
    """A parent with the span's own id is dropped in every format, because some backends follow such a parent without end."""
    span = SPAN if parent != "00" + SPAN[2:] else SPAN[2:]  # with fewer digits than its parent
    decision = {"d": {"x-b3-flags": "1"}, None: {}}.get(state, {"x-b3-sampled": state})
    multi = {"x-b3-traceid": TRACE, "x-b3-spanid": span, "x-b3-parentspanid": parent, **decision}
    single = "-".join([TRACE, span, *([state] if state else []), parent])
    for carrier in (multi, {name.title(): value for name, value in multi.items()}, {"b3": single}, list(multi.items())):
        for _ in range(2):
            context = B3Propagation().extract(carrier)
            assert context is not None
            assert (TRACE, span.lower().zfill(16), None) == (context.trace_id, context.span_id, context.parent_id)
    decoded = binary.decode(single.encode())
    assert decoded is not None
    assert None is decoded.parent_id


def test_malformed_headers_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Malformed headers are counted once for each carrier, and only the first one causes a warning."""
    propagation = B3Propagation()
    for headers in ({"x-b3-traceid": "zz"}, {"b3": "zz"}, {"host": "h"}, {"b3": "0"}):
        propagation.extract(headers)

    assert 2 == propagation.malformed
    assert [
        "zipkin: malformed B3 headers; the unreadable parts are ignored (logged once): {'x-b3-traceid': 'zz'}"
    ] == caplog.messages


def test_an_unknown_format_names_the_remedy() -> None:
    """The error for an unknown format has the value and the choices."""
    with pytest.raises(ValueError, match="b3_format is 'mutli'; use one of multi, single, both"):
        B3Propagation("mutli")


hex_ids = st.text("0123456789abcdef", min_size=16, max_size=16).filter(lambda text: text.strip("0"))
contexts = st.builds(
    ZipkinContext,
    st.one_of(hex_ids, st.builds(str.__add__, hex_ids, hex_ids)),
    hex_ids,
    st.none() | hex_ids,
    st.sampled_from([0, DECIDED, DECIDED | SAMPLED, DECIDED | SAMPLED | DEBUG]),
).filter(lambda context: context.span_id != context.parent_id)


@given(contexts)
def test_the_single_header_reads_what_it_writes(context: ZipkinContext) -> None:
    """Any context survives the single header."""

    assert facts(context) == facts(read_single(write_single(context)))


@given(contexts, st.sampled_from(["multi", "single", "both"]))
def test_the_headers_read_what_they_write(context: ZipkinContext, b3_format: str) -> None:
    """Any context survives any format."""
    propagation = B3Propagation(b3_format)
    carrier: dict[str, str] = {}
    propagation.inject(context, carrier)

    assert facts(context) == facts(propagation.extract(carrier))
    assert 0 == propagation.malformed
