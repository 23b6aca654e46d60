"""The least possible tracer with a reporter that encodes all that waits in one go, as a simple one would."""

from __future__ import annotations

from . import limit, limit_tracer
from .opentracing_work import Work

__all__ = ["Adapter"]


class Adapter(limit.Adapter):
    def work(self, task: str, endpoint: str) -> Work:
        limit_tracer.BATCH = limit_tracer.QUEUE_LIMIT
        return super().work(task, endpoint)
