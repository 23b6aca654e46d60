"""The spans that are sent to both the collector and a real server: traces of several services, kinds and shapes.

Rules: a search must not find some of them, and each trace begins at a different time.
"""

from __future__ import annotations

from typing import Any

__all__ = ["messages"]

Json = dict[str, Any]

MINUTE_US = 60_000_000


def _span(trace_id: str, span_id: str, minutes_ago: float, **more: Any) -> Json:
    return {"traceId": trace_id, "id": span_id, "timestamp": -int(minutes_ago * MINUTE_US), **more}


def _at(name: str, **more: Any) -> Json:
    return {"serviceName": name, **more}


FRONTEND, BACKEND = _at("frontend", ipv4="192.0.2.1", port=80), _at("backend", ipv4="192.0.2.2")
DATABASE, BROKER = _at("mysql"), _at("kafka")


def messages(now_ms: int) -> list[list[Json]]:
    """Messages of spans: traces of several services, kinds and shapes, and some that a search must not find."""
    return [[_dated(span, now_ms * 1000) for span in spans] for spans in MESSAGES]


def _dated(span: Json, now_us: int) -> Json:
    dated = {key: now_us + value if key == "timestamp" else value for key, value in span.items()}
    if "annotations" in span:
        dated["annotations"] = [_dated(each, now_us) for each in span["annotations"]]
    return dated


# Timestamps are relative to now.
MESSAGES: list[list[Json]] = [
    [
        _span("a1", "1", 5, kind="SERVER", name="get /", duration=90_000, localEndpoint=FRONTEND, tags={"http.method": "GET"}),
        _span("a1", "2", 5, parentId="1", kind="CLIENT", name="post /pay", duration=50_000, localEndpoint=FRONTEND),
        _span(
            "a1",
            "2",
            5,
            parentId="1",
            kind="SERVER",
            name="post /pay",
            duration=40_000,
            localEndpoint=BACKEND,
            shared=True,
            tags={"error": "CardDeclined", "http.method": "POST"},
        ),
        _span(
            "a1",
            "3",
            5,
            parentId="2",
            kind="CLIENT",
            name="select",
            duration=7_000,
            localEndpoint=BACKEND,
            remoteEndpoint=DATABASE,
        ),
    ],
    [
        _span(
            "0000000000000000000000000000b1b1",
            "11",
            4,
            name="Cron Job",
            duration=2_000_000,
            localEndpoint=_at("Worker"),
            annotations=[{"timestamp": 0, "value": "cache.miss"}, {"timestamp": 1, "value": "a b"}],
            tags={"empty": "", "text": "a=b and c", "ünïcode": "☃", "environment": "test"},
        )
    ],
    [
        _span(
            "c3c3c3c3c3c3c3c3d4d4d4d4d4d4d4d4",
            "21",
            3,
            kind="PRODUCER",
            name="send",
            duration=10,
            localEndpoint=FRONTEND,
            remoteEndpoint=BROKER,
        ),
        _span(
            "c3c3c3c3c3c3c3c3d4d4d4d4d4d4d4d4",
            "22",
            3,
            parentId="21",
            kind="CONSUMER",
            name="poll",
            duration=20,
            localEndpoint=_at("worker"),
            remoteEndpoint=BROKER,
            tags={"error": ""},
        ),
    ],
    # These are found by id only: the first has no timestamp, the second is of tomorrow, the third of the day before yesterday.
    [{"traceId": "e5", "id": "31", "name": "timeless", "localEndpoint": _at("timeless")}],
    [_span("e6", "32", -24 * 60, name="tomorrow", localEndpoint=_at("tomorrow"), duration=5)],
    [_span("e7", "33", 2 * 24 * 60, name="old", localEndpoint=_at("old"), duration=5)],
    # No service; no name; a service known only as the other side; its own service as the other side.
    [_span("e8", "34", 2.1, name="nobody", duration=6)],
    [_span("e9", "35", 2.2, duration=6, localEndpoint=_at("nameless"))],
    [
        _span(
            "ea", "36", 2.3, kind="CLIENT", name="call", duration=6, localEndpoint=_at("caller"), remoteEndpoint=_at("unknown")
        )
    ],
    [
        _span(
            "eb",
            "37",
            2.4,
            kind="CLIENT",
            name="self",
            duration=6,
            localEndpoint=_at("loop"),
            remoteEndpoint=_at("loop"),
            tags={"error": "x"},
        )
    ],
    # A span sent twice; a span sent in two parts; a root that is missing.
    [_span("ec", "38", 2.5, name="twice", duration=6, localEndpoint=_at("twice"))] * 2,
    [_span("ed", "39", 1.5, name="early", localEndpoint=_at("pieces"))],
    [_span("ed", "39", 1.5, name="early", duration=900, localEndpoint=_at("pieces"), tags={"late": "yes"})],
    [_span("ee", "3b", 1, parentId="3a", name="orphan", duration=12, localEndpoint=_at("orphan"))],
    # Forty days ago: one part of a trace has lost the high half of its id on the way.
    [
        _span(
            "abababababababab0101010101010101", "51", 40 * 24 * 60, kind="CLIENT", name="y", duration=9, localEndpoint=FRONTEND
        ),
        _span(
            "0101010101010101", "52", 40 * 24 * 60, parentId="51", kind="SERVER", name="y", duration=8, localEndpoint=BACKEND
        ),
    ],
    # Two endpoints of one call, both without the other's name.
    [
        _span("ef", "41", 0.9, kind="CLIENT", name="x", duration=12, localEndpoint=FRONTEND),
        _span("ef", "42", 0.9, parentId="41", kind="SERVER", name="x", duration=11, localEndpoint=BACKEND, tags={"error": "y"}),
    ],
]
