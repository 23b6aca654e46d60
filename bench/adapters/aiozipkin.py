"""aiozipkin, used by the cheapest calls of its API.

Rules: it works in an event loop, which runs while the caller sleeps.  Its batches are as large as those of the other tracers.
"""

# mypy: disable-error-code="import-not-found"
# It is only installed in a separate environment.

from __future__ import annotations

import asyncio
from typing import Any

from aiozipkin.helpers import CLIENT, SERVER, create_endpoint, make_context, make_headers
from aiozipkin.record import Record
from aiozipkin.sampler import Sampler
from aiozipkin.tracer import Tracer
from aiozipkin.transport import Transport

from ..samples import HEADERS, MESSAGE_SPANS, RICH_SPANS, RichSpan, calls
from .opentracing_work import Work

__all__ = ["Adapter"]

INTERVAL_S = 0.1


class Adapter:
    def work(self, task: str, endpoint: str) -> Work:
        if task == "encode_json":
            return _encode_json()
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._tracer = self._loop.run_until_complete(_make(endpoint, 0.0 if task == "unsampled" else 1.0))
        return _WORK[task](self._tracer)

    def flush(self) -> None:
        manager = self._tracer._transport._batch_manager
        self._loop.run_until_complete(manager._send())
        if manager._sending_batches:
            raise RuntimeError("spans were not accepted")

    def sleep(self, seconds: float) -> None:
        """Sleep in the event loop; replaces `time.sleep`."""
        self._loop.run_until_complete(asyncio.sleep(seconds))


async def _make(endpoint: str, sample_rate: float) -> Any:
    transport = Transport(f"{endpoint}/api/v2/spans", INTERVAL_S, send_max_size=MESSAGE_SPANS)
    return Tracer(transport, Sampler(sample_rate=sample_rate), create_endpoint("bench", ipv4="127.0.0.1"))


def _root(tracer: Any) -> Work:
    def work() -> None:
        span = tracer.new_trace().start().name("get")
        span.tag("http.method", "GET")
        span.tag("http.path", "/orders")
        span.finish()

    return work


def _request(tracer: Any) -> Work:
    next_headers = calls(HEADERS)

    def work() -> None:
        server = tracer.join_span(make_context(next_headers())).start().name("get").kind(SERVER)
        server.tag("http.method", "GET")
        server.tag("http.path", "/orders")
        client = tracer.new_child(server.context).start().name("post").kind(CLIENT)
        client.tag("http.method", "POST")
        client.tag("http.path", "/payments")
        make_headers(client.context)
        client.finish()
        server.finish()

    return work


def _extract(tracer: Any) -> Work:
    assert make_context(HEADERS) is not None
    return lambda: make_context(HEADERS)


def _inject(tracer: Any) -> Work:
    context = tracer.new_child(make_context(HEADERS)).context
    return lambda: make_headers(context)


_WORK: dict[str, Any] = {
    "root": _root,
    "burst": _root,
    "memory": _root,
    "import": _root,
    "unsampled": _root,
    "request": _request,
    "extract": _extract,
    "inject": _inject,
}


def _encode_json() -> Work:
    import json

    records = [_record(span) for span in RICH_SPANS]
    return lambda: json.dumps([record.asdict() for record in records]).encode()


def _record(span: RichSpan) -> Any:
    context = make_context({"x-b3-traceid": span.trace_id, "x-b3-spanid": span.span_id, "x-b3-sampled": "1"})
    local = create_endpoint(span.local[0], ipv4=span.local[1], port=span.local[2])
    record = Record(context._replace(parent_id=span.parent_id), local).start(span.start_us).name(span.name).kind(CLIENT)
    record.remote_endpoint(create_endpoint(span.remote[0], ipv4=span.remote[1], port=span.remote[2]))
    for key, value in span.tags.items():
        record.set_tag(key, value)
    for at_us, text in span.annotations:
        record.annotate(text, at_us)
    return record.finish(span.start_us + span.duration_us)
