"""Processes that make processes: `python -m tests.integration.apps.children os.fork|fork|spawn|forkserver`.

The parent and each of three children finish 200 spans, the parent before and after it makes the children; no tracer is closed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys

import opentracing
from opentracing_zipkin import configure

CHILDREN = 3
SPANS = 200


def finish_spans(role: str) -> None:
    for _ in range(SPANS):
        opentracing.tracer.start_trace("work", tags={"pid": str(os.getpid()), "role": role}).finish()


def child() -> None:
    if not opentracing.is_global_tracer_registered():  # a spawned process is not configured
        configure("children")
    finish_spans("child")


def main(method: str) -> None:
    configure("children")
    finish_spans("parent")
    if method == "os.fork":
        for _ in range(CHILDREN):
            if os.fork() == 0:
                child()
                sys.exit()
        for _ in range(CHILDREN):
            os.wait()
    else:
        context = multiprocessing.get_context(method)
        processes = [context.Process(target=child) for _ in range(CHILDREN)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finish_spans("parent")


if __name__ == "__main__":
    main(sys.argv[1])
