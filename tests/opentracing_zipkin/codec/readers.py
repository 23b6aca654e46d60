"""The four readers, by the name of their encoding; configuration names writers only, but tests and the collector read."""

from __future__ import annotations

from collections.abc import Callable

from opentracing_zipkin.codec import json_v1, json_v2, proto3, thrift_v1
from opentracing_zipkin.model import FinishedSpan

__all__ = ["reader_named"]

_READERS = {"json": json_v2.decode, "json_v1": json_v1.decode, "thrift": thrift_v1.decode, "proto3": proto3.decode}


def reader_named(encoding: str) -> Callable[[bytes], list[FinishedSpan]]:
    """The function `decode` of a codec."""
    return _READERS[encoding]
