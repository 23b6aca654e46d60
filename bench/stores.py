"""Measures the collector's stores: how many spans a second they keep, and how fast they find traces among 200,000 spans.

A message is read from JSON and stored in the same way as by the API, but without HTTP, on one thread.  The CPU time of the
faster half of the groups of messages counts, because other work on the machine slows down the rest.  A group lasts from one
writing of the SQLite store's index to the next.  Of each kind of search the least of several times is taken; the slowest kind
is printed.
With `--zipkin URL` the same messages are sent to a real server, one after the other over one connection.  Then wall time up to
the responses counts; the responses come before the server has stored the spans.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import requests

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector.query import TraceQuery
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.collector.stores.sqlite import MAX_UNWRITTEN_SPANS, SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["Figures", "main", "measure", "messages"]

SPANS = 200_000
MESSAGE_SPANS = 1_000
TRACE_SPANS = 10
MAX_BYTES = 1 << 30
NOW_US = 1_700_000_000_000_000
_KINDS = (None, "CLIENT", "SERVER")

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(max_bytes=MAX_BYTES),
    "sqlite": lambda folder: SqliteStore(folder / "spans.db", max_bytes=MAX_BYTES),
}

# The first four find traces at once.  The others find none: no such tag, or conditions that many traces fulfil, but none all.
SEARCHES = {
    "latest": {},
    "by service": {"serviceName": "service-1"},
    "by tag of many": {"annotationQuery": "http.method=POST"},
    "by tag of one": {"annotationQuery": "user.id=user-77"},
    "no such tag": {"annotationQuery": "nothing"},
    "never together": {"serviceName": "service-0", "annotationQuery": "error and http.method=GET", "minDuration": "1000"},
    "no such duration": {"minDuration": "9000000", "maxDuration": "9000001"},
}


class Figures(NamedTuple):
    """The results for one store; the times are in milliseconds, for the slowest search and for reading one trace."""

    spans_per_second: float
    slowest_search: str
    search_ms: float
    trace_ms: float
    kept_bytes: int


def _span(number: int) -> FinishedSpan:
    trace, place = divmod(number, TRACE_SPANS)
    service = number % 7
    tags = {
        "http.method": ("GET", "POST")[service % 2],
        "http.path": f"/orders/{number * 7919 % 1_000_003}",
        "user.id": f"user-{number}",
    }
    if service % 2 and not number % 100:
        tags["error"] = "timed out"
    return FinishedSpan(
        f"{(1 << 120) + trace:032x}",
        f"{number + 1:016x}",
        f"{number:016x}" if place else None,
        _KINDS[number % 3],
        f"get /orders/{service}",
        NOW_US + number * 100,
        100 + number * 31 % 100_000,
        Endpoint(f"service-{service}", f"10.0.0.{service + 1}", "", 8080),
        Endpoint(f"service-{(service + 1) % 7}", f"10.0.0.{service + 2}", "", 8080) if number % 3 else None,
        [(NOW_US + number * 100 + 5, "cache miss")] if service == 3 else [],
        tags,
    )


def messages(spans: int) -> Iterator[bytes]:
    """Messages of spans in JSON, as a reporter sends them."""
    for first in range(0, spans, MESSAGE_SPANS):
        yield json_v2.join([json_v2.encode(_span(number)) for number in range(first, min(spans, first + MESSAGE_SPANS))])


def measure(store: Store, spans: int) -> Figures:
    """Fill a store, then search it."""
    groups = [0.0] * -(-spans // MAX_UNWRITTEN_SPANS)
    for number, message in enumerate(messages(spans)):
        begin = time.thread_time()
        store.add(json_v2.decode(message))
        groups[number * MESSAGE_SPANS // MAX_UNWRITTEN_SPANS] += time.thread_time() - begin
    quickest = sorted(groups)[: -(-len(groups) // 2)]
    end = {"endTs": str((NOW_US + spans * 100) // 1000 + 1)}
    searches = {name: _least_ms(store.find, TraceQuery.of({**end, **asked})) for name, asked in SEARCHES.items()}
    slowest = max(searches, key=lambda name: searches[name])
    trace_id = _span(spans // 2).trace_id
    return Figures(
        min(spans, MAX_UNWRITTEN_SPANS) * len(quickest) / sum(quickest),
        slowest,
        searches[slowest],
        _least_ms(lambda: json_v2.join(store.trace_json(trace_id))),
        store.counts().kept_bytes,
    )


def _least_ms(call: Callable[..., object], *args: object) -> float:
    seconds = []
    for _ in range(10):
        begin = time.perf_counter()
        call(*args)
        seconds.append(time.perf_counter() - begin)
    return min(seconds) * 1000


def _of_server(url: str, spans: int) -> float:
    with requests.Session() as session:
        session.trust_env = False
        seconds = 0.0
        for message in messages(spans):
            begin = time.perf_counter()
            session.post(f"{url.rstrip('/')}{json_v2.path}", message, headers={"Content-Type": json_v2.media_type}, timeout=60)
            seconds += time.perf_counter() - begin
    return spans / seconds


def main(arguments: list[str] | None = None) -> int:
    """Print one line for each store."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description="Figures of the collector's stores.")
    parser.add_argument("--spans", type=int, default=SPANS, help="how many each store takes (default: %(default)s)")
    parser.add_argument(
        "--zipkin", metavar="URL", help="also send the spans to this real server, such as the one of `make zipkin`"
    )
    options = parser.parse_args(arguments)
    print(f"The collector's stores, {options.spans:,} spans in traces of {TRACE_SPANS}:")
    for name, make in STORES.items():
        with tempfile.TemporaryDirectory() as folder:
            store = make(Path(folder))
            found = measure(store, options.spans)
            store.close()
        print(
            f"  {name:7} takes {found.spans_per_second:7,.0f} spans a second of CPU; the slowest search"
            f" ({found.slowest_search}) takes {found.search_ms:.2f} ms, a trace {found.trace_ms:.3f} ms;"
            f" {found.kept_bytes / 1e6:.0f} MB"
        )
    if options.zipkin:
        print(f"  {options.zipkin} accepts {_of_server(options.zipkin, options.spans):,.0f} spans a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
