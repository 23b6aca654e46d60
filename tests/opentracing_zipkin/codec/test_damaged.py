"""Damaged messages: every reader reads spans or raises ValueError."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from opentracing_zipkin.codec import ENCODINGS, encoder_named
from opentracing_zipkin.model import FinishedSpan

from .readers import reader_named
from .strategies import finished_spans

# Bytes in the place of a span in a message; at most 100, so that their length is one byte.
FRAMED: dict[str, Callable[[bytes], bytes]] = {
    "json": lambda body: b"[" + body,
    "json_v1": lambda body: b"[" + body,
    "thrift": lambda body: b"\x0c\0\0\0\1" + body,
    "proto3": lambda body: b"\n" + bytes([len(body)]) + body,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(data=st.data(), span=finished_spans())
def test_a_damaged_message_raises_nothing_but_value_error(encoding: str, data: st.DataObject, span: FinishedSpan) -> None:
    """A message with one byte changed, or cut off, is read or refused; nothing else happens."""
    codec = encoder_named(encoding)
    body = bytearray(codec.join([codec.encode(span)]))
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(0, len(body))) :]
    try:
        spans = reader_named(encoding)(bytes(body))
    except ValueError:
        return

    assert all(isinstance(each, FinishedSpan) for each in spans)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(body=st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(encoding: str, body: bytes) -> None:
    """No bytes make a reader raise anything but ValueError."""
    try:
        reader_named(encoding)(FRAMED[encoding](body))
    except ValueError:
        return
