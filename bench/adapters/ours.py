"""ZipkinTracer with its default settings, except the collector's address."""

from __future__ import annotations

import importlib
from typing import Any

import opentracing
from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinTracer

from ..samples import RICH_SPANS
from .opentracing_work import WORK, Work

__all__ = ["Adapter"]

_CODECS = {"encode_json": "json_v2", "encode_thrift": "thrift_v1", "encode_proto3": "proto3"}
_SETTINGS: dict[str, dict[str, Any]] = {
    "unsampled": {"sample_rate": 0.0},
    "burst": {"max_queued_spans": 250_000},
    "memory": {"flush_interval": 3600},
}


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        if task in _CODECS:
            return _encoding(importlib.import_module(f"opentracing_zipkin.codec.{_CODECS[task]}"))
        if task == "noop":
            return WORK[task](opentracing.Tracer())
        self.tracer = ZipkinTracer("bench", endpoint=endpoint, **_SETTINGS.get(task, {}))
        return WORK[task](self.tracer)

    def flush(self) -> None:
        if not self.tracer.flush(timeout=30.0):
            raise RuntimeError(f"spans were not accepted: {self.tracer.stats}")


def _encoding(codec: Any) -> Work:
    spans = [
        FinishedSpan(
            span.trace_id,
            span.span_id,
            span.parent_id,
            "CLIENT",
            span.name,
            span.start_us,
            span.duration_us,
            Endpoint(span.local[0], span.local[1], "", span.local[2]),
            Endpoint(span.remote[0], span.remote[1], "", span.remote[2]),
            span.annotations,
            span.tags,
        )
        for span in RICH_SPANS
    ]
    encode = codec.encode

    def work() -> object:
        return codec.join([encode(span) for span in spans])

    return work
