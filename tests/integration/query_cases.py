"""What is asked of the collector and of a real server alike: the spans that both are given, and a few hundred requests.

Rules: a case is a method and a path with its parameters; made from tables, so that each parameter meets each kind of value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["cases", "messages"]

Json = dict[str, Any]
Parameters = list[tuple[str, str]]

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


# Timestamps are before now.
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
    # Found by its id only: it has no timestamp; it is of tomorrow; it is of the day before yesterday.
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
    # Sent twice; a piece sent later; a root that is missing; a root with the id of its parent.
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

SERVICES = ("frontend", "FRONTEND", "Frontend ", "backend", "worker", "mysql", "nobody", "loop", "", " ", "ü", "all")
NUMBERS = (
    "",
    " ",
    "a",
    "-1",
    "0",
    "1",
    "10",
    "1.5",
    "1e3",
    "0x10",
    "+5",
    " 5",
    "5 ",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "٣",
)
IDS = (
    "a1", "00000000000000a1", "000000000000000000000000000000a1", "A1", "b1b1", "c3c3c3c3c3c3c3c3d4d4d4d4d4d4d4d4", "d4d4d4d4d4d4d4d4",
    "0101010101010101", "abababababababab0101010101010101", "e5", "e6", "e7", "ec", "ed", "0", "00000000000000000000000000000000", "g", "-1", "1 ", "f" * 32, "f" * 33, "a1,b1b1", "ü",
)  # fmt: skip
ID_LISTS = (
    "", ",", "a1", "a1,", ",a1", "a1,b1b1", "b1b1,a1", "a1,,b1b1", "a1,a1", "a1,00000000000000a1", "a1,A1", "a1,0", "a1, b1b1", "ffff,fffe",
    "a1,ffff", "e5,e6,e7", "a1;b1b1",
)  # fmt: skip
QUERIES = (
    "", " ", "error", "error=", "error=CardDeclined", "error=carddeclined", "error=CardDeclined and http.method=POST", "error and", "error and ",
    "error AND http.method=POST", "cache.miss", "cache.miss=", "a b", "text=a=b", "text=a=b and c", "empty", "empty=", "http.method",
    "http.method=GET and http.method=POST", "=", "=x", " and ", "error  and  http.method", "ünïcode", "ünïcode=☃", "nothing", "late=yes",
    "http.method = GET", "error=CardDeclined and cache.miss",
)  # fmt: skip

# By parameter of a search: values that are right, and such as are found in links that people write.
TRACES: dict[str, tuple[str, ...]] = {
    "serviceName": SERVICES,
    "remoteServiceName": ("mysql", "MySQL", "kafka", "unknown", "backend", "", "all"),
    "spanName": ("all", "All", "get /", "GET /", "select", "poll", "nothing", "", "cron job"),
    "annotationQuery": QUERIES,
    "minDuration": NUMBERS,
    "maxDuration": NUMBERS,
    "limit": NUMBERS,
    "lookback": (*NUMBERS, "75000", "200000", "280000", "86400000", "604800000"),
    "endTs": (*NUMBERS, "NOW", "NOW-180000", "NOW+172800000", "NOW-172799995"),
}

# The days around the trace of forty days ago.
THEN: Parameters = [("endTs", "NOW-3369600000"), ("lookback", "172800000")]

# Searches with several conditions, each on some span.
TOGETHER: tuple[Parameters, ...] = (
    [("serviceName", "frontend"), ("spanName", "select")],
    [("serviceName", "backend"), ("spanName", "select"), ("remoteServiceName", "mysql")],
    [("serviceName", "frontend"), ("remoteServiceName", "mysql")],
    [("serviceName", "frontend"), ("annotationQuery", "error")],
    [("serviceName", "backend"), ("annotationQuery", "error")],
    [("serviceName", "frontend"), ("minDuration", "80000")],
    [("serviceName", "backend"), ("minDuration", "80000")],
    [("spanName", "select"), ("minDuration", "80000")],
    [("spanName", "select"), ("annotationQuery", "error")],
    [("minDuration", "5"), ("maxDuration", "11")],
    [("minDuration", "7000"), ("maxDuration", "7000")],
    [("minDuration", "10"), ("maxDuration", "9")],
    [("minDuration", "0"), ("maxDuration", "9")],
    [("minDuration", ""), ("maxDuration", "9")],
    [("minDuration", "10"), ("maxDuration", "0")],
    [("limit", "2"), ("lookback", "3600000")],
    [("limit", "1000"), ("lookback", "345600000"), ("endTs", "NOW+172800000")],
    [("limit", "1"), ("limit", "2")],
    [("serviceName", "frontend"), ("serviceName", "backend")],
    [("unknown", "x")],
    [("servicename", "frontend")],
)

FIXED = (
    "/api/v2/services", "/api/v2/autocompleteKeys", "/health", "/zipkin/config.json", "/config.json", "/api/v2/trace/", "/api/v2/trace",
    "/api/v2/services/", "/api/v2/nothing", "/api/v1/services", "/api/v2/trace/a1/b", "/zipkin/api/v2/services", "/zipkin/api/v2/trace/a1",
    "/api/v2/Services", "//api/v2/services", "/api/v2/services?x=%zz", "/api/v2/services?", "/nothing", "/api/v2/spans?serviceName=front%65nd",
    "/api/v2/spans?servicename=frontend", "/api/v2/spans?serviceName=frontend&serviceName=backend", "/api/v2/spans?serviceName", "/metrics", "/info",
    "/zipkin/", "/zipkin", "/", "/prometheus",
)  # fmt: skip

METHODS = ("HEAD", "PUT", "DELETE", "PATCH", "POST")


def cases(now_ms: int) -> list[tuple[str, str, str]]:
    """Each once: its name, the method, and the path with parameters."""
    return [(f"{method} {path}", method, _at_time(path, now_ms)) for method, path in dict.fromkeys(_cases())]


def _at_time(path: str, now_ms: int) -> str:
    """The path with `NOW` and what is added to it replaced by the milliseconds."""
    return re.sub(
        r"NOW(?:(%2B|-)(\d+))?", lambda found: str(now_ms + int((found[1] or "").replace("%2B", "") + (found[2] or "0"))), path
    )


def _cases() -> Iterator[tuple[str, str]]:
    for path in FIXED:
        yield "GET", path
    for method in METHODS:
        for path in ("/api/v2/services", "/api/v2/traces", "/health"):
            yield method, path
    for name in ("spans", "remoteServices"):
        for parameters in ([], *([("serviceName", each)] for each in SERVICES)):
            yield "GET", f"/api/v2/{name}?{urlencode(parameters)}"
    for key in ("environment", "", "http.method"):
        yield "GET", f"/api/v2/autocompleteValues?{urlencode({'key': key})}"
    yield "GET", "/api/v2/autocompleteValues"
    for each in IDS:
        yield "GET", f"/api/v2/trace/{quote(each)}"
    for each in ID_LISTS:
        yield "GET", f"/api/v2/traceMany?{urlencode({'traceIds': each})}"
    yield "GET", "/api/v2/traceMany"
    yield "GET", "/api/v2/traceMany?traceIds=a1&traceIds=b1b1"
    for parameters in _searches():
        yield "GET", f"/api/v2/traces?{urlencode(parameters)}"
    for parameters in _windows():
        yield "GET", f"/api/v2/dependencies?{urlencode(parameters)}"


def _searches() -> Iterator[Parameters]:
    yield []
    for name, values in TRACES.items():
        for value in values:
            yield [(name, value)]
    yield from TOGETHER
    yield THEN
    # Each pair of parameters, with a value that finds something.
    finding = [
        ("serviceName", "frontend"),
        ("spanName", "post /pay"),
        ("annotationQuery", "http.method"),
        ("minDuration", "20"),
        ("limit", "3"),
        ("lookback", "200000"),
    ]
    for count in (2, 3):
        yield from map(list, combinations(finding, count))


def _windows() -> Iterator[Parameters]:
    yield []
    yield THEN
    for value in TRACES["endTs"]:
        yield [("endTs", value)]
    for value in TRACES["lookback"]:
        yield [("endTs", "NOW"), ("lookback", value)]
        yield [("lookback", value)]
