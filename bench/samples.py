"""The same input for every tracer: the headers of a request, rich spans to encode, and the size of a message."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import NamedTuple

__all__ = ["HEADERS", "MESSAGE_SPANS", "RICH_SPANS", "RichSpan", "calls"]

# The number of spans in a message of our reporter (MIN_WAKE_SPANS), so that every tracer sends messages of the same size.
MESSAGE_SPANS = 2_000

# Four headers of B3 and four that any request has; lower case is the form of ASGI, and the only one that every tracer reads.
HEADERS = {
    "host": "orders.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "accept": "text/html,application/json;q=0.9",
    "accept-encoding": "gzip, deflate",
    "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
    "x-b3-spanid": "a2fb4a1d1a96d312",
    "x-b3-parentspanid": "0020000000000001",
    "x-b3-sampled": "1",
}


def calls(headers: dict[str, str], span_id: str = "x-b3-spanid") -> Callable[[], dict[str, str]]:
    """A function that returns other headers at each call: the given ones, then 4,095 more, and then the first again.

    A server that remembers the calls it has joined would treat a second call with the same ids as a repetition.
    """
    return cycle([headers, *({**headers, span_id: f"{number:016x}"} for number in range(1, 4096))]).__next__


class RichSpan(NamedTuple):
    """A client's span with every possible field; ids are lower-case hex, addresses are (service name, IPv4, port)."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_us: int
    duration_us: int
    local: tuple[str, str, int]
    remote: tuple[str, str, int]
    tags: dict[str, str]
    annotations: list[tuple[int, str]]


def _rich_span(number: int) -> RichSpan:
    start_us = 1_700_000_000_000_000 + number * 1_000
    return RichSpan(
        trace_id=f"463ac35c9f6413ad48485a3953bb{number:04x}",
        span_id=f"a2fb4a1d1a96{number:04x}",
        parent_id="0020000000000001",
        name="get /orders/{id}",
        start_us=start_us,
        duration_us=1_000 + number,
        local=("checkout", "192.168.1.10", 8080),
        remote=("orders", "192.168.1.20", 9000),
        tags={
            "component": "requests",
            "http.method": "GET",
            "http.path": f"/orders/{number}",
            "http.status_code": "200",
        },
        annotations=[(start_us + 10, "connection opened"), (start_us + 500, f"{number} bytes received")],
    )


RICH_SPANS = [_rich_span(number) for number in range(100)]
