"""Codecs: a codec knows spans, never the network.  One module a wire format, each with the same four functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import FinishedSpan

__all__ = ["SpanEncoder", "encoder_named"]


class SpanEncoder(Protocol):
    """What the reporter needs of a wire format; `json_v2` and `thrift_v1` are modules of this shape."""

    @property
    def media_type(self) -> str:
        """The Content-Type of a message."""

    @property
    def path(self) -> str:
        """Where a collector takes this format, below its base URL."""

    def encode(self, span: FinishedSpan, /) -> bytes:
        """One span, ready for `join`."""

    def join(self, encoded: Sequence[bytes], /) -> bytes:
        """Frame spans, each from `encode`, as one message."""

    def size(self, count: int, total_bytes: int, /) -> int:
        """Length in bytes of the message that `join` makes of `count` spans that are `total_bytes` long together."""


def encoder_named(name: str) -> SpanEncoder:
    """The codec of an `encoding`; raises ValueError for any other name.  A codec is imported when it is first named."""
    if name == "json":
        from . import json_v2

        return json_v2
    if name == "thrift":
        from . import thrift_v1

        return thrift_v1
    raise ValueError(f"encoding is {name!r}; use 'json' or 'thrift'")
