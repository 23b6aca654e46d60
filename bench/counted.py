"""The work whose instructions callgrind counts, of our tracer and of the limit, in one process; `guard` runs this file.

Rules: nothing that is counted depends on the network.  The reporter sleeps until `flush`, and its sender discards the spans.
Each stretch of work ends with a call of `os.getppid`; at each such call callgrind writes its count since the last one.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.adapters import limit, limit_tracer, ours
from bench.adapters.opentracing_work import WORK, Work, classic_root
from bench.samples import HEADERS, calls
from opentracing import Tracer
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument import asgi, wsgi
from opentracing_zipkin.instrument.client import calling
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.senders import Sender

# Python 3.11 and later optimises code that has run often.
WARM_UP = 100
# Even three times as many requests, with two spans each, do not wake the reporter.
CALLS = 120
BATCHES = 4  # of 100 spans each
FLUSH_INTERVAL_S = 3600.0
# Time for threads to come to rest: the thread of a deleted tracer ends later, and its work must not be counted.
REST_S = 0.2

TRACER_TASKS = ["start_span", "root", "active", "request", "unsampled", "extract", "inject"]
CODEC_TASKS = ["encode_json", "encode_thrift", "encode_proto3"]
CLASSIC_TASKS = ["start_trace", "classic_root", "classic_noop"]
SERVED_TASKS = ["wsgi", "asgi"]


class Nowhere(Sender):
    """A sender that sends nothing."""

    max_bytes = 1 << 20

    def send(self, body: bytes, /) -> None:
        pass


def start_span(tracer: Any) -> Work:
    return lambda: tracer.start_span("get")


def start_trace(tracer: Any) -> Work:
    return lambda: tracer.start_trace("get")


def deliver(tracer: Any) -> Work:
    """A hundred root spans, counted until they are encoded, joined and sent."""
    root = WORK["root"](tracer)

    def work() -> None:
        for _ in repeat(None, 100):
            root()
        assert tracer.flush(60.0)

    return work


_CHUNK = b'{"order":7}'
_ANSWER = [("Content-Type", "application/json"), ("Content-Length", str(len(_CHUNK)))]


class _Body:
    """A response as frameworks return it: an iterator with a `close`."""

    def __init__(self) -> None:
        self._chunks = iter([_CHUNK])

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None: ...


def _call(policy: HttpPolicy) -> None:
    """The work of an instrumented client for one request, which is the same for every library."""
    called = calling(policy)
    assert called is not None
    call = called.start(None, "GET", "payments.internal:8080", "/payments/7", "", _no_header)
    call.carrier()
    call.status = 200
    call.end()


def _no_header(native: Any, name: str) -> str | None:
    return None


def served_by_wsgi(policy: HttpPolicy) -> Work:
    """A request to a small application inside our middleware; the application calls another service."""
    next_headers = calls(
        {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}, "HTTP_X_B3_SPANID"
    )
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/orders/7", "REMOTE_ADDR": "127.0.0.1"}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> _Body:
        _call(policy)
        start_response("200 OK", _ANSWER)
        return _Body()

    traced = wsgi.TracingMiddleware(app, policy)

    def work() -> None:
        body: Any = traced({**environ, **next_headers()}, lambda status, headers: None)
        for _ in body:
            pass
        body.close()

    return work


def served_by_asgi(policy: HttpPolicy) -> Work:
    """The same for ASGI; nothing in it waits, so no event loop is needed."""
    next_headers = calls(HEADERS)
    scope = {"type": "http", "method": "GET", "path": "/orders/7", "client": ("127.0.0.1", 50000)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        _call(policy)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": _CHUNK})

    async def send(message: Any) -> None: ...

    traced: Any = asgi.TracingMiddleware(app, policy)

    def work() -> None:
        headers = [(name.encode(), value.encode()) for name, value in next_headers().items()]
        for _ in traced({**scope, "headers": headers}, None, send).__await__():
            raise RuntimeError("something has waited")

    return work


def count(work: Work, calls: int, settle: Callable[[], object]) -> None:
    """Run two stretches, the second twice as long as the first: their difference is the work without the fixed costs."""
    for _ in repeat(None, min(calls, WARM_UP)):
        work()
    settle()
    gc.collect()
    time.sleep(REST_S)
    os.getppid()
    for _ in repeat(None, calls):
        work()
    os.getppid()
    for _ in repeat(None, 2 * calls):
        work()
    os.getppid()
    settle()


def _tracer(sample_rate: float = 1.0) -> ZipkinTracer:
    return ZipkinTracer("bench", sender=Nowhere(), flush_interval=FLUSH_INTERVAL_S, sample_rate=sample_rate)


def main() -> None:
    """Print what was counted, in the order of counting: whose work, which task, and the units of the first stretch."""
    gc.disable()  # the moment of a collection would depend on all former work
    limit_tracer.INTERVAL_S = FLUSH_INTERVAL_S
    counted = []
    for task in TRACER_TASKS:
        prepare, rate = {"start_span": start_span, **WORK}[task], 0.0 if task == "unsampled" else 1.0
        tracer, other = _tracer(rate), limit_tracer.Tracer("bench", "http://127.0.0.1:9", sampled=rate > 0)
        count(prepare(tracer), CALLS, tracer.flush)
        count(prepare(other), CALLS, other.queue.clear)
        counted += [("ours", task, CALLS), ("limit", task, CALLS)]
    for task in CODEC_TASKS:
        count(ours.Adapter().work(task, ""), BATCHES, gc.collect)
        count(limit.Adapter().work(task, ""), BATCHES, gc.collect)
        counted += [("ours", task, BATCHES * 100), ("limit", task, BATCHES * 100)]
    count(deliver(_tracer()), BATCHES, gc.collect)
    counted += [("ours", "deliver", BATCHES * 100)]
    # These come last, so that they do not change the counts of the tasks above.
    count(WORK["noop"](Tracer()), CALLS, gc.collect)
    count(WORK["noop"](limit_tracer.NoopTracer()), CALLS, gc.collect)
    counted += [("ours", "noop", CALLS), ("limit", "noop", CALLS)]
    tracer = _tracer()
    count(start_trace(tracer), CALLS, tracer.flush)
    count(classic_root(tracer), CALLS, tracer.flush)
    count(classic_root(Tracer()), CALLS, gc.collect)
    counted += [("ours", task, CALLS) for task in CLASSIC_TASKS]
    for served in (served_by_wsgi, served_by_asgi):
        tracer = _tracer()
        count(served(HttpPolicy(tracer=tracer)), CALLS, partial(tracer.flush, 60.0))
    counted += [("ours", task, CALLS) for task in SERVED_TASKS]
    print(json.dumps(counted))


if __name__ == "__main__":
    main()
