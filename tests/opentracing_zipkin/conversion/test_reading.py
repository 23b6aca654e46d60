"""Files of spans, in any encoding."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
import zlib
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

from opentracing_zipkin.codec import ENCODINGS, encoder_named, thrift_v1_reader
from opentracing_zipkin.conversion import reading
from opentracing_zipkin.conversion.reading import Unreadable, spans_in
from opentracing_zipkin.conversion.writing import message
from opentracing_zipkin.model import Endpoint, FinishedSpan

from ..codec.strategies import finished_spans

WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
compressed = partial(gzip.compress, mtime=0)  # without the time, which would be in the ids of the tests

SPANS = [
    FinishedSpan("a" * 32, "1" * 16, None, "SERVER", "get /", 1_700_000_000_000_000, 200, Endpoint("shop", "127.0.0.1", "", 80)),
    FinishedSpan(
        "a" * 32, "2" * 16, "1" * 16, "CLIENT", "größe", 1_700_000_000_000_010, 100, Endpoint("shop"), Endpoint("db"),
        [(1_700_000_000_000_020, "sent")], {"error": "no \u202e disk"},
    ),
]  # fmt: skip


def read(body: bytes, limit: int = reading.MAX_FILE_BYTES) -> list[FinishedSpan]:
    return list(spans_in(io.BytesIO(body), limit))


def until_wrong(body: bytes) -> tuple[list[FinishedSpan], str | None]:
    """The spans before an error, and the error's text; None where there is no error."""
    found: list[FinishedSpan] = []
    try:
        found.extend(spans_in(io.BytesIO(body)))
    except Unreadable as error:
        return found, str(error)
    return found, None


def offset_of(error: str) -> int:
    """The byte that an error names; raises ValueError where it names none."""
    return int(error.removeprefix("byte ").partition(":")[0].partition(" ")[0])


def failure(body: bytes, limit: int = reading.MAX_FILE_BYTES) -> str:
    with pytest.raises(Unreadable) as caught:
        read(body, limit)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_told_by_its_first_bytes(encoding: str) -> None:
    """The encoding is found for plain files and for gzip in one or several members, even if zeros follow."""
    body = message(SPANS, encoding)
    half = len(body) // 2
    for packed in (
        body,
        compressed(body),
        compressed(body[:half]) + compressed(b"") + compressed(body[half:]) + bytes(512),
    ):
        assert SPANS == read(packed)


def test_json_may_stand_in_lists_of_traces_and_on_lines() -> None:
    """JSON may be a list of lists, one span on each line, or several lists, with a byte order mark and mixed versions."""
    first, second = (encoder_named("json").encode(span) for span in SPANS)
    old = encoder_named("json_v1").encode(SPANS[0])
    for body in (
        b"[[" + first + b"],[" + second + b"], []]",
        first + b"\n" + second + b"\n",
        b" [" + first + b"]\r\n[ " + second + b" ] ",
        b"\xef\xbb\xbf\n[" + first + b"," + second + b"]",
        b"[" + old + b"," + second + b"]",
    ):
        assert SPANS == read(body)
    assert [] == read(b"[]")
    assert [] == read(b"[[]]")


