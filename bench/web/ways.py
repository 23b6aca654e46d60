"""The ways of tracing a service, all in one process, which changes from one to another between two requests.

Rules: two processes that do the same differ by a twentieth for as long as they live, which is more than tracing costs; so what
is compared is one process with itself, where only the way differs.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any, NamedTuple, Protocol

__all__ = ["WAYS", "Switch", "Tracing", "Way"]


class Way(NamedTuple):
    """`made_by` is the class, and the module of this package that has it."""

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
    """`server` and `client` return a context manager around the work."""

    def server(self, method: str, path: str, headers: Any) -> Any:
        """`headers` are those received."""

    def client(self, method: str, path: str, headers: dict[str, str]) -> Any:
        """`headers` are to be sent with the request."""

    def flush(self) -> bool:
        """Wait until no span is left to be reported; False says that it failed, which OpenTelemetry does not."""


class Switch:
    """`way` is the one in use, number 0 at first; BENCH_SINKS is a JSON list with a collector's URL for each."""

    def __init__(self) -> None:
        sinks = json.loads(os.environ["BENCH_SINKS"])
        self._ways = [_make(way, sink) for way, sink in zip(WAYS, sinks, strict=True)]
        self.way = self._ways[0]

    def use(self, number: int) -> None:
        """From now on; what the way before has not sent yet is sent first, so that it is at nobody else's cost."""
        if not self.way.flush():
            raise RuntimeError(f"{WAYS[self._ways.index(self.way)].title}: the collector did not accept all spans")
        self.way = self._ways[number]


def _make(way: Way, sink: str) -> Tracing:
    module, _, name = way.made_by.partition(".")
    tracing: Tracing = getattr(importlib.import_module(f"{__package__}.{module}"), name)(
        os.environ["BENCH_SERVICE"], sink, way.sample_rate
    )
    return tracing
