"""Messages that were damaged on their way, in each encoding."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.model import FinishedSpan

from .strategies import finished_spans


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(data=st.data(), span=finished_spans())
def test_a_damaged_message_raises_nothing_but_value_error(encoding: str, data: st.DataObject, span: FinishedSpan) -> None:
    """A message with one byte changed, or cut off, is read or refused; nothing else happens."""
    codec = encoder_named(encoding)
    body = bytearray(codec.join([codec.encode(span)]))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(0, len(body))) :]
    try:
        spans = codec.decode(bytes(body))  # type: ignore[attr-defined]  # the embedded collector's part of a codec
    except ValueError:
        return

    assert all(isinstance(each, FinishedSpan) for each in spans)
