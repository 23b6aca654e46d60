"""The cost of a request's root span by each sampler, as a ratio to `always`: `python -m bench.samplers`.

Rules: instructions are counted, by callgrind, so that a busy machine changes nothing.  The cost is the difference of two
processes of which one serves more requests.  A request is extracted, started with its tags, and finished; nothing is delivered.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

from opentracing_zipkin import ZipkinTracer, sampling
from opentracing_zipkin.sampling import Rule
from opentracing_zipkin.testing import InMemoryRecorder

__all__ = ["SAMPLERS", "instructions", "main", "serve", "tracer_with"]

FEW, MANY = 400, 1400
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


# Samplers by the traces that they record -> how a tracer is made.  The first one is the measure of all others.
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


def tracer_with(name: str, folder: Path) -> ZipkinTracer:
    """A tracer with the sampler of this name, which keeps nothing."""
    settings = next(samplers[name] for samplers in SAMPLERS.values() if name in samplers)
    return ZipkinTracer("shop", recorder=Nowhere(), **settings(folder))


def serve(tracer: ZipkinTracer, requests: int) -> None:
    """Make the calls of a server's instrumentation for this number of requests."""
    extract, start_span = tracer.extract, tracer.start_span
    for _ in repeat(None, requests):
        start_span("GET", extract("http_headers", HEADERS), None, TAGS, None, True).finish()


def instructions(name: str, requests: int) -> int:
    """The instructions of a process that serves this number of requests, by callgrind."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", "bench.samplers"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run([*command, name, str(requests)], env=environment, capture_output=True, text=True, check=True)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    assert counted is not None, done.stderr
    return int(counted[1])


def main() -> None:
    if len(sys.argv) == 3:
        with tempfile.TemporaryDirectory() as folder:
            gc.disable()
            serve(tracer_with(sys.argv[1], Path(folder)), int(sys.argv[2]))
        return
    always = 0
    for title, samplers in SAMPLERS.items():
        print(f"\n{title}")
        for name in samplers:
            cost = instructions(name, MANY) - instructions(name, FEW)
            always = always or cost
            print(f"  {name:32} {cost / always:5.2f}", flush=True)


if __name__ == "__main__":
    main()
