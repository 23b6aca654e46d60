"""One producer: makes spans as fast as its tracer takes them; prints seconds, CPU seconds and counts as JSON.

`python -m bench.scale.producing ENDPOINT ENCODING SPANS`.  It waits while many spans are queued, so that none is dropped.
"""

from __future__ import annotations

import json
import sys
import time

from opentracing_zipkin import ZipkinTracer

MAX_QUEUED_SPANS = 20_000
WARM_UP_SPANS = 5_000
ACCEPTED_TIMEOUT_S = 300.0


def main(endpoint: str, encoding: str, spans: int) -> None:
    tracer = ZipkinTracer("producer", endpoint=endpoint, encoding=encoding)
    _finish(tracer, WARM_UP_SPANS)
    begin, cpu = time.perf_counter(), time.process_time()
    _finish(tracer, spans)
    seconds, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    stats = tracer.stats
    print(
        json.dumps(
            {"seconds": seconds, "cpu_s": cpu_s, "accepted": stats.sent - WARM_UP_SPANS, "dropped": sum(stats.dropped.values())}
        )
    )
    tracer.close()


def _finish(tracer: ZipkinTracer, spans: int) -> None:
    for number in range(spans):
        if not number % 100:
            while tracer.stats.queued > MAX_QUEUED_SPANS:
                time.sleep(0.001)
        tags = {"span.kind": "server", "http.method": "GET", "http.path": f"/orders/{number}", "http.status_code": 200}
        tracer.start_span("get /orders", tags=tags, ignore_active_span=True).finish()
    tracer.flush(ACCEPTED_TIMEOUT_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
