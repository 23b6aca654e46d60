"""proto3: written and read by hand, judged by Google's protobuf package."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import proto3
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .protobuf_judge import list_of_spans, spans_in
from .strategies import finished_spans


def message(spans: list[FinishedSpan]) -> bytes:
    return proto3.join([proto3.encode(span) for span in spans])


def normalised(span: FinishedSpan) -> FinishedSpan:
    """The span as a reader keeps it: annotations by time, no empty annotations, no tags with an empty key."""
    span.annotations = sorted((at, value) for at, value in span.annotations if value)
    span.tags.pop("", None)
    return span


@given(st.lists(finished_spans(), max_size=3))
def test_the_protobuf_package_reads_what_is_written(spans: list[FinishedSpan]) -> None:
    """Google's library reads any spans completely."""
    assert spans == spans_in(message(spans))


@given(finished_spans())
def test_the_protobuf_package_writes_the_same_bytes(span: FinishedSpan) -> None:
    """Google's library writes the same bytes, except for the order of tags and the value of an empty annotation."""
    span.tags = dict([*span.tags.items()][:1])
    span.annotations = [(at, value) for at, value in span.annotations if value]

    assert list_of_spans([span]).SerializeToString() == message([span])


@given(st.lists(finished_spans(), max_size=3))
def test_reads_what_the_protobuf_package_writes(spans: list[FinishedSpan]) -> None:
    """Any spans that Google's library wrote are read completely."""
    body = list_of_spans(spans).SerializeToString()

    assert [normalised(span) for span in spans] == proto3.decode(body)


@given(st.lists(finished_spans(), max_size=3))
def test_reads_what_it_writes(spans: list[FinishedSpan]) -> None:
    """Any spans survive writing and reading in proto3."""
    assert [normalised(span) for span in spans] == proto3.decode(message(spans))


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 129, 2047, 2048, 16383, 16384, 2_100_000])
def test_any_length_is_written_as_the_protobuf_package_does(length: int) -> None:
    """Lengths and durations of any size are written with as many bytes as they need."""
    text = "x" * length
    span = FinishedSpan("a" * 16, "b" * 16, name=text, duration_us=length, tags={text: text}, local=Endpoint(text, port=1))
    span.annotations = [(1, text or "y")]

    assert list_of_spans([span]).SerializeToString() == message([span])


@pytest.mark.parametrize("duration_us", [1 << bits for bits in range(63)] + [(1 << bits) - 1 for bits in range(1, 64)])
def test_any_duration_survives(duration_us: int) -> None:
    """Durations of up to 63 bits survive."""
    span = FinishedSpan("a" * 16, "b" * 16, duration_us=duration_us)

    assert [span] == spans_in(message([span]))
    assert [span] == proto3.decode(message([span]))


def test_an_address_that_is_no_literal_is_unknown() -> None:
    """A host name in place of an address is left out, and the rest of the span arrives."""
    span = FinishedSpan("a" * 16, "b" * 16, remote=Endpoint("backend", "db.example", "x", 5432))

    assert [Endpoint("backend", "", "", 5432)] == [each.remote for each in proto3.decode(message([span]))]


