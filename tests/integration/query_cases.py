"""The requests for both the collector and a real server: a few hundred, for the spans of `query_spans`.

Rules: a case is a method and a path with its parameters.  Cases are made from tables, so that each parameter gets each kind of
value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from urllib.parse import quote, urlencode

__all__ = ["cases"]

Parameters = list[tuple[str, str]]

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

# For each parameter of a search: correct values, and values from links that people write.
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

# Searches with several conditions, each of which some span meets.
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
    """Each case once: its name, the method, and the path with parameters."""
    return [(f"{method} {path}", method, _at_time(path, now_ms)) for method, path in dict.fromkeys(_cases())]


def _at_time(path: str, now_ms: int) -> str:
    """The path with `NOW` and its offset replaced by the milliseconds."""
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
    # Each pair of parameters, with values that find traces.
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
