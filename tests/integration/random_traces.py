"""Traces of all the shapes that tracers make, drawn by a seed, which every encoding has to carry.

Rules: they contain only spans that the tracer can send; ids and times are those of a real application, and each trace lies
within a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from opentracing_zipkin.model import Endpoint, FinishedSpan

__all__ = ["random_traces"]

_SERVICES = [
    Endpoint("frontend", "192.0.2.1", "", 8080),
    Endpoint("orders", "192.0.2.2"),
    Endpoint("payment", "192.0.2.3", "2001:db8::3", 65535),
    Endpoint("größe", "", "2001:db8::4", 1),
    Endpoint("stock"),
]
_DATABASES = [Endpoint("mysql", "192.0.2.100", "", 3306), Endpoint("redis"), Endpoint("", "192.0.2.101", "", 11211)]
_BROKERS = [Endpoint("kafka"), Endpoint("rabbitmq", "192.0.2.102"), None]
_TEXTS = ["", "200", "/api/ü?q=%s", "日本 😀", "a\nb\t\"c\" \\", "yAnnotations", "remoteEndpoint", "tags", "x" * 200, "ä\x00b"]  # fmt: skip
_KEYS = ["http.path", "http.status_code", "ключ", "binaryAnnotations", "tags", "k" * 130]

_MAX_DEPTH = 4


def random_traces(seed: int, count: int, begin_us: int) -> list[list[FinishedSpan]]:
    """This number of traces, one a minute from `begin_us` on."""
    random = Random(seed)
    return [_Trace(random, begin_us + number * 60_000_000).spans for number in range(count)]


class _Trace:
    """One trace while it grows."""

    def __init__(self, random: Random, begin_us: int) -> None:
        self.random = random
        self.spans: list[FinishedSpan] = []
        self.now_us = begin_us
        self.debug = random.random() < 0.1
        self.trace_id = self._id() + (self._id() if random.random() < 0.7 else "")
        self._begin()
        random.shuffle(self.spans)

    def _id(self) -> str:
        return f"{self.random.randrange(1, 1 << 64):016x}"

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _begin(self) -> None:
        """Add a root of any kind, or spans whose parent is not here."""
        service = self.random.choice(_SERVICES)
        parent_id = self._id() if self._chance(0.1) else None
        begin_with: Callable[[], FinishedSpan] = self.random.choice(
            [
                lambda: self._add(service, parent_id, "SERVER", self._caller()),
                lambda: self._add(service, parent_id, "SERVER", None),
                lambda: self._add(service, parent_id, None, None),
                lambda: self._add(service, parent_id, "CONSUMER", self.random.choice(_BROKERS)),
            ]
        )
        self._work(service, begin_with().span_id, _MAX_DEPTH)

    def _caller(self) -> Endpoint:
        return self.random.choice(
            [Endpoint("browser"), Endpoint("", "198.51.100.7", "", 50123), Endpoint("", "", "2001:db8::9")]
        )

    def _work(self, service: Endpoint, parent_id: str, depth: int) -> None:
        """Add the work of a service on behalf of a span."""
        if depth == 0:
            return
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            do = self.random.choice([self._local, self._query, self._call, self._call, self._loop, self._notify, self._send])
            do(service, parent_id, depth - 1)

    def _local(self, service: Endpoint, parent_id: str, depth: int) -> None:
        self._work(service, self._add(service, parent_id, None, None).span_id, depth)

    def _query(self, service: Endpoint, parent_id: str, depth: int) -> None:
        """Add a call to a system that reports no spans."""
        self._add(service, parent_id, "CLIENT", self.random.choice(_DATABASES))

    def _call(self, service: Endpoint, parent_id: str, depth: int) -> None:
        called = self.random.choice([other for other in _SERVICES if other != service])
        self._both_sides(service, called, parent_id, depth, self._chance(0.5))

    def _loop(self, service: Endpoint, parent_id: str, depth: int) -> None:
        """Add a call of a service to itself, on this machine or on another."""
        called = service if self._chance(0.5) else service._replace(ipv4="192.0.2.200", port=8081)
        self._both_sides(service, called, parent_id, depth, shared=True)

    def _both_sides(self, service: Endpoint, called: Endpoint, parent_id: str, depth: int, shared: bool) -> None:
        """Add client and server with one id or with two; for a deferred decision, with one id that is not shared."""
        client = self._add(service, parent_id, "CLIENT", called if self._chance(0.8) else None)
        server = self._add(called, client.span_id, "SERVER", service if self._chance(0.7) else None)
        if shared:
            server.span_id, server.parent_id = client.span_id, parent_id
            server.shared = self._chance(0.9)
        self._work(called, server.span_id, depth)

    def _notify(self, service: Endpoint, parent_id: str, depth: int) -> None:
        """Add a one-way call, of which neither side knows the end."""
        called = self.random.choice([other for other in _SERVICES if other != service])
        self._both_sides(service, called, parent_id, depth, shared=True)
        for span in self.spans[-2:]:
            if span.kind in ("CLIENT", "SERVER"):
                span.duration_us = 0

    def _send(self, service: Endpoint, parent_id: str, depth: int) -> None:
        """Add a message, and none, one or two receivers."""
        broker = self.random.choice(_BROKERS)
        producer = self._add(service, parent_id, "PRODUCER", broker)
        if self._chance(0.5):
            producer.duration_us = 0
        for _ in range(self.random.randrange(3)):
            receiver = self.random.choice(_SERVICES)
            consumer = self._add(receiver, producer.span_id, "CONSUMER", broker)
            if self._chance(0.5):
                consumer.duration_us = 0
            self._work(receiver, consumer.span_id, depth)

    def _add(self, local: Endpoint, parent_id: str | None, kind: str | None, remote: Endpoint | None) -> FinishedSpan:
        self.now_us += self.random.randrange(1, 2000)
        span = FinishedSpan(self.trace_id, self._id(), parent_id, kind, self.random.choice(["", "get", "post /größe"]))
        span.timestamp_us, span.duration_us = self.now_us, self.random.choice([1, 50, 207_000])
        span.local, span.remote, span.debug = local, remote, self.debug
        for key in self.random.sample(_KEYS, self.random.choice([0, 0, 1, 3])):
            span.tags[key] = self.random.choice(_TEXTS)
        if self._chance(0.2):
            span.tags["error"] = self.random.choice(_TEXTS)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            at = self.now_us + self.random.randrange(-5, 300_000)
            span.annotations.append((at, self.random.choice(_TEXTS[1:])))
        self.spans.append(span)
        return span
