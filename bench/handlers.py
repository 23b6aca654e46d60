"""Measures the cost of each span handler, as a share of the cost of encoding the same span as JSON.

The CPU time of one thread counts: the least of several rounds, in which the handlers take turns.  The spans are a client's,
with four tags and two annotations.  In the lines "each path another", no two spans have the same path, so nothing remembered
helps.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count as numbers
from typing import Any

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.handlers import count, drop, redact, rename
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .samples import RICH_SPANS

__all__ = ["HANDLERS", "main", "measure"]

ROUNDS = 15
SPANS = 2_000  # of a round

# name -> a handler, and whether each span's path is its own
HANDLERS: dict[str, tuple[Callable[[], Callable[[FinishedSpan], Any]], bool]] = {
    "a handler that does nothing": (lambda: lambda span: span, False),
    "redact()": (redact, False),
    "redact(), each path another": (redact, True),
    "redact(), a secret in each": (lambda: _with_secret(redact()), True),
    "rename('/users/{id}')": (lambda: rename("/users/{id}"), False),
    "drop('*/health')": (lambda: drop("*/health"), False),
    "count()": (count, False),
}


def _with_secret(handler: Callable[[FinishedSpan], Any]) -> Callable[[FinishedSpan], Any]:
    def handle(span: FinishedSpan) -> Any:
        span.tags["http.path"] += "?token=hunter2"
        return handler(span)

    return handle


def measure(rounds: int = ROUNDS, spans: int = SPANS) -> tuple[float, dict[str, float]]:
    """Microseconds a span: of its encoding, and of each handler."""
    number = numbers()
    made = {name: (make(), own) for name, (make, own) in HANDLERS.items()}
    least = dict.fromkeys(("encode", *made), float("inf"))
    for _ in range(rounds):
        for name, (work, own) in {"encode": (json_v2.encode, False), **made}.items():
            least[name] = min(least[name], _round_us(work, list(_spans(spans, number if own else None))))
    return least.pop("encode"), least


def _round_us(work: Callable[[FinishedSpan], Any], spans: Sequence[FinishedSpan]) -> float:
    begin = time.thread_time_ns()
    for span in spans:
        work(span)
    return (time.thread_time_ns() - begin) / len(spans) / 1000


def _spans(amount: int, number: Iterator[int] | None) -> Iterator[FinishedSpan]:
    for place in range(amount):
        rich = RICH_SPANS[place % len(RICH_SPANS)]
        path = rich.tags["http.path"] if number is None else f"/orders/{next(number)}"
        yield FinishedSpan(
            rich.trace_id,
            rich.span_id,
            rich.parent_id,
            "CLIENT",
            rich.name,
            rich.start_us,
            rich.duration_us,
            Endpoint(rich.local[0], rich.local[1], "", rich.local[2]),
            Endpoint(rich.remote[0], rich.remote[1], "", rich.remote[2]),
            rich.annotations,
            {**rich.tags, "http.path": path},
        )


def main(arguments: list[str] | None = None) -> int:
    """Print one line for each handler."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.handlers", description="Measures the cost of each span handler for a span."
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="number of rounds; the least result counts (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    encode_us, costs = measure(options.rounds)
    print(f"Span handlers, of the {encode_us:.2f} µs that a span takes to be encoded as JSON:")
    for name, us in costs.items():
        print(f"  {name:30} {us / encode_us:5.2f}  ({us:.2f} µs)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
