"""JSON v2, read: accepted like in a real server, or refused with the value and its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import json_v2, json_v2_reader, json_values
from opentracing_zipkin.codec.json_v2_reader import decode
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .strategies import finished_spans


def read(**fields: Any) -> FinishedSpan:
    """The span with these fields, and the fields that are required."""
    return read_text(json.dumps({"traceId": "1", "id": "2", **fields}))


def read_text(span: str) -> FinishedSpan:
    (only,) = decode(f"[{span}]".encode())
    return only


@given(st.lists(finished_spans(), max_size=3))
def test_reads_what_the_encoder_writes(spans: list[FinishedSpan]) -> None:
    """Any spans survive writing and reading in JSON."""
    body = json_v2.join([json_v2.encode(span) for span in spans])
    for span in spans:
        span.annotations.sort()

    assert spans == decode(body)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1", "0" * 15 + "1"),
        ("a" * 17, "0" * 15 + "a" * 17),
        ("a" * 32, "a" * 32),
        ("0" * 16 + "b" * 16, "b" * 16),
        (5, "0" * 15 + "5"),
    ],
)
def test_trace_ids_have_16_or_32_characters(written: str | int, expected: str) -> None:
    """Short ids are padded, and a high half of zeros is cut."""
    assert expected == read(traceId=written).trace_id


@pytest.mark.parametrize(("written", "expected"), [("3", "0" * 15 + "3"), ("0" * 16, None), ("2", None), (None, None)])
def test_a_parent_is_another_span(written: str | None, expected: str | None) -> None:
    """Zero, and the span's own id, are no parent."""
    assert expected == read(parentId=written).parent_id


def test_names_are_lower_case() -> None:
    """Span names and service names are compared in lower case, so they are kept in lower case."""
    span = read(name="GET /Foo", localEndpoint={"serviceName": "Shop"})

    assert ("get /foo", Endpoint("shop")) == (span.name, span.local)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(5, 5), ("5", 5), (1.7e15, 1_700_000_000_000_000), (123.0, 123), (0, 0), (-5, 0), (1 << 63, (1 << 63) - 1), (None, 0)],
)
def test_times_are_whole_numbers_however_written(written: Any, expected: int) -> None:
    """Times may be written as text or with an exponent; zero and less mean that the time is unknown."""
    assert (expected, expected) == (read(timestamp=written).timestamp_us, read(duration=written).duration_us)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, None),
        (None, None),
        ({"serviceName": "", "port": 0}, None),
        ({"ipv4": "1.2.3.4", "port": 80}, Endpoint("", "1.2.3.4", "", 80)),
        ({"ipv4": "2001:db8::1"}, Endpoint("", "", "2001:db8::1")),
        ({"ipv6": "::ffff:1.2.3.4"}, Endpoint("", "1.2.3.4")),
        ({"serviceName": "a", "ipv4": "db.example"}, Endpoint("a")),
    ],
)
def test_an_endpoint_holds_literals(written: Any, expected: Endpoint | None) -> None:
    """Addresses go to the field of their family; other texts, and endpoints in which nothing is known, are left out."""
    assert expected == read(remoteEndpoint=written).remote


def test_numbers_are_text_where_text_belongs() -> None:
    """A tag or annotation that is a number is kept as it was written."""
    span = read_text('{"traceId":"1","id":"2","tags":{"n":1.50},"annotations":[{"timestamp":1,"value":200}]}')

    assert ({"n": "1.50"}, [(1, "200")]) == (span.tags, span.annotations)


def test_annotations_are_in_order_and_once() -> None:
    """Annotations are sorted by time and text, without duplicates."""
    written = [{"timestamp": 2, "value": "b"}, {"timestamp": 1, "value": "z"}, {"timestamp": 2, "value": "b"}]

    assert [(1, "z"), (2, "b")] == read(annotations=written).annotations


def test_a_client_does_not_share() -> None:
    """The server side shares the client's span, never the other way round."""
    assert not read(kind="CLIENT", shared=True).shared
    assert read(kind="SERVER", shared=True).shared


@pytest.mark.parametrize("body", [b"", b"[]", b"[ ]", b"\n[]", b"[] whatever"])
def test_nothing_is_no_fault(body: bytes) -> None:
    """An empty list or body is no fault, because reporters use it to test a connection."""
    assert [] == decode(body)


def test_unknown_fields_are_ignored() -> None:
    """Unknown fields of a newer writer do no harm."""
    assert read() == read(flavour="new", more={"x": [1]})


