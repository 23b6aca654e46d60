"""The least possible tracer with a simple reporter, which encodes all waiting spans at once."""

from __future__ import annotations

from . import limit, limit_tracer
from .opentracing_work import Work

__all__ = ["Adapter"]


class Adapter(limit.Adapter):
    def work(self, task: str, endpoint: str) -> Work:
        limit_tracer.MAX_MESSAGE_SPANS = limit_tracer.MAX_QUEUED_SPANS
        return super().work(task, endpoint)
