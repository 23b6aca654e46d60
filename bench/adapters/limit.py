"""The least possible tracer: the costs of a tracer in pure Python that does no more than it has to."""

from __future__ import annotations

from typing import Any

from ..samples import RICH_SPANS
from . import limit_proto3, limit_tracer
from .limit_codec import Address, encode_thrift
from .limit_tracer import NoopTracer, RecordedSpan, Tracer, json_message
from .opentracing_work import WORK, Work

__all__ = ["MESSAGES", "Adapter", "recorded_spans"]


def thrift_message(spans: list[Any], local: Address) -> bytes:
    return b"\x0c" + len(spans).to_bytes(4, "big") + b"".join([encode_thrift(span, local) for span in spans])


_REMOTE_PROTO3, _LOCAL_PROTO3 = (limit_proto3.endpoint(*end) for end in (RICH_SPANS[0].remote, RICH_SPANS[0].local))


def proto3_message(spans: list[Any], local: Address) -> bytes:
    return limit_proto3.message(spans, _LOCAL_PROTO3, _REMOTE_PROTO3)


MESSAGES = {"encode_json": json_message, "encode_thrift": thrift_message, "encode_proto3": proto3_message}


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        if task == "noop":
            return WORK[task](NoopTracer())
        if task in MESSAGES:
            message, spans, local = MESSAGES[task], recorded_spans(), Address(*RICH_SPANS[0].local)
            return lambda: message(spans, local)
        if task == "burst":
            limit_tracer.MAX_QUEUED_SPANS = 250_000
        if task == "memory":
            limit_tracer.INTERVAL_S = 3600.0
        self.tracer = Tracer("bench", endpoint, sampled=task != "unsampled")
        return WORK[task](self.tracer)

    def flush(self) -> None:
        self.tracer.flush()
        if self.tracer.dropped:
            raise RuntimeError(f"{self.tracer.dropped} spans were dropped")


def recorded_spans() -> list[RecordedSpan]:
    """The rich spans as the reporter's thread gets its spans: ids as integers, times as ticks, the kind among the tags."""
    spans = []
    remote = Address(*RICH_SPANS[0].remote)
    for rich in RICH_SPANS:
        span = RecordedSpan()
        span.trace_id, span.span_id, span.parent_id = (int(text, 16) for text in (rich.trace_id, rich.span_id, rich.parent_id))
        span.name = rich.name
        span.start, span.end, span.offset = rich.start_us * 1000, (rich.start_us + rich.duration_us) * 1000, 0
        span.tags = {"span.kind": "client", **rich.tags}
        span.annotations, span.remote, span.shared = rich.annotations, remote, False
        spans.append(span)
    return spans
