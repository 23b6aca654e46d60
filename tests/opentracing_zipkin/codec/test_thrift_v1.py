"""Thrift: written by hand, judged by the official codec's bytes and by thriftpy2, read back with thriftpy2."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import thriftpy2
from hypothesis import given, strategies as st
from thriftpy2.utils import deserialize, serialize

import opentracing_zipkin.codec
from opentracing_zipkin.codec import thrift_v1, thrift_v1_reader
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .strategies import finished_spans

IDL = thriftpy2.load(str(Path(opentracing_zipkin.codec.__file__).with_name("zipkinCore.thrift")), module_name="judge_thrift")

FRONTEND = Endpoint("frontend", "127.0.0.1")


def span(**fields: object) -> FinishedSpan:
    """A client span, except for the given fields."""
    plain: dict[str, object] = {"kind": "CLIENT", "name": "get", "timestamp_us": 1000, "duration_us": 50, "local": FRONTEND}
    return FinishedSpan("216a2aea45d08fc9", "5b4185666d50f68b", **{**plain, **fields})  # type: ignore[arg-type]


def read(given_span: FinishedSpan) -> list[FinishedSpan]:
    return thrift_v1.decode(thrift_v1.join([thrift_v1.encode(given_span)]))


def normalised(given_span: FinishedSpan) -> FinishedSpan:
    """The span as a reader keeps it: annotations by time, tags by key."""
    given_span.annotations.sort()
    return given_span


@given(finished_spans())
def test_thriftpy2_writes_the_same_bytes(given_span: FinishedSpan) -> None:
    """Any span has the same bytes whether this codec writes it or thriftpy2 by the IDL."""
    encoded = thrift_v1.encode(given_span)

    assert serialize(deserialize(IDL.Span(), encoded)) == encoded


@given(st.lists(finished_spans(), max_size=3))
def test_reads_what_it_writes(spans: list[FinishedSpan]) -> None:
    """Any spans survive writing and reading in Thrift."""
    body = thrift_v1.join([thrift_v1.encode(each) for each in spans])

    assert [normalised(each) for each in spans] == thrift_v1.decode(body)


@given(finished_spans())
def test_the_same_span_is_written_the_same_when_its_shape_is_known(given_span: FinishedSpan) -> None:
    """The bytes that are kept from an earlier span of the same shape change nothing."""
    thrift_v1._shapes.clear()
    first = thrift_v1.encode(given_span)

    assert first == thrift_v1.encode(given_span)


def test_ids_above_the_signed_range_survive() -> None:
    """All 64 bits of an id, and all 128 of a trace id, are kept."""
    given_span = span()
    given_span.trace_id, given_span.span_id, given_span.parent_id = "f" * 32, "f" * 16, "e" * 16

    assert [given_span] == read(given_span)


def test_long_texts_survive() -> None:
    """Names, tags and annotations may have any length."""
    given_span = span(name="n" * 70_000, tags={"k" * 600: "v" * 70_000, "m": "é" * 256}, annotations=[(1010, "a" * 600)])

    assert [given_span] == read(given_span)


def test_a_percent_sign_is_a_letter() -> None:
    """Percent signs in names and tags are kept as they are."""
    given_span = span(name="%s %b", tags={"%s": "%b"}, local=Endpoint("100%"), annotations=[(1010, "%d")])

    assert [given_span] == read(given_span)


def test_a_shared_span_leaves_its_times_to_the_client() -> None:
    """A span that shares the client's id writes neither timestamp nor duration, because the client owns them."""
    struct_ = deserialize(IDL.Span(), thrift_v1.encode(span(kind="SERVER", shared=True)))

    assert (None, None) == (struct_.timestamp, struct_.duration)
    assert [(1000, "sr"), (1050, "ss")] == [(each.timestamp, each.value) for each in struct_.annotations]


def test_an_annotation_of_the_kind_is_not_written_twice() -> None:
    """If an application logs `cs` itself, the span has only this one `cs`."""
    struct_ = deserialize(IDL.Span(), thrift_v1.encode(span(annotations=[(990, "cs")])))

    assert [(990, "cs"), (1050, "cr")] == [(each.timestamp, each.value) for each in struct_.annotations]


def test_an_address_that_is_no_literal_is_unknown() -> None:
    """A host name in place of an address is left out, and the rest of the span arrives."""
    (read_span,) = read(span(remote=Endpoint("backend", "db.example", "", 5432)))

    assert Endpoint("backend", "", "", 5432) == read_span.remote


