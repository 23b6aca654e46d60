"""JSON v2: byte for byte as the official codec writes it, and safe for any text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from opentracing_zipkin import Endpoint, FinishedSpan
from opentracing_zipkin.codec import json_v2, memo

from .strategies import finished_spans


@given(finished_spans())
def test_what_is_written_is_read_again(span: FinishedSpan) -> None:
    """Any two spans survive in one message; the reader sorts annotations and removes duplicates."""
    span.annotations = sorted(set(span.annotations))

    assert [span, span] == json_v2.decode(json_v2.join([json_v2.encode(span)] * 2))


def with_tag(value: str, key: str = "k") -> bytes:
    return json_v2.encode(FinishedSpan("0" * 15 + "1", "0" * 15 + "2", tags={key: value}))


def tag_of(encoded: bytes) -> Any:
    [(key, value)] = json.loads(encoded)["tags"].items()
    return key, value


@pytest.mark.parametrize("text", ["", '"\\/', "\x00\x1f\x7f\n\r\t\b\f", "\u00e4\U0001f600", "100 %s %% %(x)s", "</script>"])
def test_any_text_survives_as_key_and_as_value(text: str) -> None:
    """Any text survives as a tag's key and value, even text that JSON escapes or a template would change."""

    assert (text, text) == tag_of(with_tag(text, text))


def test_what_looks_like_version_1_is_escaped() -> None:
    r"""A list with `yAnnotations"` would look like version 1 to the server, so the `y` is written as `\u0079`."""
    for text in ("binaryAnnotations", "\\yAnnotations", "yAnnotations"):
        encoded = with_tag(text, text)

        assert b'yAnnotations"' not in encoded
        assert (text, text) == tag_of(encoded)


def test_keys_and_endpoints_without_end_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of remembered keys and endpoints is limited, and new ones are still written."""
    monkeypatch.setattr(memo, "MAX_MEMO_ITEMS", 3)
    monkeypatch.setattr(json_v2, "_keys", {})
    monkeypatch.setattr(json_v2, "_endpoints", {})
    for number in range(10):
        [span] = json_v2.decode(json_v2.join([json_v2.encode(whole(f"key{number}", Endpoint(f"peer{number}")))]))

        assert ({f"key{number}": "v"}, Endpoint(f"peer{number}")) == (span.tags, span.remote)
        assert 3 >= max(len(json_v2._keys), len(json_v2._endpoints))


def whole(key: str, remote: Endpoint | None = None) -> FinishedSpan:
    return FinishedSpan("1" * 32, "2" * 16, None, None, "n", 1, 1, Endpoint("s"), remote, tags={key: "v"})


def test_a_second_span_is_written_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span is written in the same way whether its keys and endpoints were known before or not."""
    monkeypatch.setattr(json_v2, "_keys", {})
    monkeypatch.setattr(json_v2, "_endpoints", {})
    spans = [whole("k"), whole("%s"), whole("k", Endpoint("peer")), whole('"')]
    for span in spans:
        span.kind, span.parent_id, span.debug, span.shared = "SERVER", "3" * 16, True, True
        span.annotations = [(2, "a")]

    first = [json_v2.encode(span) for span in spans]

    assert first == [json_v2.encode(span) for span in spans]
    assert spans == json_v2.decode(json_v2.join(first))


def test_an_endpoint_with_everything() -> None:
    """An endpoint has service name, both addresses and port, in the official order."""
    span = FinishedSpan("1".zfill(16), "2".zfill(16), local=Endpoint("s", "1.2.3.4", "2001:db8::c001", 80))

    assert b'"localEndpoint":{"serviceName":"s","ipv4":"1.2.3.4","ipv6":"2001:db8::c001","port":80}' in json_v2.encode(span)
