"""Texts and times that no application should send, but some do: no encoding fails, and no real server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .readers import reader_named

MOST = (1 << 63) - 1
WEB = Endpoint("web")


def client(**fields: Any) -> FinishedSpan:
    """A client span, except for the given fields."""
    return FinishedSpan(
        "a" * 16, "b" * 16, **{"kind": "CLIENT", "timestamp_us": 1000, "duration_us": 50, "local": WEB, **fields}
    )


# The fields of a span, and those that a reader gets; None means that the reader gets the same.
POISON: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "surrogate in the name": ({"name": "a\ud800b"}, {"name": "a?b"}),
    "surrogate in a tag": ({"tags": {"k": "a\udfffb"}}, {"tags": {"k": "a?b"}}),
    "surrogate in a key": ({"tags": {"a\ud800": "v"}}, {"tags": {"a?": "v"}}),
    "surrogate in an annotation": ({"annotations": [(1010, "\udc80")]}, {"annotations": [(1010, "?")]}),
    "surrogate in the service": ({"local": Endpoint("w\ud800")}, {"local": Endpoint("w?")}),
    "surrogate in the remote": ({"remote": Endpoint("r\ud800")}, {"remote": Endpoint("r?")}),
    "separator in the name": ({"name": "ä\u2028b"}, {"name": "ä b"}),
    "separator in a tag": ({"tags": {"k": "ä\u2029b"}}, {"tags": {"k": "ä b"}}),
    "separator in a key": ({"tags": {"ä\u2028b": "v"}}, {"tags": {"ä b": "v"}}),
    "separator in an annotation": ({"annotations": [(1010, "\u2028ä")]}, {"annotations": [(1010, " ä")]}),
    "separator in the service": ({"local": Endpoint("ä\u2028b")}, {"local": Endpoint("ä b")}),
    "neighbours of the separators": ({"tags": {"k": "\u2027 \u202a \u2013 \u201c"}}, None),
    "mark of version 1": ({"tags": {"xyAnnotations": "yAnnotations"}}, None),
    "mark of version 2": ({"tags": {"localEndpoint": 'x"tags', "tags": "Endpoint"}}, None),
    "mark in a name": ({"name": 'end"tags', "local": Endpoint("yAnnotations".lower())}, None),
    "backslash before a mark": ({"tags": {"k": "\\Endpoint", "l": '\\"tags', "m": "\\yAnnotations"}}, None),
    "control characters": ({"tags": {"\0": "\0\x1f\x7f\r\n\t"}, "name": "\0"}, None),
    "what templates trip over": ({"name": "%s {} %", "tags": {"%s": "%(x)s {0}", "%%": "%"}}, None),
    "markup": ({"tags": {"k": "</script>"}}, None),
    "non-characters": ({"tags": {"k": "\ufeff\uffff\U0010ffff"}}, None),
    "no time": ({"timestamp_us": 0, "duration_us": 0, "kind": None, "tags": {"k": "v"}}, None),
    "times below zero": (
        {"timestamp_us": -5, "duration_us": -5, "kind": None, "tags": {"k": "v"}},
        {"timestamp_us": 0, "duration_us": 0},
    ),
    "greatest time": ({"timestamp_us": MOST, "duration_us": 0}, None),
    "nanoseconds for seconds": ({"timestamp_us": 17 * 10**23, "duration_us": 0}, {"timestamp_us": MOST}),
    "endless": ({"duration_us": 10**30}, {"duration_us": MOST - 1000}),
    "end behind the greatest time": ({"timestamp_us": MOST - 5, "duration_us": 50}, {"duration_us": 5}),
    "annotation far ahead": ({"annotations": [(10**30, "a")]}, {"annotations": [(MOST, "a")]}),
    "annotation far back": ({"annotations": [(-(10**30), "a")]}, {"annotations": [(1, "a")]}),
    "annotation before 1970": ({"annotations": [(-1, "a")], "kind": None, "tags": {"k": "v"}}, {"annotations": [(1, "a")]}),
    "annotation at 0": ({"annotations": [(0, "a")]}, {"annotations": [(1, "a")]}),
    "address that is no literal": ({"remote": Endpoint("r", "db.example", "x", 80)}, {"remote": Endpoint("r", "", "", 80)}),
    "annotation of more digits than Python writes": ({"annotations": [(10**5000, "a")]}, {"annotations": [(MOST, "a")]}),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("poison", POISON)
def test_a_poisonous_value_costs_neither_the_span_nor_its_batch(poison: str, encoding: str) -> None:
    """A text or time that cannot be sent is replaced by the nearest possible one, and everything else arrives."""
    codec = encoder_named(encoding)
    fields, read = POISON[poison]
    body = codec.join([codec.encode(client()), codec.encode(client(**fields))])

    assert [client(), client(**{**fields, **(read or {})})] == reader_named(encoding)(body)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_span_itself_is_not_changed(encoding: str) -> None:
    """A codec replaces values in the message and never in the span."""
    span = client(name="a\ud800", duration_us=10**30, annotations=[(10**30, "\u2028")], tags={"\ud800": "\u2028"})
    encoder_named(encoding).encode(span)

    assert span == client(name="a\ud800", duration_us=10**30, annotations=[(10**30, "\u2028")], tags={"\ud800": "\u2028"})


_TIMES = st.integers() | st.integers(-(1 << 70), 1 << 70) | st.sampled_from([-1, 0, 1, MOST - 1, MOST, MOST + 1, 1 << 64])


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.sampled_from([None, "CLIENT", "SERVER"]), _TIMES, _TIMES, st.lists(_TIMES, max_size=3))
def test_any_times_fit_into_63_bits_on_the_wire(
    encoding: str, kind: str | None, timestamp_us: int, duration_us: int, annotations: list[int]
) -> None:
    """With any times, a reader gets the span with its texts, and no time is below 0 or beyond 63 bits."""
    span = client(kind=kind, timestamp_us=timestamp_us, duration_us=duration_us, tags={"k": "v"})
    span.annotations = [(at, "a") for at in annotations]
    codec = encoder_named(encoding)
    [seen] = reader_named(encoding)(codec.join([codec.encode(span)]))
    times = [at for at, value in seen.annotations if value == "a"]

    assert ("b" * 16, {"k": "v"}, bool(annotations)) == (seen.span_id, seen.tags, bool(times))
    assert 0 <= seen.timestamp_us <= seen.timestamp_us + seen.duration_us <= MOST
    assert all(1 <= at <= MOST for at, _ in seen.annotations)
