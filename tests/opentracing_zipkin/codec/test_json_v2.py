"""JSON v2: byte for byte what the official codec writes, and safe for whatever a string holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from opentracing_zipkin import Endpoint, FinishedSpan
from opentracing_zipkin.codec import encoder_named, json_v2

from .strategies import finished_spans

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "zipkin-vectors.json").read_text())


@pytest.mark.parametrize("name", VECTORS)
def test_the_official_vectors_are_met_to_the_byte(name: str) -> None:
    """Read and written again, each is the same."""
    expected = VECTORS[name]["json_v2"].encode()
    [span] = json_v2.decode(b"[" + expected + b"]")

    assert expected == json_v2.encode(span)


@given(finished_spans())
def test_what_is_written_is_read_again(span: FinishedSpan) -> None:
    """Any span, in company; the reader puts annotations in order and each in once."""
    span.annotations = sorted(set(span.annotations))

    assert [span, span] == json_v2.decode(json_v2.join([json_v2.encode(span)] * 2))


def with_tag(value: str, key: str = "k") -> bytes:
    return json_v2.encode(FinishedSpan("0" * 15 + "1", "0" * 15 + "2", tags={key: value}))


def tag_of(encoded: bytes) -> Any:
    [(key, value)] = json.loads(encoded)["tags"].items()
    return key, value


@pytest.mark.parametrize("text", ["", '"\\/', "\x00\x1f\x7f\n\r\t\b\f", "\u00e4\U0001f600", "100 %s %% %(x)s", "</script>"])
def test_any_text_survives_as_key_and_as_value(text: str) -> None:
    """What JSON escapes, and what a template might trip over."""

    assert (text, text) == tag_of(with_tag(text, text))


def test_line_separators_are_sent_as_spaces() -> None:
    """The server answers queries for a span with U+2028 and another non-ASCII character with broken JSON."""

    assert ("k", "\u00e4 b c") == tag_of(with_tag("\u00e4\u2028b\u2029c"))


def test_a_lone_surrogate_is_sent_as_a_question_mark() -> None:
    """It has no UTF-8."""

    assert ("k", "a?b") == tag_of(with_tag("a\ud800b"))


def test_what_looks_like_version_1_is_escaped() -> None:
    r"""The server takes a list that holds `yAnnotations"` for version 1 and refuses it; `\u0079` is a `y` that it does not see."""
    for text in ("binaryAnnotations", "\\yAnnotations", "yAnnotations"):
        encoded = with_tag(text, text)

        assert b'yAnnotations"' not in encoded
        assert (text, text) == tag_of(encoded)


def test_the_size_of_a_message_is_known_before_it_is_made() -> None:
    """`size` is the length of what `join` makes."""
    for count in range(4):
        encoded = [with_tag("x" * number) for number in range(count)]

        assert len(json_v2.join(encoded)) == json_v2.size(count, sum(map(len, encoded)))


def test_tag_keys_without_end_cost_no_memory() -> None:
    """The templates kept are bounded."""
    for number in range(json_v2.MAX_TEMPLATES + 100):
        with_tag("v", f"key{number}")

    assert json_v2.MAX_TEMPLATES >= len(json_v2._templates)


def test_an_endpoint_with_everything() -> None:
    """Service name, both addresses and port, in the official order."""
    span = FinishedSpan("1".zfill(16), "2".zfill(16), local=Endpoint("s", "1.2.3.4", "2001:db8::c001", 80))

    assert b'"localEndpoint":{"serviceName":"s","ipv4":"1.2.3.4","ipv6":"2001:db8::c001","port":80}' in json_v2.encode(span)


def test_an_encoding_has_a_name() -> None:
    """And a wrong one names the right ones."""

    assert ("/api/v2/spans", "application/json") == (encoder_named("json").path, encoder_named("json").media_type)
    with pytest.raises(ValueError, match="encoding is 'xml'; use 'json' or 'thrift'"):
        encoder_named("xml")