def test_tag_keys_without_end_cost_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory for the shapes of spans is limited."""
    monkeypatch.setattr(thrift_v1, "MAX_SHAPES_BYTES", 5000)
    for number in range(10):
        thrift_v1.encode(span(tags={f"key {number}": "v"}))

        assert 0 < thrift_v1._shapes.weight <= thrift_v1.MAX_SHAPES_BYTES
        assert 0 < len(thrift_v1._shapes) <= 5


def test_an_annotation_that_comes_while_a_span_is_encoded_does_no_harm() -> None:
    """If a thread logs while its span is encoded, the announced number of annotations is still the written one.

    Otherwise a reader would take the additional annotation for the trace's id.
    """

    class Late(list[tuple[int, str]]):
        def __iter__(self) -> Iterator[tuple[int, str]]:
            yield from list.__iter__(self)
            yield 1030, "late"

    written = span(annotations=Late([(1010, "in time")]))
    [read_span] = read(written)

    assert normalised(span(annotations=[(1010, "in time"), (1030, "late")])) == read_span


ONE = thrift_v1.encode(span(tags={"k": "v"}))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"\x0c\0\0", "truncated"),
        (ONE, "single Thrift struct"),
        (b"[]   ", "a Thrift list of structs begins with 0x0c"),
        (b"\x0c\x7f\xff\xff\xff" + ONE, "2147483647 announced"),
        (b"\x0c\xff\xff\xff\xff" + ONE, "negative length -1"),
        (b"\x0c\0\0\0\2" + ONE, "span 1: truncated"),
        (b"\x0c\0\0\0\1" + ONE[:-1], "span 0: truncated"),
        (b"\x0c\0\0\0\1\0", "span 0: trace_id is missing or 0"),
        (b"\x0c\0\0\0\1" + serialize(IDL.Span(trace_id=1, id=0)), "span 0: id is missing or 0"),
        (b"\x0c\0\0\0\1\x0f\0\6\x0c\x7f\xff\xff\xff\0", "span 0: truncated: 2147483647 announced"),
        (b"\x0c\0\0\0\1\x0b\0\3\x7f\xff\xff\xff\0", "span 0: truncated: 2147483647 announced"),
        (b"\x0c\0\0\0\1\x0b\0\3\xff\xff\xff\xff\0", "span 0: negative length -1"),
        (b"\x0c\0\0\0\1\x0d\0\x63\2\2\x7f\xff\xff\xff\0", "span 0: truncated"),
        (b"\x0c\0\0\0\1\x09\0\1\0", "span 0: unknown Thrift type 9"),
        (b"\x0c\0\0\0\1" + b"\x0c\0\x63" * 100_000, "span 0: nested deeper"),
        (b"\x0c\0\0\0\1\x0f\0\x63" + b"\x0f\0\0\0\1" * 100_000, "span 0: nested deeper"),
    ],
)
def test_a_malformed_message_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    """Bytes that are no list of spans raise ValueError with the reason, whatever lengths they announce."""
    with pytest.raises(ValueError, match=reason):
        thrift_v1.decode(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes make the reader raise anything but ValueError."""
    try:
        thrift_v1.decode(b"\x0c\0\0\0\1" + body)
    except ValueError:
        return


def test_bytes_behind_the_list_and_unknown_fields_are_ignored() -> None:
    """Unknown fields of a newer writer, and bytes behind the list, do no harm."""
    newer = b"\x0f\0\x63\x0b\0\0\0\1\0\0\0\2hi" + b"\x0d\0\x64\x0b\x08\0\0\0\1\0\0\0\1k\0\0\0\7" + b"\x04\0\x65" + b"\0" * 8

    assert thrift_v1.decode(thrift_v1.join([ONE])) == thrift_v1.decode(b"\x0c\0\0\0\1" + newer + ONE + b"rest")


def test_invalid_utf8_is_replaced() -> None:
    """Bytes that are not UTF-8 become U+FFFD, and the span is kept."""
    (read_span,) = thrift_v1.decode(thrift_v1.join([ONE.replace(b"get", b"g\xfft")]))

    assert "g\ufffdt" == read_span.name


def test_only_strings_become_tags() -> None:
    """Binary annotations of other types than string are left out, as in the server."""
    host = IDL.Endpoint(ipv4=0, port=0, service_name="Frontend")
    typed = [
        IDL.BinaryAnnotation(key=f"type {kind}", value=struct.pack(">q", 1), annotation_type=kind, host=host)
        for kind in range(7)
    ]
    body = thrift_v1.join([serialize(IDL.Span(trace_id=1, id=2, binary_annotations=typed))])
    (read_span,) = thrift_v1.decode(body)

    assert {"type 6": "\0\0\0\0\0\0\0\1"} == read_span.tags
    assert Endpoint("frontend") == read_span.local


def test_reading_without_thriftpy2_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without thriftpy2 the error of the reader tells what to install; writing still works."""
    thrift_v1_reader._thrift.cache_clear()
    monkeypatch.setitem(sys.modules, "thriftpy2", None)

    with pytest.raises(ImportError, match="extra 'collector'"):
        thrift_v1.decode(thrift_v1.join([ONE]))
    assert ONE == thrift_v1.encode(span(tags={"k": "v"}))
