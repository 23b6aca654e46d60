"""The cost of a server's root span by each sampler, as a ratio to `always`: `python -m bench.samplers`.

Rules: only ratios are told, of the least of several rounds; in each round the samplers take turns, so that a slow moment of the
machine is all of theirs.  Nothing is delivered.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.sampling import Rule
from opentracing_zipkin.testing import InMemoryRecorder

__all__ = ["SAMPLERS", "main", "ratios"]

ROUNDS = 40
SPANS = 1000
TAGS = {"span.kind": "server", "http.method": "GET", "http.path": "/items/7"}
HEADERS = {"host": "shop", "accept": "*/*", "x-tenant": "silver", "user-agent": "curl"}


class Nowhere(InMemoryRecorder):
    """Keeps nothing."""

    def record(self, span: Any, /) -> None:
        pass


def _ten_rules(**last: Any) -> list[Rule]:
    return [*(Rule(method="POST", path=f"/other{number}/*", rate=1) for number in range(9)), Rule(**last)]


def _file(folder: Path) -> dict[str, Any]:
    file = folder / "rules.toml"
    file.write_text('[[rule]]\npath = "/health"\nrate = 0\n[[rule]]\nmethod = "POST"\npath = "/pay/*"\nrate = 1\n')
    return {"sampling_rules": file}


# What is recorded by it -> how a tracer is made.  The first is what the others are compared with.
SAMPLERS: dict[str, dict[str, Callable[[Path], dict[str, Any]]]] = {
    "all are recorded": {
        "always": lambda folder: {},
        "a function": lambda folder: {"sampler": lambda trace_id: True},
        "rate_limiting(1,000,000)": lambda folder: {"sampler": sampling.rate_limiting(1_000_000)},
        "two rules": lambda folder: {
            "sampler": sampling.rules(Rule(path="/health", rate=0), Rule(method="POST", path="/pay/*", rate=1))
        },
        "ten rules, the last one fits": lambda folder: {"sampler": sampling.rules(*_ten_rules(path="/items/{id}", rate=1))},
        "a rule by a header": lambda folder: {"sampler": sampling.rules(Rule(headers={"x-tenant": "gold"}, rate=0))},
        "two rules of a file": _file,
    },
    "none is recorded": {
        "never": lambda folder: {"sample_rate": 0.0},
        "boundary(1e-9)": lambda folder: {"sample_rate": 1e-9},
        "rate_limiting(0.001)": lambda folder: {"sampler": sampling.rate_limiting(0.001)},
        "two rules, one fits": lambda folder: {
            "sampler": sampling.rules(Rule(path="/health", rate=0), Rule(path="/items/*", rate=0))
        },
    },
}


@contextmanager
def _tracers() -> Iterator[dict[str, ZipkinTracer]]:
    with tempfile.TemporaryDirectory() as folder:
        made = {
            name: ZipkinTracer("shop", recorder=Nowhere(), **settings(Path(folder)))
            for samplers in SAMPLERS.values()
            for name, settings in samplers.items()
        }
        yield made
        for tracer in made.values():
            tracer.close(0)


def _round(tracer: ZipkinTracer, spans: int) -> float:
    extract, start_span = tracer.extract, tracer.start_span
    begin = time.perf_counter()
    for _ in repeat(None, spans):
        start_span("GET", extract("http_headers", HEADERS), None, TAGS, None, True).finish()
    return time.perf_counter() - begin


def ratios(rounds: int = ROUNDS, spans: int = SPANS) -> dict[str, float]:
    """Of each sampler, to `always`."""
    with _tracers() as tracers:
        least = dict.fromkeys(tracers, float("inf"))
        for _ in range(rounds):
            for name, tracer in tracers.items():
                least[name] = min(least[name], _round(tracer, spans))
    return {name: seconds / least["always"] for name, seconds in least.items()}


def main() -> None:
    found = ratios()
    for title, samplers in SAMPLERS.items():
        print(f"\n{title}")
        for name in samplers:
            print(f"  {name:32} {found[name]:5.2f}")


if __name__ == "__main__":
    main()
