"""The published table of spans and bytes: one table for every encoding, in both directions."""

from __future__ import annotations

import pytest

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.model import FinishedSpan

from .cases import CASES, Case, span_of
from .readers import reader_named


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.encoding}")
def test_a_span_is_these_bytes(case: Case) -> None:
    """A message with one span is byte for byte as in the table; in twelve cases Zipkin's own codec wrote these bytes."""
    codec = encoder_named(case.encoding)

    assert case.body == codec.join([codec.encode(span_of(case.span))])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.encoding}")
def test_these_bytes_are_a_span(case: Case) -> None:
    """A message is read as the same span, or as a real server reads it where the encoding cannot carry everything."""
    assert [span_of(fields) for fields in case.reads_as] == reader_named(case.encoding)(case.body)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_message_of_many_spans_is_as_long_as_size_says(encoding: str) -> None:
    """`size` tells the length of a message before `join` makes it; zero, one or many spans are read in their order."""
    codec = encoder_named(encoding)
    for count in range(5):
        spans = [FinishedSpan("a" * 16, f"{number:016x}", timestamp_us=1, duration_us=number) for number in range(1, count + 1)]
        encoded = [codec.encode(span) for span in spans]
        body = codec.join(encoded)

        assert len(body) == codec.size(count, sum(map(len, encoded)))
        assert spans == reader_named(encoding)(body)


@pytest.mark.parametrize(
    ("encoding", "media_type", "path"),
    [
        ("json", "application/json", "/api/v2/spans"),
        ("json_v1", "application/json", "/api/v1/spans"),
        ("thrift", "application/x-thrift", "/api/v1/spans"),
        ("proto3", "application/x-protobuf", "/api/v2/spans"),
    ],
)
def test_an_encoding_has_a_media_type_and_a_path(encoding: str, media_type: str, path: str) -> None:
    """Each of the four values of `encoding` has its media type and its path."""
    codec = encoder_named(encoding)

    assert (media_type, path) == (codec.media_type, codec.path)


@pytest.mark.parametrize("wrong", ["xml", "json_v2", "protobuf", "JSON", "", None, 1, ["json"]])
def test_a_wrong_encoding_names_the_right_ones(wrong: object) -> None:
    """Any other value of `encoding` raises a ValueError with the four values."""
    with pytest.raises(ValueError, match=r"^encoding is .*; use 'json', 'json_v1', 'thrift' or 'proto3'$"):
        encoder_named(wrong)  # type: ignore[arg-type]
