"""Threads, forks and faults at once: `python -m tests.integration.faults.storm ENDPOINT SECONDS`.

Eight threads finish spans while the main one forks children, each with two threads.  The program prints a line of JSON for each
process: its own count of spans and the tracer's account, once nothing is left to send.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import threading
import time

from opentracing_zipkin import ZipkinTracer

CHILDREN = 10
PER_PROCESS = 1_000_000  # numbers of spans, so that each number is unique


def work(tracer: ZipkinTracer, finished: list[int], index: int, first: int, end: float) -> None:
    step = len(finished)
    while time.monotonic() < end:
        for _ in range(30):
            tracer.start_span("x", tags={"number": first + finished[index] * step + index}).finish()
            finished[index] += 1
        time.sleep(0.002)


def start(tracer: ZipkinTracer, threads: int, first: int, end: float) -> tuple[list[int], list[threading.Thread]]:
    finished = [0] * threads
    started = [threading.Thread(target=work, args=(tracer, finished, index, first, end)) for index in range(threads)]
    for thread in started:
        thread.start()
    return finished, started


def settle(tracer: ZipkinTracer, finished: list[int], threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
    tracer.flush(30)
    tracer.close(30).result(35)
    stats = tracer.stats
    told = {"own": sum(finished), **stats._asdict(), "dropped": {cause: n for cause, n in stats.dropped.items() if n}}
    os.write(1, (json.dumps(told) + "\n").encode())


def main(endpoint: str, seconds: float) -> None:
    logging.disable()
    tracer = ZipkinTracer("storm", endpoint=endpoint, flush_interval=0.02, max_queued_spans=3000, send_timeout=0.5)
    end = time.monotonic() + seconds
    finished, threads = start(tracer, 8, 0, end)
    children = []
    for number in range(CHILDREN):
        time.sleep(random.uniform(0.5, 1.5) * seconds / (CHILDREN + 3))
        child = os.fork()
        if child == 0:
            ours = start(tracer, 2, (number + 1) * PER_PROCESS, time.monotonic() + 0.5)
            settle(tracer, *ours)
            os._exit(0)
        children.append(child)
    settle(tracer, finished, threads)
    sys.exit(sum(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
