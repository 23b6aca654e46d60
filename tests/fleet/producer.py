"""A producer: traces of ten spans at a steady rate until its input ends, its own list of them, and its tracer's account.

`python -m tests.fleet.producer ENDPOINT SERVICE RATE LIST`: a line of JSON every two seconds, and a last one with everything.
LIST is a file with a line a trace: when it was finished (seconds since 1970), its id, then the ids of its spans.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from opentracing_zipkin import ZipkinTracer, configure

TRACE_SPANS = 10
TICK_INTERVAL_S = 0.02
REPORT_INTERVAL_S = 2.0
CLOSE_TIMEOUT_S = 60.0


class Attempts(logging.Handler):
    """Counts failed sends: the reporter logs each of them, the first of a streak as a warning."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.failed = 0

    def emit(self, record: logging.LogRecord) -> None:
        if "not accepted" in record.getMessage():
            self.failed += 1


def make_trace(tracer: ZipkinTracer, number: int) -> list[str]:
    """The trace's id and the ids of its spans, all of them finished."""
    root = tracer.start_span("checkout", tags={"http.method": "POST", "http.path": f"/orders/{number}"})
    ids = [root.context.trace_id, root.context.span_id]
    for item in range(TRACE_SPANS - 1):
        child = tracer.start_span("reserve", child_of=root, tags={"item": str(item), "warehouse": "north"})
        ids.append(child.context.span_id)
        child.finish()
    root.finish()
    return [each or "" for each in ids]


def produce(tracer: ZipkinTracer, rate: float, made: IO[str], ended: threading.Event, failed: Attempts) -> int:
    """Finish spans until `ended`; returns their number."""
    start = time.monotonic()
    told = finished = 0
    while not ended.wait(TICK_INTERVAL_S):
        elapsed = time.monotonic() - start
        while finished < elapsed * rate:
            made.write(f"{time.time():.3f} {' '.join(make_trace(tracer, finished))}\n")
            finished += TRACE_SPANS
        if elapsed > told * REPORT_INTERVAL_S:
            told += 1
            _tell(tracer, finished, failed)
    return finished


def _tell(tracer: ZipkinTracer, finished: int, attempts: Attempts, **more: Any) -> None:
    stats = tracer.stats
    said = {"finished": finished, "failed": attempts.failed, "counted": stats.finished, "sent": stats.sent}
    waiting = {"queued": stats.queued, "in_flight": stats.in_flight, "dropped": dict(stats.dropped)}
    print(json.dumps({**said, **waiting, **more}), flush=True)


def main(endpoint: str, service: str, rate: float, file: Path) -> None:
    said, attempts = logging.StreamHandler(), Attempts()
    said.setLevel(logging.INFO)
    logging.basicConfig(level=logging.DEBUG, handlers=[said, attempts], format="%(asctime)s %(message)s")
    tracer = configure(service, endpoint=endpoint)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with file.open("w") as made:
        finished = produce(tracer, rate, made, ended, attempts)
    whole = tracer.close(CLOSE_TIMEOUT_S).result()
    _tell(tracer, finished, attempts, whole=whole)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
