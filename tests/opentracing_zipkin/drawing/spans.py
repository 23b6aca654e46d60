"""A fixed trace: two services, a shared span, a local one that failed."""

from __future__ import annotations

from opentracing_zipkin.model import Endpoint, FinishedSpan

FRONTEND, ORDERS = Endpoint("frontend"), Endpoint("orders")


def changed(span: FinishedSpan, **fields: object) -> FinishedSpan:
    """A copy with other values in some fields."""
    return FinishedSpan(**{**{field: getattr(span, field) for field in FinishedSpan.__slots__}, **fields})


ROOT = FinishedSpan("1", "1", None, "SERVER", "get /", 1_000_000, 100_000, FRONTEND)
CALL = FinishedSpan("1", "2", "1", "CLIENT", "get /stock", 1_010_000, 50_000, FRONTEND)
JOINED = FinishedSpan("1", "2", "1", "SERVER", "get /stock", 1_020_000, 30_000, ORDERS, shared=True)
READ = FinishedSpan("1", "3", "2", None, "read", 1_030_000, 10_000, ORDERS, tags={"error": "OSError: no disk"})
DRAW = FinishedSpan("1", "4", "1", None, "draw", 1_080_000, 20_000, FRONTEND)
TRACE = [READ, DRAW, JOINED, CALL, ROOT]  # in the order of arrival, which is that of the ends
