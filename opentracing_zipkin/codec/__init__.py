"""Codecs: each turns spans into the bytes of one wire format and knows nothing of the network.

There is one module for each wire format, and all have the same four functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import FinishedSpan
from ..option import options_of
from ..options import ENCODINGS, ReportingOptions

__all__ = ["ENCODINGS", "SpanEncoder", "encoder_named"]


class SpanEncoder(Protocol):
    """The interface that the reporter needs of a wire format.

    The modules `json_v2`, `json_v1`, `thrift_v1` and `proto3` have this shape.
    """

    @property
    def media_type(self) -> str:
        """The Content-Type of a message."""

    @property
    def path(self) -> str:
        """The path below a collector's base URL to which this format is posted."""

    def encode(self, span: FinishedSpan, /) -> bytes:
        """One span, ready for `join`."""

    def join(self, encoded: Sequence[bytes], /) -> bytes:
        """Frame spans, each from `encode`, as one message."""

    def size(self, count: int, total_bytes: int, /) -> int:
        """Length in bytes of the message that `join` makes of `count` spans with `total_bytes` bytes in total."""


def encoder_named(name: str) -> SpanEncoder:
    """The codec of an `encoding`; raises ValueError for any other name.  A codec is imported when it is first named."""
    options_of(ReportingOptions)["encoding"].check("encoding", name)
    # Import statements, because bundlers do not find a module whose name is made at run time.
    if name == "json":
        from . import json_v2

        return json_v2
    if name == "json_v1":
        from . import json_v1

        return json_v1
    if name == "thrift":
        from . import thrift_v1

        return thrift_v1
    from . import proto3

    return proto3
