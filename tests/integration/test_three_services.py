"""Three services without a line of our code, run by the command, on the real Zipkin server."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from ..interop.traced import WAYS, buy_from_three_services
from .demo_run import Json, get
from .spans_api import STORED_TIMEOUT_S, SpansApi
from .zipkin_server import ZipkinServer

AT_ONCE = 100


def traces_between(zipkin: ZipkinServer, begin_us: int, end_us: int) -> list[list[Json]]:
    """The traces that begin in this time, once all expected spans are there or a while has passed."""
    query = f"endTs={end_us // 1000}&lookback={(end_us - begin_us) // 1000}&limit={2 * AT_ONCE}&serviceName=frontend"
    deadline = time.monotonic() + STORED_TIMEOUT_S
    while True:
        traces: list[list[Json]] = get(f"{zipkin.url}/api/v2/traces?{query}")
        if sum(map(len, traces)) >= 5 * AT_ONCE or time.monotonic() > deadline:
            return traces
        time.sleep(0.1)


def test_a_hundred_requests_through_three_services_are_whole_on_the_server(
    zipkin: ZipkinServer, api: SpansApi, tmp_path: Path
) -> None:
    """Each trace has its five spans once, named by routes; the graph has both calls, a hundred times each without errors."""
    begin_us = time.time_ns() // 1000
    settings = {**os.environ, "ZIPKIN_ENDPOINT": zipkin.url, "ZIPKIN_FLUSH_INTERVAL": "60"}
    answers, said = buy_from_three_services(WAYS["run"], settings, tmp_path, [f"tea{n}" for n in range(AT_ONCE)])
    end_us = time.time_ns() // 1000
    traces = traces_between(zipkin, begin_us, end_us)

    assert [f"paid tea{n}" for n in range(AT_ONCE)] == answers
    assert AT_ONCE == len(traces), said[-3000:]
    for trace in traces:
        assert [
            ("frontend", "CLIENT", "post"),
            ("frontend", "SERVER", "get /buy/{article}"),
            ("orders", "CLIENT", "post"),
            ("orders", "SERVER", "post /orders/{article}"),
            ("payment", "SERVER", "post /charge"),
        ] == sorted((span["localEndpoint"]["serviceName"], span["kind"], span["name"]) for span in trace)
    assert [
        {"parent": "frontend", "child": "orders", "callCount": AT_ONCE},
        {"parent": "orders", "child": "payment", "callCount": AT_ONCE},
    ] == api.links(begin_us, end_us)
    assert [] == re.findall(r"(?m)^.*zipkin: .*$", said)
