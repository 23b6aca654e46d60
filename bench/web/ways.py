"""The ways of tracing a service, all in one process, which can change from one to another between two requests.

Rules: two processes that do the same differ by 5 % as long as they live, which is more than tracing costs.  So a process is
compared with itself, and only the way of tracing differs.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any, NamedTuple, Protocol

__all__ = ["WAYS", "Switch", "Tracing", "Way"]


class Way(NamedTuple):
    """`made_by` is the name of a class, with the module of this package that defines it."""

    title: str
    made_by: str
    sample_rate: float = 1.0


WAYS = [
    Way("without", "untraced.Nothing"),
    Way("headers alone", "untraced.Headers"),
    Way("ours, 100%", "traced_by_ours.Ours"),
    Way("otel, 100%", "traced_by_otel.OpenTelemetry"),
    Way("ours, 1%", "traced_by_ours.Ours", 0.01),
    Way("otel, 1%", "traced_by_otel.OpenTelemetry", 0.01),
]


class Tracing(Protocol):
    """One way of tracing; `server` and `client` return a context manager for the work."""

    def server(self, method: str, path: str, headers: Any) -> Any:
        """The span of a server; `headers` are the received ones."""

    def client(self, method: str, path: str, headers: dict[str, str]) -> Any:
        """The span of a client; the context is written into `headers`, which are sent with the request."""

    def flush(self) -> bool:
        """Wait until all spans are reported; False means that this failed, which OpenTelemetry does not tell."""


class Switch:
    """Holds the present way, which is number 0 at first; BENCH_SINKS is a JSON list with a collector's URL for each way."""

    def __init__(self) -> None:
        sinks = json.loads(os.environ["BENCH_SINKS"])
        self._ways = [_make(way, sink) for way, sink in zip(WAYS, sinks, strict=True)]
        self.way = self._ways[0]

    def use(self, number: int) -> None:
        """Change to another way; the spans of the former way are sent first, so that they cost the new way nothing."""
        if not self.way.flush():
            raise RuntimeError(f"{WAYS[self._ways.index(self.way)].title}: the collector did not accept all spans")
        self.way = self._ways[number]


def _make(way: Way, sink: str) -> Tracing:
    module, _, name = way.made_by.partition(".")
    tracing: Tracing = getattr(importlib.import_module(f"{__package__}.{module}"), name)(
        os.environ["BENCH_SERVICE"], sink, way.sample_rate
    )
    return tracing
