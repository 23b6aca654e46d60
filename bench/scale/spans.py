"""Spans like those of a web service; ids are random, because they are the part of a message that cannot be compressed."""

from __future__ import annotations

import time
from random import Random

from opentracing_zipkin.codec import encoder_named
from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["message"]

_TRACE_SPANS = 10
_SERVICES = ("gateway", "orders", "stock", "payment", "parcels", "customers", "mail")
_random = Random()


def _trace() -> list[FinishedSpan]:
    """Calls from service to service, each with the tags of an HTTP client or server."""
    trace_id, begin_us = f"{_random.getrandbits(128):032x}", time.time_ns() // 1000
    spans: list[FinishedSpan] = []
    for place in range(_TRACE_SPANS):
        service, path = _random.choice(_SERVICES), f"/orders/{_random.randrange(1_000_000)}"
        spans.append(
            FinishedSpan(
                trace_id,
                f"{_random.getrandbits(64) | 1:016x}",
                _random.choice(spans).span_id if spans else None,
                "CLIENT" if place % 2 else "SERVER",
                f"get /{service}",
                begin_us + place * 1000 + _random.randrange(1000),
                _random.randrange(100, 200_000),
                Endpoint(service, f"10.0.{_random.randrange(4)}.{_random.randrange(1, 255)}", "", 8080),
                Endpoint(_random.choice(_SERVICES), f"10.0.0.{_random.randrange(1, 255)}", "", 8080) if place % 2 else None,
                [],
                {"http.method": "GET", "http.path": path, "http.status_code": "200", "version": "1.42.0"},
            )
        )
    return spans


def message(encoding: str, spans: int) -> bytes:
    """New spans, encoded as a reporter sends them."""
    encoder, made = encoder_named(encoding), []
    while len(made) < spans:
        made += _trace()
    return encoder.join([encoder.encode(span) for span in made[:spans]])
