"""The smallest tracer in pure Python that delivers correct Zipkin spans by the API's calls; all tracers are compared with it.

Rules: it has nothing that a correct span can do without: no limit of tags, no guard against a user's types, no retry, no fork,
no settings.  It has what no tracer can leave out: 128-bit ids, a span that finishes only once, a bounded queue that counts the
spans it drops, and headers that are checked before use.
"""

from __future__ import annotations

import os
import random
import threading
import time
from binascii import unhexlify
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar, Token
from time import perf_counter_ns, time_ns
from typing import Any

import requests

from ..samples import MESSAGE_SPANS
from .limit_codec import Address, encode_json, hex_id

__all__ = ["Context", "NoopTracer", "RecordedSpan", "Tracer", "json_message"]

MAX_QUEUED_SPANS = 50_000
INTERVAL_S = 0.1
MAX_MESSAGE_SPANS = MESSAGE_SPANS
PREFIX = "ot-baggage-"

# The slots are set one by one instead of in an `__init__`: this saves 50 ns a span.
_new: Any = object.__new__
_random_bits = random.Random(os.urandom(32)).getrandbits


class Context:
    """The context read from headers; its ids stay text."""

    __slots__ = ("baggage", "parent_id", "sampled", "span_id", "trace_id")

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool
    baggage: dict[str, str] | None


class Span:
    """A span that is its own context.  `offset` turns ticks into wall time; it is measured where the trace enters."""

    __slots__ = ("baggage", "end", "name", "offset", "parent_id", "shared", "span_id", "start", "tags", "trace_id", "tracer")

    tracer: Tracer
    name: str
    trace_id: int | str
    span_id: int | str
    parent_id: int | str | None
    shared: bool
    baggage: dict[str, str] | None
    tags: dict[str, Any]
    start: int
    end: int
    offset: int
    sampled = True
    remote: Any = None  # only a RecordedSpan has peers and annotations
    annotations: Any = None

    @property
    def context(self) -> Span:
        return self

    def set_tag(self, key: str, value: Any) -> Span:
        self.tags[key] = value
        return self

    def finish(self) -> None:
        if self.end:
            return
        self.end = perf_counter_ns()
        tracer = self.tracer
        queue = tracer.queue
        if len(queue) < MAX_QUEUED_SPANS:
            queue.append(self)
        else:
            tracer.dropped += 1


class RecordedSpan(Span):
    """A span with everything that the wire format has room for; it is only made to be encoded."""

    __slots__ = ("annotations", "remote")


class UnsampledSpan:
    """A span that is not sampled; it makes its ids when they are first asked for."""

    __slots__ = ("_ids", "baggage", "parent")

    _ids: tuple[int | str, int] | None
    parent: Any
    baggage: dict[str, str] | None
    sampled = False

    @property
    def context(self) -> UnsampledSpan:
        return self

    @property
    def ids(self) -> tuple[int | str, int]:
        if self._ids is None:
            trace_id = _random_bits(128) if self.parent is None else self.parent.trace_id
            self._ids = trace_id, _random_bits(64)
        return self._ids

    @property
    def trace_id(self) -> int | str:
        return self.ids[0]

    @property
    def span_id(self) -> int:
        return self.ids[1]

    @property
    def parent_id(self) -> int | str | None:
        return None if self.parent is None else self.parent.span_id

    def set_tag(self, key: str, value: Any) -> UnsampledSpan:
        return self

    def finish(self) -> None:
        pass


class Scope:
    __slots__ = ("_token", "span")

    def __init__(self, span: Any) -> None:
        self.span = span
        self._token: Token[Any] = _active.set(span)

    def __enter__(self) -> Scope:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_val is not None:
            self.span.set_tag("error", repr(exc_val))
        _active.reset(self._token)
        self.span.finish()


_active: ContextVar[Any] = ContextVar("active", default=None)


