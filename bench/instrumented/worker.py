"""Run as a file, in the environment `instrumented`: one way of tracing one service, beside the same service without.

Rules: for each line of its input, a number of requests, it tells the ns of CPU that they took without tracing and with it.  At
the end of its input it reports its spans and tells how many requests were traced in all.  Two processes that do the same differ
by 5 % for as long as they live, which is more than tracing costs, so both services are in one process.  Of this checkout only
`bench` is importable unless a source is given, because our `opentracing` must not stand in the way of the others.
Arguments: way, framework, sample rate, the sink's URL, and the directory to import the tracer from, or "".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

WARM_UP = 200  # requests; Python 3.11 and later rewrites code that it has seen often


def _make_importable(source: str) -> None:
    if source:
        sys.path.insert(0, source)
    package = type(sys)("bench")
    package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["bench"] = package


def main() -> None:
    way, framework, rate, endpoint, source = sys.argv[1:]
    _make_importable(source)
    from bench.instrumented.applications import APPLICATIONS
    from bench.instrumented.ways import WAYS

    make = APPLICATIONS[framework]
    # Where all traces are sampled the caller has said so; else this service decides.
    caller_is_traced = float(rate) == 1.0
    with ExitStack() as services:
        plain = services.enter_context(make(True, caller_is_traced))
        flush = WAYS[way](framework, endpoint, float(rate))
        traced = services.enter_context(make(False, caller_is_traced))
        for service in (plain, traced) * 2:
            service(WARM_UP)
        served = 2 * WARM_UP
        print("ready", flush=True)
        order = [plain, traced]
        while line := sys.stdin.readline():
            count = int(line)
            taken = {service: _thread_ns(service, count) for service in order}
            order.reverse()
            served += 1 + count
            print(taken[plain], taken[traced], flush=True)
        flush()
    print(served)


def _thread_ns(service: Callable[[int], None], count: int) -> int:
    service(1)  # the processor's caches are another's until then
    start = time.thread_time_ns()
    service(count)
    return time.thread_time_ns() - start


if __name__ == "__main__":
    main()
