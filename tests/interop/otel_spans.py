"""Hundreds of spans of OpenTelemetry's SDK in every shape that an exporter may get; they are the same in every process."""

from __future__ import annotations

from random import Random
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

__all__ = ["generated"]

COUNT = 400
TIME_NS = 1_700_000_000_000_000_000

VALUES: tuple[Any, ...] = (
    "text", "", "größer", "x" * 9000, True, False, 0, -7, 1 << 40, 1.5, float("nan"), float("inf"), float("-inf"),
    (), ("a", "ü"), (1, 2), (1.5, float("nan")), (True, None), b"bytes", {"a": 1, "b": ("c",)},
)  # fmt: skip
ENDS: tuple[dict[str, Any], ...] = (
    {},
    {"server.address": "Items.example", "server.port": 8080},
    {"net.peer.name": "items.example", "net.peer.port": 8080},
    {"network.peer.address": "10.0.0.1", "network.peer.port": 9},
    {"http.url": "http://items.example:8080/api?q=1"},
    {"db.system": "postgresql", "db.name": "shop", "net.peer.name": "10.0.0.2", "net.peer.port": 5432},
    {"messaging.system": "kafka", "server.address": "broker.example"},
    {"peer.service": "Stock", "net.sock.peer.addr": "::1"},
    {"client.address": "192.0.2.7", "client.port": 50000},
)
RESOURCES = (
    Resource(
        {
            "service.name": "Shop",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.2",
            "deployment.environment": "test",
            "shared.key": "resource",
        }
    ),
)
SCOPES = (
    None,
    InstrumentationScope("scope", "1.0"),
    InstrumentationScope("scope", ""),
    InstrumentationScope("", ""),
    InstrumentationScope("attributed", "2", attributes={"scope.mode": "x"}),
)
STATUSES = (
    Status(), Status(), Status(StatusCode.OK), Status(StatusCode.ERROR), Status(StatusCode.ERROR, ""), Status(StatusCode.ERROR, "why"),
)  # fmt: skip
ERRORS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"error": False},
    {"error": "false"},
    {"error": True},
    {"error": "said"},
    {"error.type": "500"},
)


def generated(count: int = COUNT) -> list[ReadableSpan]:
    """The spans, made with a seeded `Random` and no clock, so that they are the same each time."""
    random = Random(45)
    return [_span(random) for _ in range(count)]


def _span(random: Random) -> ReadableSpan:
    start = TIME_NS + random.randrange(10**12)
    trace_id = random.choice((random.getrandbits(128) | 1 << 127, random.getrandbits(63) + 1))
    attributes = {f"key{number}": random.choice(VALUES) for number in range(random.randrange(4))}
    attributes |= random.choice(ENDS) | random.choice(ERRORS)
    if random.random() < 0.1:
        attributes["shared.key"] = "span"
    events = [_event(random, start + number * 500_000) for number in range(random.choice((0, 0, 1, 3)))]
    links = [
        Link(_context(random.getrandbits(128), 1), {"n": 1} if random.random() < 0.5 else {})
        for _ in range(random.choice((0, 0, 1, 2)))
    ]
    return ReadableSpan(
        random.choice(("GET /api", "select", "Größe", "")),
        context=_context(trace_id, random.getrandbits(63) + 1),
        parent=random.choice((None, _context(trace_id, random.getrandbits(63) + 1, random.random() < 0.5))),
        resource=random.choice(RESOURCES),
        attributes=_bounded(attributes, random.choice((None, None, None, 2))),
        events=BoundedList.from_seq(random.choice((None, None, 1)), events),
        links=BoundedList.from_seq(random.choice((None, None, 1)), links),
        kind=random.choice(list(SpanKind)),
        status=random.choice(STATUSES),
        start_time=start,
        end_time=start + random.choice((0, 1, 499, 500, 999, 1234, 10**6 + random.randrange(1000), -5000)),
        instrumentation_scope=random.choice(SCOPES),
    )


def _event(random: Random, start: int) -> Event:
    name = random.choice(("event", 'a "quoted" one', "exception"))
    attributes: dict[str, Any] = {}
    if name == "exception":
        attributes = {"exception.type": "ValueError", "exception.message": "no"}
    elif random.random() < 0.7:
        attributes = {"b": random.choice(("text", "ü", 1, 1.5, True)), "a": random.choice((("x", "y"), 2))}
    return Event(name, _bounded(attributes, None), start + 10_000 + random.randrange(400_000))


def _bounded(attributes: dict[str, Any], most: int | None) -> BoundedAttributes:
    """Attributes as the SDK makes them, but with values that only later versions of it accept."""
    bounded = BoundedAttributes(most, dict.fromkeys(attributes, "x"), immutable=False)
    for key in bounded._dict:
        bounded._dict[key] = attributes[key]
    return bounded


def _context(trace_id: int, span_id: int, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
