"""Codecs: a codec knows spans, never the network.  One module a wire format, each with the same four functions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from ..model import FinishedSpan

__all__ = ["ENCODINGS", "SpanEncoder", "encoder_named"]


class SpanEncoder(Protocol):
    """What the reporter needs of a wire format; `json_v2`, `json_v1`, `thrift_v1` and `proto3` are modules of this shape."""

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


# The names that configuration knows, and their modules here.
_MODULES = {"json": "json_v2", "json_v1": "json_v1", "thrift": "thrift_v1", "proto3": "proto3"}
ENCODINGS = tuple(_MODULES)


def encoder_named(name: str) -> SpanEncoder:
    """The codec of an `encoding`; raises ValueError for any other name.  A codec is imported when it is first named."""
    module = _MODULES.get(name) if isinstance(name, str) else None
    if module is None:
        *first, last = map(repr, ENCODINGS)
        raise ValueError(f"encoding is {name!r}; use {', '.join(first)} or {last}")
    encoder: SpanEncoder = import_module(f".{module}", __name__)
    return encoder
