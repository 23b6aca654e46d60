"""Traces of a small shop in Zipkin's JSON, for the page's pictures and tests.

Rules: everything follows from the seed and the time, so a test knows the content.  Services call each other with shared ids, as
B3 does; databases, caches and the broker are known by their clients only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["CLOCK_BEHIND_US", "Shop", "long_trace"]

Span: TypeAlias = dict[str, Any]

CLOCK_BEHIND_US = 12_000  # of the host of `recommendations`

_PORTS = {"gateway": 8000, "catalogue": 8001, "orders": 8002, "payment": 8003, "recommendations": 8004, "mailer": 8005}
_BOOKS = ("Dune", "Emma", "Ulysses", "Kim", "Ivanhoe", "Walden", "Utopia", "Candide")


def endpoint(service: str) -> dict[str, Any]:
    """The endpoint of a service; each service has its own host."""
    port = _PORTS.get(service)
    return {"serviceName": service, "ipv4": f"10.0.0.{port - 7990}", "port": port} if port else {"serviceName": service}


class Shop:
    """Requests of customers; the latest of them ends at about `now_us`."""

    def __init__(self, now_us: int, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._now_us = now_us

    def traces(self, count: int, every_us: int = 11_000_000) -> list[list[Span]]:
        """The traces, the oldest first: mostly visits, some orders, and now and then a failed, a slow or a special one."""
        kinds = [
            self.browse,
            self.browse,
            self.checkout,
            self.browse,
            self.recommended,
            self.declined,
            self.browse,
            self.slow_checkout,
        ]
        return [kinds[at % len(kinds)](self._now_us - (count - at) * every_us) for at in range(count)]

    def _trace(self) -> _Trace:
        return _Trace(f"{self._random.getrandbits(127) | 1 << 126:032x}", self._random)

    def _ms(self, low: float, high: float) -> int:
        return int(self._random.uniform(low, high) * 1000)

    def browse(self, at_us: int) -> list[Span]:
        """A page of the catalogue: one call of the cache and one query for each book."""
        trace, book = self._trace(), self._random.choice(_BOOKS)
        queries = self._random.choice([1, 2, 3, 14])
        took = self._ms(6, 14) + queries * self._ms(1.0, 2.5)
        root = trace.span("gateway", "get /books", at_us, took + 4000, kind="SERVER", tags=_http("GET", "/books", 200))
        asked = trace.call(
            root, "catalogue", "get /books/{title}", at_us + 1500, took, tags=_http("GET", f"/books/{book}", 200)
        )
        trace.remote(asked, "redis", "get", at_us + 2600, self._ms(0.2, 0.9), {"db.statement": f"GET book:{book}"})
        for number in range(queries):
            begin = at_us + 4000 + number * (took - 4000) // queries
            trace.remote(
                asked,
                "postgres-books",
                "select",
                begin,
                self._ms(0.6, 1.4),
                {"sql.query": f"SELECT * FROM copies WHERE id = {number + 40}"},
            )
        return trace.spans

    def checkout(self, at_us: int, ask_ms: float = 55.0, error: str = "") -> list[Span]:
        """An order: it is written and paid, and a mail is sent later."""
        trace = self._trace()
        customer, asked = self._random.choice(("Ada", "Bob", "Cid", "Dee")), int(ask_ms * 1000) + self._ms(0, 12)
        end, status = asked + 46_000, 402 if error else 201
        root = trace.span("gateway", "post /checkout", at_us, end, kind="SERVER", tags=_http("POST", "/checkout", status))
        order = trace.call(
            root,
            "orders",
            "post /orders",
            at_us + 3000,
            end - 6000,
            tags={**_http("POST", "/orders", status), "customer": customer},
        )
        trace.span("orders", "reserve the item", at_us + 6000, 9000, parent=order, tags={"item": self._random.choice(_BOOKS)})
        trace.remote(
            order, "postgres-orders", "insert", at_us + 8000, 4200, {"sql.query": "INSERT INTO reservations VALUES ($1, $2)"}
        )
        paid = trace.call(order, "payment", "post /charge", at_us + 17_000, asked + 9000, tags=_http("POST", "/charge", status))
        bank = trace.span("payment", "ask the bank", at_us + 20_000, asked, parent=paid, tags={"attempts": "1"})
        bank["annotations"] = [
            {"timestamp": at_us + 21_000, "value": "wire.connected"},
            {"timestamp": at_us + 20_000 + asked * 9 // 10, "value": "the bank answered"},
        ]
        if error:
            for span in (bank, *(each for each in trace.spans if each["name"] in ("post /charge", "post /orders"))):
                span["tags"]["error"] = error if span is bank or span.get("shared") else "402"
            return trace.spans
        sent = trace.span(
            "orders",
            "publish order-placed",
            at_us + end - 9000,
            1200,
            parent=order,
            kind="PRODUCER",
            tags={"kafka.topic": "order-placed"},
        )
        sent["remoteEndpoint"] = {"serviceName": "kafka"}
        taken = trace.span(
            "mailer",
            "on order-placed",
            at_us + end + 14_000,
            31_000,
            parent=sent,
            kind="CONSUMER",
            tags={"kafka.topic": "order-placed"},
        )
        taken["remoteEndpoint"] = {"serviceName": "kafka"}
        trace.span("mailer", "render the mail", at_us + end + 16_000, 12_500, parent=taken)
        return trace.spans

    def declined(self, at_us: int) -> list[Span]:
        """An order that the bank refuses."""
        return self.checkout(at_us, error="CardDeclined: insufficient funds")

    def slow_checkout(self, at_us: int) -> list[Span]:
        """An order for which the bank needs long."""
        return self.checkout(at_us, ask_ms=self._random.choice((900, 1600, 2900)))

    def recommended(self, at_us: int) -> list[Span]:
        """A visit that asks a service whose clock is behind."""
        trace = self._trace()
        root = trace.span("gateway", "get /home", at_us, 41_000, kind="SERVER", tags=_http("GET", "/home", 200))
        asked = trace.call(root, "recommendations", "get /for/{customer}", at_us + 3000, 34_000, skew_us=-CLOCK_BEHIND_US)
        trace.remote(asked, "redis", "mget", at_us + 6000 - CLOCK_BEHIND_US, 1800, {"db.statement": "MGET …"})
        trace.span("recommendations", "rank", at_us + 9000 - CLOCK_BEHIND_US, 21_000, parent=asked, tags={"candidates": "212"})
        return trace.spans


class _Trace:
    """The spans of one trace."""

    def __init__(self, trace_id: str, numbers: random.Random) -> None:
        self.spans: list[Span] = []
        self._id = trace_id
        self._random = numbers

    def span(
        self,
        service: str,
        name: str,
        at_us: int,
        duration_us: int,
        parent: Span | None = None,
        kind: str = "",
        tags: dict[str, str] | None = None,
    ) -> Span:
        span: Span = {"traceId": self._id, "id": f"{self._random.getrandbits(63) | 1 << 62:016x}", "name": name}
        span |= {"timestamp": at_us, "duration": duration_us, "localEndpoint": endpoint(service), "tags": dict(tags or {})}
        if parent is not None:
            span["parentId"] = parent["id"]
        if kind:
            span["kind"] = kind
        self.spans.append(span)
        return span

    def call(
        self,
        caller: Span,
        service: str,
        name: str,
        at_us: int,
        duration_us: int,
        skew_us: int = 0,
        tags: dict[str, str] | None = None,
    ) -> Span:
        """Add both halves of a call under one id, and return the server's half."""
        client = self.span(
            caller["localEndpoint"]["serviceName"], name, at_us, duration_us, parent=caller, kind="CLIENT", tags=tags
        )
        client["remoteEndpoint"] = {"serviceName": service}
        server: Span = {
            **client,
            "timestamp": at_us + 900 + skew_us,
            "duration": max(1, duration_us - 2000),
            "kind": "SERVER",
            "shared": True,
        }
        server |= {
            "localEndpoint": endpoint(service),
            "remoteEndpoint": {"ipv4": client["localEndpoint"]["ipv4"]},
            "tags": dict(tags or {}),
        }
        self.spans.append(server)
        return server

    def remote(self, caller: Span, system: str, name: str, at_us: int, duration_us: int, tags: dict[str, str]) -> Span:
        """A call to a system that sends no spans itself."""
        span = self.span(
            caller["localEndpoint"]["serviceName"], name, at_us, duration_us, parent=caller, kind="CLIENT", tags=tags
        )
        span["remoteEndpoint"] = {"serviceName": system}
        return span


def _http(method: str, path: str, status: int) -> dict[str, str]:
    return {"http.method": method, "http.path": path, "http.status_code": str(status)}


def long_trace(now_us: int, count: int) -> list[Span]:
    """A nightly import: batches that each have many similar rows, of which one fails."""
    trace = _Trace("beefbeefbeefbeef", random.Random(3))
    step = 500
    root = trace.span("importer", "nightly import", now_us - count * step, count * step)
    for number, size in enumerate(_batches(count - 1)):
        begin = now_us - count * step + len(trace.spans) * step
        batch = trace.span("importer", f"batch {number}", begin, size * step, parent=root)
        for row in range(size - 1):
            trace.span("importer", "insert row", begin + row * step, step - 50, parent=batch, kind="CLIENT")
    trace.spans[count * 2 // 3]["tags"]["error"] = "UniqueViolation: row is there already"
    return trace.spans


def _batches(count: int, size: int = 500) -> Iterator[int]:
    while count > 0:
        yield min(size, count)
        count -= size
