"""JSON, one span a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from opentracing_zipkin.codec import encoder_named
from opentracing_zipkin.codec.detected import iterate
from opentracing_zipkin.codec.json_lines import lines_of
from opentracing_zipkin.model import FinishedSpan

from .strategies import finished_spans

JSON = ("json", "json_v1")


@pytest.mark.parametrize("encoding", JSON)
@given(spans=st.lists(finished_spans(), max_size=4))
@settings(max_examples=40)
def test_a_message_is_a_line_each_as_long_as_it_says(encoding: str, spans: list[FinishedSpan]) -> None:
    """A span with any content is one line; a reader that splits at line breaks gets each span as the codec writes it."""
    encoder = encoder_named(encoding)
    lines = lines_of(encoder)
    encoded = [lines.encode(span) for span in spans]
    message = lines.join(encoded)

    assert [encoder.encode(span) for span in spans] == encoded == message.split(b"\n")[:-1]
    assert lines.size(len(encoded), sum(map(len, encoded))) == len(message)
    assert len(spans) == len(list(map(json.loads, message.splitlines())))


@pytest.mark.parametrize("encoding", JSON)
@given(spans=st.lists(finished_spans(), min_size=1, max_size=4))
@settings(max_examples=40)
def test_lines_are_read_as_the_list_is(encoding: str, spans: list[FinishedSpan]) -> None:
    """Lines are read as the same spans as a JSON list, so that spans survive in a log."""
    encoder = encoder_named(encoding)
    encoded = [encoder.encode(span) for span in spans]

    assert list(iterate(encoder.join(encoded))) == list(iterate(lines_of(encoder).join(encoded)))


@pytest.mark.parametrize("encoding", ["thrift", "proto3"])
def test_an_encoding_that_is_no_json_has_no_lines(encoding: str) -> None:
    """The error for an encoding without lines names the encodings that have them."""
    with pytest.raises(
        ValueError, match=r"^encoding cannot be used with an endpoint that begins with console:.*; use 'json' or 'json_v1'$"
    ):
        lines_of(encoder_named(encoding))
