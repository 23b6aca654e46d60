"""Hostile values in an application: the span that gets them is sent all the same, in every encoding."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from opentracing_zipkin import FinishedSpan, ZipkinTracer
from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.testing import InMemoryRecorder

from ..contract.hostile import CALLS, DOCUMENTED, VALUES
from .codec.readers import reader_named


def recorded(call: str, value: Any) -> list[FinishedSpan]:
    """The spans that a tracer has recorded after a call with a value."""
    recorder = InMemoryRecorder()
    span = ZipkinTracer("service", recorder=recorder).start_span("x", tags={"before": "b"})
    with suppress(DOCUMENTED):
        CALLS[call](span, value)
    span.set_tag("after", "a").finish()
    return recorder.spans


@pytest.mark.needs_our_api  # some of the calls are its own
@pytest.mark.parametrize("call", CALLS)
def test_a_span_is_sent_whatever_it_was_given(call: str) -> None:
    """A span is sent with its other tags in each encoding, unless its priority discarded it."""
    for name, make in VALUES.items():
        spans = recorded(call, make())
        for encoding in ENCODINGS:
            codec = encoder_named(encoding)
            body = codec.join([codec.encode(span) for span in spans])

            assert len(spans) == len(reader_named(encoding)(body)), (name, encoding)
        assert all(type(text) is str for span in spans for item in span.tags.items() for text in item), name
        assert call.startswith(("set_tag", "add_tags")) or any("before" in span.tags for span in spans), name