def test_odd_strings_are_mended() -> None:
    """Control characters are kept, invalid UTF-8 is replaced, and a lone surrogate becomes a question mark."""
    (span,) = decode(b'[{"traceId":"1","id":"2","tags":{"a":"x\ty","b":"\xff","c":"\\ud800"}}]')

    assert {"a": "x\ty", "b": "\ufffd", "c": "?"} == span.tags


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceId": "ABC"}, r'\$\[0\].traceId is "ABC"; it should be lower-hex'),
        ({"traceId": "a" * 33}, "1 to 32 characters"),
        ({"traceId": "0"}, "not zero"),
        ({"traceId": None}, r"\$\[0\].traceId is missing"),
        ({"id": "0" * 16}, "not zero"),
        ({"id": "a" * 17}, "1 to 16 characters"),
        ({"parentId": ""}, r"\$\[0\].parentId"),
        ({"kind": "client"}, r'\$\[0\].kind is "client"; use CLIENT'),
        ({"name": True}, r"\$\[0\].name is true; a string is expected"),
        ({"timestamp": 123.5}, r"\$\[0\].timestamp is 123.5; a whole number"),
        ({"timestamp": "soon"}, "a whole number"),
        ({"tags": {"a": None}}, r"\$\[0\].tags.a is null"),
        ({"tags": {"a": True}}, r"\$\[0\].tags.a is true"),
        ({"tags": ["a"]}, r"\$\[0\].tags is"),
        ({"annotations": {}}, r"\$\[0\].annotations is"),
        ({"annotations": [{"timestamp": 1}]}, r"\$\[0\].annotations\[0\] is"),
        ({"localEndpoint": "web"}, r"\$\[0\].localEndpoint is"),
        ({"localEndpoint": {"port": 70000}}, r"\$\[0\].localEndpoint.port is 70000"),
        ({"debug": "true"}, r"\$\[0\].debug is"),
        ({"tags": {"binaryAnnotations": "x"}}, "version 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(fields: dict[str, Any], reason: str) -> None:
    """One wrong value refuses the list; the reason shows the value and its place."""
    with pytest.raises(ValueError, match=reason):
        read(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b" []",
        b"\xef\xbb\xbf[]",
        b"[1]",
        b"[{]",
        b'[{"traceId":"1","id":"2"},]',
        b"[{'traceId':'1'}]",
        b'[{"traceId":"1","id":"2","timestamp":NaN}]',
        b'[{"traceId":"1","id":"2"',
        b"[" * 100_000,
        b'[{"traceId":"1","id":"2","timestamp":1e999}]',
        b'[{"traceId":"1","id":"2","timestamp":' + b"9" * 5000 + b"}]",
    ],
)
def test_what_is_no_list_of_spans_is_refused(body: bytes) -> None:
    """Malformed JSON raises ValueError, however malformed."""
    with pytest.raises(ValueError, match=r"."):
        decode(body)


# Values of any field that reporters do not write, and that are read in another way or refused.
_ODD = st.sampled_from(
    ["", "x", "X", "ü", "1", "007", "0" * 16, "1" * 16, "1" * 17, 5, 0, -1, 1.5, 2**70, True, None, [], {}, [1]]
)
_ID = st.sampled_from(["1" * 16, "ab" * 8, "0" * 15 + "1"])
_ENDPOINT = st.fixed_dictionaries(
    {}, optional={"serviceName": st.sampled_from(["web", "Web", 7]), "ipv4": st.just("10.0.0.1"), "port": st.just(80) | _ODD}
)
_TAGS = st.dictionaries(st.sampled_from(["b", "a", "ü"]), st.sampled_from(["GET", "ü"]) | _ODD)
_ANNOTATIONS = st.lists(st.fixed_dictionaries({"timestamp": st.just(2) | _ODD, "value": st.just("x") | _ODD}), max_size=2)


@given(
    st.fixed_dictionaries(
        {"traceId": _ID | st.just("1" * 32) | st.just("0" * 16 + "1" * 16) | _ODD, "id": _ID | _ODD},
        optional={
            "parentId": _ID | _ODD,
            "kind": st.just("CLIENT") | st.just("SERVER") | _ODD,
            "name": st.just("GET /") | _ODD,
            "timestamp": st.just(1_700_000_000_000_000) | _ODD,
            "duration": st.just(100) | _ODD,
            "localEndpoint": _ENDPOINT | _ODD,
            "remoteEndpoint": _ENDPOINT | _ODD,
            "annotations": _ANNOTATIONS | _ODD,
            "tags": _TAGS | _ODD,
            "debug": st.booleans() | _ODD,
            "shared": st.booleans() | _ODD,
        },
    )
)
def test_the_quick_way_reads_what_the_thorough_one_reads(fields: dict[str, Any]) -> None:
    """The fast path reads a span as the thorough path does, or leaves it to that path; it takes half the time."""
    parsed, _ = json_values.PARSER.raw_decode(json.dumps(fields))
    quick = json_v2_reader._plain(parsed)

    if quick is not None:
        assert json_v2_reader._span(parsed, "span") == quick
        assert {str} == set(map(type, (quick.trace_id, quick.span_id, quick.name, *quick.tags.values())))


def test_a_span_as_reporters_write_it_is_read_the_quick_way() -> None:
    """The fast path reads a span with all fields, if they have the usual form."""
    span = {
        "traceId": "1" * 32,
        "id": "2" * 16,
        "parentId": "3" * 16,
        "kind": "SERVER",
        "name": "get /",
        "timestamp": 1_700_000_000_000_000,
        "duration": 5,
        "localEndpoint": {"serviceName": "web", "ipv4": "10.0.0.1", "port": 80},
        "remoteEndpoint": {"serviceName": "db"},
        "annotations": [{"timestamp": 1_700_000_000_000_001, "value": "x"}],
        "tags": {"http.method": "GET"},
        "shared": True,
        "debug": True,
    }
    parsed, _ = json_values.PARSER.raw_decode(json.dumps(span))

    assert json_v2_reader._plain(parsed) is not None
