"""One side of a call, in a process whose collector is a sidecar on localhost and whose clock is wrong.

Input: the name of the side, the clock's error in seconds, the time, and the received headers as JSON.  Output: the sent headers
and the sidecar's spans.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.testing import FakeClock

CLIENT_S, WAY_S, SERVER_S = 0.5, 0.05, 0.4


def call(tracer: ZipkinTracer, clock: FakeClock, headers: dict[str, str]) -> None:
    """The client's span, of 500 ms; the headers are those of the request."""
    span = tracer.start_trace("checkout", tags={"span.kind": "client", "peer.service": "orders"})
    tracer.inject(span.context, Format.HTTP_HEADERS, headers)
    clock.advance(CLIENT_S)
    span.finish()


def answer(tracer: ZipkinTracer, clock: FakeClock, headers: dict[str, str]) -> None:
    """The server's span, of 400 ms, which begins 50 ms after the client's."""
    clock.advance(WAY_S)
    span: Any = tracer.join_trace("order", tracer.extract(Format.HTTP_HEADERS, headers))
    clock.advance(SERVER_S)
    span.finish()


def main() -> None:
    side, wrong_s, wall_s, headers = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
    clock = FakeClock(wall_s + wrong_s)
    with Collector() as sidecar:
        port = sidecar.url.rpartition(":")[2]
        tracer = ZipkinTracer(side, endpoint=f"http://localhost:{port}", clock=clock)
        {"frontend": call, "orders": answer}[side](tracer, clock, headers)
        assert tracer.flush(10)
        spans = [json.loads(json_v2.encode(span)) for trace in sidecar.store.traces() for span in trace]
    json.dump({"headers": headers, "spans": spans}, sys.stdout)


if __name__ == "__main__":
    main()
