"""How much memory a store in memory takes, beside what it says: a process of its own, named by the shape of its spans."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

SPANS = 20_000


def usual(number: int) -> FinishedSpan:
    return FinishedSpan(
        f"{number // 5 + 1:016x}",
        f"{number + 1:016x}",
        name=f"get /{number % 50}",
        timestamp_us=number + 1,
        duration_us=number + 1,
        local=Endpoint(f"service {number % 9}"),
        tags={"http.method": "GET", "http.path": f"/users/{number}", "http.status_code": "200", "comment": "x" * 100},
    )


def one_a_trace(number: int) -> FinishedSpan:
    return FinishedSpan(f"{number + 1:016x}", f"{number + 1:016x}", timestamp_us=1, local=Endpoint("web"))


def all_different(number: int) -> FinishedSpan:
    """Names, services and keys that come once: what an index likes least."""
    return FinishedSpan(
        f"{number // 5 + 1:016x}",
        f"{number + 1:016x}",
        name=f"get /{number}",
        timestamp_us=number + 1,
        duration_us=number + 1,
        local=Endpoint(f"service {number}"),
        remote=Endpoint(f"remote {number}"),
        annotations=[(1, f"note {number}")],
        tags={f"key {number}": "x", f"other {number}": "y"},
    )


SHAPES = {shape.__name__: shape for shape in (usual, one_a_trace, all_different)}


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main(shape: str) -> None:
    MemoryStore().add([SHAPES[shape](0)])  # what is imported and kept once
    store = MemoryStore(max_bytes=1 << 30)
    before = resident_bytes()
    for number in range(SPANS):
        store.add([SHAPES[shape](number)])
    print(resident_bytes() - before, store.counts().kept_bytes)


if __name__ == "__main__":
    main(sys.argv[1])
