"""A tracer before a real broker, as the tests of every broker use it: its spans, its account, its log lines.

Rules: a test waits for its condition, for a minute at most.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Generic, TypeVar

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders.endpoint import kind_of
from opentracing_zipkin.stats import TracerStats

from ..contract.sender_contract import json_message, spans_of
from .server_process import ServerProcess
from .spans_api import SpansApi
from .toxiproxy import Toxiproxy

__all__ = [
    "SPANS",
    "Proxied",
    "await_warning",
    "balances",
    "check_trace_arrives",
    "finish",
    "numbered",
    "settled",
    "tracing",
    "warnings",
]

SETTLE_TIMEOUT_S = 60.0
SPANS = 20

Broker = TypeVar("Broker", bound=ServerProcess)

_accounts: dict[str, list[TracerStats]] = {}  # for each broker, the accounts of its tracers at their ends


@contextmanager
def tracing(endpoint: str, **settings: Any) -> Iterator[ZipkinTracer]:
    """A tracer that sends soon; closed at the end."""
    tracer = ZipkinTracer("shop", endpoint=endpoint, **{"flush_interval": 0.05, "send_timeout": 3.0, **settings})
    try:
        yield tracer
    finally:
        tracer.close(0).result(10)
        _accounts.setdefault(kind_of(endpoint), []).append(tracer.stats)


def balances() -> Iterator[str]:
    """A line for each broker: the accounts of all its tracers, added up."""
    for broker, accounts in sorted(_accounts.items()):
        finished, sent = sum(one.finished for one in accounts), sum(one.sent for one in accounts)
        dropped = Counter[str]()
        for one in accounts:
            dropped.update(one.dropped)
        causes = ", ".join(f"{number} {cause}" for cause, number in dropped.items() if number)
        verdict = "balances" if finished == sent + dropped.total() else "DOES NOT BALANCE"
        yield (
            f"{broker}: {len(accounts)} tracers, {finished} spans finished = {sent} accepted + {dropped.total()} dropped "
            f"({causes or 'none'}): {verdict}"
        )


def finish(tracer: ZipkinTracer, *names: str) -> list[str]:
    """Start and finish a span of each name; the names."""
    for name in names:
        tracer.start_span(name).finish()
    return list(names)


def numbered(word: str) -> list[str]:
    """Names for the usual number of spans."""
    return [f"{word} {number}" for number in range(SPANS)]


def settled(tracer: ZipkinTracer, sent: int, **dropped: int) -> bool:
    """Wait until these numbers of spans are sent and dropped; returns True if the account balances then."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        tracer.flush(0.2)
        stats = tracer.stats
        found = {cause: number for cause, number in stats.dropped.items() if number}
        if (stats.sent, found) == (sent, dropped):
            return stats.finished == sent + sum(dropped.values()) and stats.queued == stats.in_flight == 0
        assert time.monotonic() < deadline, stats
        time.sleep(0.02)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The texts that were logged as warnings or errors."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def await_warning(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until a warning has these words."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while not any(words in line for line in warnings(caplog)):
        assert time.monotonic() < deadline, caplog.messages
        time.sleep(0.02)


def check_trace_arrives(endpoint: str, encoding: str, zipkin_url: str) -> None:
    """Send a trace to a broker's endpoint; raises AssertionError unless this Zipkin server, which reads there, has all of it."""
    with tracing(endpoint, encoding=encoding) as tracer:
        with tracer.start_active_span("buy", tags={"article": "tea", "span.kind": "server"}) as root:
            tracer.start_span("ask", tags={"span.kind": "client", "peer.service": "stock"}).finish()
        assert True is tracer.flush(20)
    with closing(SpansApi(zipkin_url)) as api:
        found = {span.name: span for span in api.trace(root.span.context.trace_id, spans=2)}

    assert {"buy", "ask"} == set(found)
    assert ("SERVER", "tea") == (found["buy"].kind, found["buy"].tags["article"])
    assert found["ask"].remote is not None
    assert ("CLIENT", "stock") == (found["ask"].kind, found["ask"].remote.service_name)


class Proxied(Generic[Broker]):
    """A receiver of the senders' contract: behind a proxy, which goes away and comes back more quickly than a broker does.

    A broker's own class has `settings`, `refusals` and `received`.
    """

    message = staticmethod(json_message)

    def __init__(self, broker: Broker, proxy: Toxiproxy) -> None:
        self._broker = broker
        self._proxy = proxy

    def received(self) -> list[bytes]:
        """Every message that has arrived."""
        raise NotImplementedError

    def spans(self) -> list[Mapping[str, Any]]:
        return spans_of(self.received())

    def stop(self) -> None:
        self._proxy.down()

    def start(self) -> None:
        self._proxy.heal()

    @contextmanager
    def hung(self) -> Iterator[None]:
        self._broker.pause()
        try:
            yield
        finally:
            self._broker.resume()