@pytest.mark.parametrize("encoding", ["json", "json_v1"])
def test_a_line_that_is_wrong_hides_no_other(encoding: str) -> None:
    """Half a line, as a full disk leaves it, hides no other line; an error behind the last span names the byte of the first fault."""
    first, second = (line + b"\n" for line in map(encoder_named(encoding).encode, SPANS))
    for length in range(1, len(second) - 1):
        found, error = until_wrong(first + second[:length] + b"\n" + second)
        assert SPANS == found
        assert error is not None
        assert len(first) <= offset_of(error) <= len(first) + length + 1
        assert "more of the lines" not in error
    found, error = until_wrong(first + second[:9] + b"\n\n" + second + first[:5] + b"\n" + first[:9] + b"\nend\n")

    assert SPANS == found
    assert error is not None
    assert error.endswith("; 2 more of the lines are wrong")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "byte 0: the input is empty"),
        (b" \r\n", "byte 0: the input has only white space"),
        (b"\xef\xbb\xbf", "byte 0: the input has only white space"),
        *(('[{"id":"1"}]'.encode(encoding), "byte 0: this looks like UTF-16 or UTF-32") for encoding in WIDE),
        (compressed(compressed(b"[]")), "byte 0 of the decompressed data: the input is compressed with gzip twice; decompress it once"),
        (b"\x01\x01", "byte 0: the input begins with b'\\x01\\x01', but no encoding of Zipkin does; JSON, Thrift and proto3 are read, also with gzip"),
        (b"<html>", "byte 0: the input begins with b'<html>', but no encoding of Zipkin does"),
        (b"\n\0\1" + bytes(9), "byte 0: this looks like a single Thrift struct; a list of structs is expected"),
        (b'[{"traceId": "1", "id": "2"}, 5]', "byte 30: $[1] is 5; a span, which is an object, is expected"),
        (b'[[[{"traceId": "1", "id": "2"}]]]', "byte 2: $[0][0] is [{"),
        (b'[{"traceId": "1", "id": "2"},]', "byte 29: malformed JSON: an item is expected after a comma"),
        (b'[{"traceId": "1", "id": "2"} 1', "byte 29: malformed JSON: a comma or the end of the list is expected"),
        (b'[{"traceId": "1", "id": "x"}]', 'byte 1: $[0].id is "x"; it should be lower-hex'),
        ("[{}, 'größe".encode(), "byte 1: $[0].id is missing"),
        ('[{"traceId":"1","id":"2","name":"größe"},x'.encode(), "byte 43: malformed JSON: Expecting value"),
        (b'[{"traceId":"1","id":"2","name":"\xff\xff\xe4"},x', "byte 39: malformed JSON: Expecting value"),
        (b'[{"traceId":"1","id":"2","port": NaN}]', "byte 1: malformed JSON: NaN is no JSON value"),
        (b'{"a":' * 100_000, "byte 0: malformed JSON: nested too deeply"),
        (b"[" * 100_000, "byte 2: "),
        (b"\x0c\0\0\0\2\0", "byte 1: truncated: 2 announced at byte 1, but only 1 bytes follow"),
        (b"\x0c\0\0\0\1\0", "byte 5: span 0: trace_id is missing or 0"),
        (b"\n\x0e\n\x08" + b"\xaa" * 8 + b"\x1a\x02\0\0", "byte 14: span 0: id is zero"),
        (b"\n\x05B\x03 \xf0\xff", "byte 7: span 0: truncated: a number has no end"),
        (compressed(b"<html>"), "byte 0 of the decompressed data: the input begins with b"),
        (compressed(b"[]")[:-1], "byte 21: truncated: the file ends within gzip data"),
        (compressed(b"[]") + b"[]", "byte 22: damaged gzip data: incorrect header check"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_byte(body: bytes, words: str) -> None:
    """An error names its byte, on one short line."""
    found = failure(body)

    assert found.startswith(words), found
    assert len(found) < 300


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_truncated_message_is_an_error_with_its_byte_or_a_shorter_message(encoding: str) -> None:
    """A file that is cut at any byte, compressed or not, gives its first spans, and mostly an error."""
    body = message(SPANS, encoding)
    for length in range(len(body)):
        found, error = until_wrong(body[:length])

        assert found == SPANS[: len(found)]
        assert len(found) < len(SPANS) if error is None else 0 <= offset_of(error) <= length
    packed = compressed(body)
    for length in range(1, len(packed)):
        assert failure(packed[:length]).startswith("byte ")


def test_a_span_of_any_size_is_read_in_every_encoding() -> None:
    """The size of a span does not change the recognised encoding: in proto3 the size of 91 bytes looks like a list of JSON."""
    spans = [
        FinishedSpan("a" * 32, "1" * 16, None, "SERVER", "x" * length, 1_700_000_000_000_000, 200, Endpoint("shop"))
        for length in range(1, 200)
    ]
    sizes = {message([one], "proto3")[1:2] for one in spans}

    assert {b"[", b"{"} < sizes
    assert [spans] * len(ENCODINGS) == [[read(message([one], encoding))[0] for one in spans] for encoding in ENCODINGS]


@given(st.lists(finished_spans(), min_size=1, max_size=3), st.permutations(ENCODINGS))
@settings(max_examples=30)
def test_spans_survive_every_chain_of_conversions(spans: list[FinishedSpan], encodings: list[str]) -> None:
    """Spans survive any chain of conversions; proto3 limits them, because it has no tag without a key."""
    expected = read(message(spans, "proto3"))
    body = message(expected, encodings[0])
    for encoding in encodings[1:]:
        body = message(read(body), encoding)

    assert expected == read(body)


@given(st.data())
@settings(max_examples=200)
def test_a_damaged_message_is_spans_or_one_error_with_its_byte(data: st.DataObject) -> None:
    """Any changed bytes, in any encoding, raise nothing but Unreadable."""
    body = bytearray(message(SPANS, data.draw(st.sampled_from(ENCODINGS))))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _, error = until_wrong(bytes(body))

    assert error is None or 0 <= offset_of(error) <= len(body)


@given(st.binary(max_size=60), st.sampled_from([b"", b"[", b"{", b"\n", b"\x0c\0\0\0\1", b"\x1f\x8b\x08\0"]))
def test_anything_is_spans_or_one_error_with_its_byte(tail: bytes, head: bytes) -> None:
    """Any content of a file gives spans or one error with its byte."""
    _, error = until_wrong(head + tail)

    assert error is None or 0 <= offset_of(error) <= len(head + tail)


def test_what_is_over_the_limit_is_refused_with_the_remedy() -> None:
    """A file over the limit is refused, plain or decompressed, and no more bytes than the limit are kept."""
    bomb = compressed(bytes(20_000_000))
    remedy = "give --max-bytes a greater number, if you trust the file"

    assert f"it is longer than 100 bytes; {remedy}" == failure(b" " * 101, 100)
    tracemalloc.start()
    assert f"byte 0: more than 1,000,000 bytes after decompression; {remedy}" == failure(bomb, 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_members_of_gzip_are_counted() -> None:
    """The number of gzip members is limited, so a file of empty members ends soon."""
    empty = compressed(b"", mtime=0)

    assert "more than 100,000 gzip members" in failure(empty * 200_000)


def test_a_message_is_read_span_by_span() -> None:
    """A long file is read one span at a time, in every encoding."""
    many = [SPANS[0]] * 600
    for encoding in ENCODINGS:
        read(message(many[:1], encoding))
        body = io.BytesIO(message(many, encoding))
        tracemalloc.start()
        assert 600 == sum(1 for _ in spans_in(body))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The file's bytes, its text, and objects that are made once; 600 spans would take 1 MB.
        assert peak < 2.5 * len(body.getvalue()) + 150_000, (encoding, peak, len(body.getvalue()))


def test_the_inflater_and_zlib_agree() -> None:
    """Decompression in pieces gives the same bytes as zlib gives at once."""
    body = json.dumps([{"traceId": "1", "id": f"{number:x}"} for number in range(1, 5_000)]).encode()
    packed = compressed(body)

    assert zlib.decompress(packed, wbits=31) == reading._inflated(packed, len(body))


def test_thrift_without_its_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without thriftpy2 a Thrift file gives one line that tells what to install; the other encodings need no library."""
    monkeypatch.setitem(sys.modules, "thriftpy2", None)
    monkeypatch.setattr(thrift_v1_reader, "_thrift", thrift_v1_reader._thrift.__wrapped__)

    assert failure(message(SPANS, "thrift")).startswith("reading Thrift needs thriftpy2: install the extra")
    assert SPANS == read(message(SPANS, "proto3"))