class Tracer:
    """Owns the queue, and the thread that empties it."""

    def __init__(self, service_name: str, endpoint: str, sampled: bool = True) -> None:
        self.local = Address(service_name, "127.0.0.1", 0)
        self.url = endpoint + "/api/v2/spans"
        self.sampled = sampled
        self.queue: deque[Span] = deque()
        self.dropped = 0
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start_span(self, name: str, child_of: Any = None, tags: dict[str, Any] | None = None) -> Any:
        parent = _active.get() if child_of is None else child_of
        if not (self.sampled if parent is None else parent.sampled):
            unsampled = _new(UnsampledSpan)
            unsampled._ids = None
            unsampled.parent = parent
            unsampled.baggage = None if parent is None else parent.baggage
            return unsampled
        span = _new(Span)
        span.tracer = self
        span.name = name
        span.tags = {} if tags is None else tags.copy()
        span.end = 0
        span.shared = False
        if type(parent) is Span:
            span.trace_id = parent.trace_id
            span.span_id = _random_bits(64)
            span.parent_id = parent.span_id
            span.baggage = parent.baggage
            span.offset = parent.offset
            span.start = perf_counter_ns()
            return span
        if parent is None:
            span.trace_id = trace_id = _random_bits(128)
            span.span_id = trace_id & 0xFFFFFFFFFFFFFFFF
            span.parent_id = None
            span.baggage = None
        else:
            self._continue(span, parent)
        span.start = ticks = perf_counter_ns()
        span.offset = time_ns() - ticks
        return span

    def _continue(self, span: Span, caller: Context) -> None:
        """A server's span has the id of the client's span that called it; any other span is a child of that one."""
        span.trace_id = caller.trace_id
        span.baggage = caller.baggage
        if span.tags.get("span.kind") == "server":
            span.shared = True
            span.span_id = caller.span_id
            span.parent_id = caller.parent_id
        else:
            span.span_id = _random_bits(64)
            span.parent_id = caller.span_id

    def start_active_span(self, name: str, child_of: Any = None, tags: dict[str, Any] | None = None) -> Scope:
        return Scope(self.start_span(name, child_of, tags))

    def inject(self, context: Any, format: str, carrier: dict[str, str]) -> None:
        trace_id, span_id, parent_id = context.trace_id, context.span_id, context.parent_id
        carrier["x-b3-traceid"] = trace_id if type(trace_id) is str else hex_id(trace_id)
        carrier["x-b3-spanid"] = span_id if type(span_id) is str else hex_id(span_id)
        if parent_id is not None:
            carrier["x-b3-parentspanid"] = parent_id if type(parent_id) is str else hex_id(parent_id)
        carrier["x-b3-sampled"] = "1" if context.sampled else "0"
        if context.baggage:
            carrier.update(context.baggage)

    def extract(self, format: str, carrier: Mapping[str, str]) -> Context | None:
        try:
            trace_id, span_id = carrier["x-b3-traceid"], carrier["x-b3-spanid"]
            parent_id = carrier.get("x-b3-parentspanid")
            text = trace_id + span_id + (parent_id or "")
            unhexlify(text)
            if len(trace_id) not in (32, 16) or len(span_id) != 16:
                return None
            if parent_id is not None and len(parent_id) != 16:
                return None
        except (KeyError, ValueError):
            return None
        context: Context = _new(Context)
        context.trace_id = trace_id.lower()
        context.span_id = span_id.lower()
        context.parent_id = parent_id and parent_id.lower()
        context.sampled = carrier.get("x-b3-sampled") == "1"
        context.baggage = None
        if PREFIX in "\n".join(carrier).lower():
            context.baggage = {name: value for name, value in carrier.items() if name.lower().startswith(PREFIX)}
        return context

    def flush(self) -> None:
        while self.queue or not self._idle.is_set():
            if not self._thread.is_alive():
                raise RuntimeError("the thread died; what it said is above")
            self._wake.set()
            time.sleep(0.001)

    def _run(self) -> None:
        session = requests.Session()
        session.headers["Content-Type"] = "application/json"
        popleft = self.queue.popleft
        while True:
            self._wake.wait(INTERVAL_S)
            self._wake.clear()
            self._idle.clear()
            while self.queue:
                spans = [popleft() for _ in range(min(MAX_MESSAGE_SPANS, len(self.queue)))]
                session.post(self.url, json_message(spans, self.local), timeout=10).raise_for_status()
            self._idle.set()


def json_message(spans: list[Any], local: Address) -> bytes:
    return ("[" + ",".join([encode_json(span, local) for span in spans]) + "]").encode()


class NoopSpan:
    __slots__ = ()

    def set_tag(self, key: str, value: Any) -> NoopSpan:
        return self

    def finish(self) -> None:
        pass


class NoopTracer:
    _span = NoopSpan()

    def start_span(self, name: str, child_of: Any = None, tags: dict[str, Any] | None = None) -> NoopSpan:
        return self._span
