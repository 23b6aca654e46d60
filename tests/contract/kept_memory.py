"""Measures how much memory a store in memory takes, to compare that with the store's own count.

It runs in its own process; its argument names a shape of spans.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
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
    """Names, services and keys that are all different: the worst case for an index."""
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


def many_keys(number: int) -> FinishedSpan:
    """Keys that are all different, in few spans."""
    keys = {f"key {number}.{each}": "" for each in range(10_000)}
    return FinishedSpan(f"{number + 1:016x}", f"{number + 1:016x}", timestamp_us=1, local=Endpoint("web"), tags=keys)


def long_services(number: int) -> FinishedSpan:
    """A service name as long as a message may be."""
    name = f"{number} " + "\u65e5" * 200_000
    return FinishedSpan(f"{number + 1:016x}", f"{number + 1:016x}", "1" * 16, name="get", duration_us=5, local=Endpoint(name))


SHAPES: dict[str, tuple[Callable[[int], FinishedSpan], int]] = {
    "usual": (usual, SPANS),
    "one_a_trace": (one_a_trace, SPANS),
    "all_different": (all_different, SPANS),
    "many_keys": (many_keys, 100),
    "long_services": (long_services, 60),
}


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main(shape: str) -> None:
    make, count = SHAPES[shape]
    MemoryStore().add([make(0)])  # before the measurement, so that imports and caches are not counted
    store = MemoryStore(max_bytes=1 << 30)
    before = resident_bytes()
    for number in range(count):
        store.add([make(number)])
    print(resident_bytes() - before, store.counts().kept_bytes)


if __name__ == "__main__":
    main(sys.argv[1])