def test_texts_without_end_cost_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of remembered tag keys, value lengths and annotations are limited."""
    monkeypatch.setattr(proto3, "MAX_KEYS", len(proto3._tags) + 2)
    monkeypatch.setattr(proto3, "MAX_HEADS", proto3._Heads.kept + 3)
    monkeypatch.setattr(proto3._Annotations, "MAX_KEPT", len(proto3._annotations) + 2)
    for number in range(10):
        tags = {f"key {number}": "v", "the same key": "v" * number}
        proto3.encode(FinishedSpan("a" * 16, "b" * 16, tags=tags, annotations=[(1, f"annotation {number}")]))

    assert len(proto3._tags) <= proto3.MAX_KEYS
    assert sum(map(len, proto3._tags.values())) <= proto3._Heads.kept <= proto3.MAX_HEADS
    assert len(proto3._annotations) <= proto3._Annotations.MAX_KEPT


def test_no_library_is_needed() -> None:
    """Neither writing nor reading imports a protobuf library."""
    code = "import sys; from opentracing_zipkin.codec import proto3; proto3.decode(b''); sys.exit('google.protobuf' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], timeout=30).returncode


IDS = b"\n\x08" + b"\xaa" * 8 + b"\x1a\x08" + b"\xbb" * 8


def list_of(*fields: bytes) -> bytes:
    """A message with one span that has ids and these fields."""
    span = IDS + b"".join(fields)
    return b"\n" + proto3._varint(len(span)) + span


def read(*fields: bytes) -> FinishedSpan:
    (only,) = proto3.decode(list_of(*fields))
    return only


PLAIN = FinishedSpan("aa" * 8, "bb" * 8)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(b"\xa0\x06\x01", {}, id="unknown number"),
        pytest.param(b"\xa1\x06" + b"x" * 8, {}, id="unknown eight bytes"),
        pytest.param(b"\xa5\x06" + b"x" * 4, {}, id="unknown four bytes"),
        pytest.param(b"\xa2\x06\x03abc", {}, id="unknown bytes"),
        pytest.param(b"0\x05", {}, id="timestamp as a varint"),
        pytest.param(b"1" + b"\xff" * 8, {}, id="timestamp below zero"),
        pytest.param(b"8" + b"\xff" * 9 + b"\x01", {}, id="duration below zero"),
        pytest.param(b" \x07", {}, id="unknown kind"),
        pytest.param(b" \x01 \x02", {"kind": "SERVER"}, id="twice: the last counts"),
        pytest.param(b" \x01h\x01", {"kind": "CLIENT"}, id="a client does not share"),
        pytest.param(b"`\x01h\x01", {"debug": True, "shared": True}, id="flags"),
        pytest.param(b"*\x03GET", {"name": "get"}, id="name in lower case"),
        pytest.param(b"*\x02a\xff", {"name": "a\ufffd"}, id="no UTF-8"),
        pytest.param(b"\x12\x08" + b"\xbb" * 8, {}, id="its own parent"),
        pytest.param(b"\x12\x08" + bytes(8), {}, id="parent zero"),
        pytest.param(b"\x12\x01\x05", {"parent_id": "0" * 15 + "5"}, id="short parent"),
        pytest.param(b"\n\x10" + bytes(8) + b"\xcc" * 8, {"trace_id": "cc" * 8}, id="high half zero"),
        pytest.param(b"\n\x09" + b"\xcc" * 9, {"trace_id": "0" * 14 + "cc" * 9}, id="trace id of nine bytes"),
        pytest.param(b"B\0", {}, id="empty endpoint"),
        pytest.param(b"B\x04\n\x02Ab", {"local": Endpoint("ab")}, id="service name in lower case"),
        pytest.param(b"J\x06\x1a\x04\1\2\3\4", {"remote": Endpoint("", "1.2.3.4")}, id="address in the other field"),
        pytest.param(b"J\x12\x12\x10" + bytes(15) + b"\1", {"remote": Endpoint("", "", "::1")}, id="and the other way round"),
        pytest.param(b"J\x12\x1a\x10" + bytes(10) + b"\xff\xff\1\2\3\4", {"remote": Endpoint("", "1.2.3.4")}, id="mapped"),
        pytest.param(b"J\x07\x12\x05abcde", {}, id="address of five bytes"),
        pytest.param(b"J\x0b " + b"\xff" * 9 + b"\x01", {}, id="port below zero"),
        pytest.param(b"R\x0b\t\5" + bytes(7) + b"\x12\0", {}, id="annotation without value"),
        pytest.param(b"R\x03\x12\x01a", {}, id="annotation without time"),
        pytest.param(b"R\x0c\x12\x01a\t\5" + bytes(7), {"annotations": [(5, "a")]}, id="annotation in another order"),
        pytest.param(b"R\x0c\t" + b"\xff" * 8 + b"\x12\1a", {"annotations": [(-1, "a")]}, id="annotation below zero"),
        pytest.param(b"Z\x03\x12\x01v", {}, id="tag without key"),
        pytest.param(b"Z\x03\n\x01k", {"tags": {"k": ""}}, id="tag without value"),
        pytest.param(b"Z\x06\n\x01k\x12\x01aZ\x06\x12\x01b\n\x01k", {"tags": {"k": "b"}}, id="tag twice"),
    ],
)
def test_what_a_server_takes_is_taken(fields: bytes, expected: dict[str, object]) -> None:
    """Unknown fields are skipped, and fields without content are left out."""
    given_span = read(fields)

    assert {name: expected.get(name, getattr(PLAIN, name)) for name in FinishedSpan.__slots__} == {
        name: getattr(given_span, name) for name in FinishedSpan.__slots__
    }


@pytest.mark.parametrize("body", [b"", b"\x12\x01a", b"\x50\x01"])
def test_a_message_without_spans_holds_none(body: bytes) -> None:
    """A message without spans is valid: reporters test a connection with an empty body, and unknown fields are skipped."""
    assert [] == proto3.decode(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\n", "span 0: truncated: a number has no end"),
        (b"\n\x05", "span 0: truncated: 5 bytes announced, but only 0 follow"),
        (list_of() + list_of()[:-1], "span 1: truncated"),
        (list_of() + b"\n\0", "span 1: trace_id is missing"),
        (b"\n\x0a\n\x08" + b"\xaa" * 8, "span 0: id is missing"),
        (list_of(b"\n\x08" + bytes(8)), "trace_id is zero"),
        (list_of(b"\x1a\x08" + bytes(8)), "id is zero"),
        (list_of(b"\n\x11" + b"\xaa" * 17), "trace_id has 17 bytes; it should have 16"),
        (list_of(b"\x1a\x09" + b"\xaa" * 9), "id has 9 bytes; it should have 8"),
        (list_of(b"*\x05ab"), "truncated: 5 bytes announced, but only 2 follow"),
        (list_of(b"*\xff\xff\xff\xff\x7fab"), "truncated: 34359738367 bytes announced"),
        (list_of(b"*" + b"\xff" * 9 + b"\x01"), "truncated: 18446744073709551615 bytes announced"),
        (list_of(b"1abc"), "truncated: 8 bytes announced, but only 3 follow"),
        (list_of(b"\xa5\x06ab"), "truncated: 4 bytes announced, but only 2 follow"),
        (list_of(b"8" + b"\xff" * 10), "longer than ten bytes"),
        (list_of(b"8\xff"), "a number has no end"),
        (list_of(b"B\x04\n\x7fab"), "truncated: 127 bytes announced, but only 2 follow"),
        (list_of(b"B\x04 \xf0\xa2\x04"), "port is 70000; a port is at most 65535"),
        (list_of(b"R\x02\tx"), "truncated: 8 bytes announced"),
        (list_of(b"Z\x02\n\x05"), "truncated: 5 bytes announced"),
        (list_of(b"\x9b\x06\x9c\x06"), "wire type 3"),
        (list_of(b"\x9f\x06"), "wire type 7"),
        (b"[]", "wire type 3"),
    ],
)
def test_a_malformed_message_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    """Bytes that are no list of spans raise ValueError with the reason, whatever lengths they announce."""
    with pytest.raises(ValueError, match=reason):
        proto3.decode(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes make the reader raise anything but ValueError."""
    try:
        proto3.decode(list_of(body))
    except ValueError:
        return


@pytest.mark.parametrize("trace_id", ["c" * 16, "0" * 15 + "1", "1" + "0" * 31, "d" * 32])
def test_a_trace_id_has_16_bytes_on_the_wire(trace_id: str) -> None:
    """A 64-bit id is written behind zeros, because other receivers refuse 8 bytes; it is read with 64 bits again."""
    body = message([FinishedSpan(trace_id, "b" * 16)])

    assert b"\n\x10" + bytes.fromhex(trace_id).rjust(16, b"\0") in body
    assert [trace_id] == [span.trace_id for span in proto3.decode(body)]


def test_the_span_is_mended_with_16_bytes_too() -> None:
    """A span with a lone surrogate, or with a time that does not fit, still has a trace id of 16 bytes."""
    for odd in ({"name": "\ud800"}, {"duration_us": 1 << 70}, {"tags": {"k": "\u2028\u00e4"}}):
        assert b"\n\x10" + bytes(8) + b"\xcc" * 8 in message([FinishedSpan("c" * 16, "b" * 16, **odd)])  # type: ignore[arg-type]
