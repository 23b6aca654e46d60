"""One way of tracing one service, compared with the same service untraced; run as a file in the environment `instrumented`.

Rules: each line of the input is a number of requests; for each, the output is the CPU time in ns without tracing and with it.
At the end of the input it reports its spans and prints the number of traced requests.  Two processes that do the same differ by
5 % as long as they live, which is more than tracing costs, so both services are in one process.  From this checkout only
`bench` can be imported, unless a source is given, because our `opentracing` must not replace that of the other ways.
Arguments: way, framework, sample rate, the sink's URL, and the directory to import the tracer from, or "".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

WARM_UP_REQUESTS = 200  # Python 3.11 and later optimises code that has run often


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
    # If all traces are sampled, the caller has decided so; otherwise this service decides.
    caller_is_traced = float(rate) == 1.0
    with ExitStack() as services:
        plain = services.enter_context(make(True, caller_is_traced))
        flush = WAYS[way](framework, endpoint, float(rate))
        traced = services.enter_context(make(False, caller_is_traced))
        for service in (plain, traced) * 2:
            service(WARM_UP_REQUESTS)
        served = 2 * WARM_UP_REQUESTS
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
    service(1)  # loads the processor's caches, which another process has used
    start = time.thread_time_ns()
    service(count)
    return time.thread_time_ns() - start


if __name__ == "__main__":
    main()
