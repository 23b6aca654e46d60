"""The network to the real server fails in several ways; all spans that were finished meanwhile arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from opentracing_zipkin import ZipkinTracer

from .spans_api import SpansApi
from .toxiproxy import Toxiproxy
from .zipkin_server import ZipkinServer

SPANS = 20  # before, during and after a fault
FAULT_S = 1.5


@pytest.fixture(scope="module")
def proxy(zipkin: ZipkinServer) -> Iterator[Toxiproxy]:
    with Toxiproxy(zipkin.url.removeprefix("http://")) as proxy:
        yield proxy


FAULTS: dict[str, Callable[[Toxiproxy], None]] = {
    "connections are refused": lambda proxy: proxy.down(),
    "answers are late": lambda proxy: proxy.spoil("latency", "downstream", latency=800),
    "no answer comes": lambda proxy: proxy.spoil("timeout", "downstream", timeout=0),
    "messages do not get through": lambda proxy: proxy.spoil("timeout", "upstream", timeout=0),
    "connections are reset in the middle": lambda proxy: proxy.spoil("reset_peer", "downstream", timeout=10),
    "half of an answer comes": lambda proxy: proxy.spoil("limit_data", "downstream", bytes=10),
    "half of a message gets through": lambda proxy: proxy.spoil("limit_data", "upstream", bytes=700),
    "answers trickle": lambda proxy: proxy.spoil("slicer", "downstream", average_size=1, size_variation=0, delay=300_000),
    "messages trickle": lambda proxy: proxy.spoil("bandwidth", "upstream", rate=1),
}
HARMLESS = "answers are late"


def finish_spans(tracer: ZipkinTracer, root: object, count: int, rate: float = 1000.0) -> None:
    for _ in range(count):
        tracer.start_span("work", child_of=root, tags={"http.path": "/orders"}).finish()
        time.sleep(1 / rate)


@pytest.mark.parametrize("fault", FAULTS)
def test_spans_of_before_during_and_after_a_fault_arrive(proxy: Toxiproxy, api: SpansApi, fault: str) -> None:
    """Each span arrives at least once, and the account agrees."""
    tracer = ZipkinTracer("outage", endpoint=proxy.url, flush_interval=0.1, send_timeout=1.0)
    root = tracer.start_span("root")
    finish_spans(tracer, root, SPANS)
    assert True is tracer.flush(10)
    FAULTS[fault](proxy)
    start = time.monotonic()
    finish_spans(tracer, root, SPANS)
    time.sleep(max(0.0, start + FAULT_S - time.monotonic()))
    if fault != HARMLESS:
        assert SPANS == tracer.stats.sent
        assert "failing" in repr(tracer)
    proxy.heal()
    finish_spans(tracer, root, SPANS)
    root.finish()

    assert True is tracer.flush(20)
    assert 3 * SPANS + 1 == tracer.stats.finished == tracer.stats.sent
    spans = api.trace(str(root.context.trace_id), 3 * SPANS + 1)
    assert 3 * SPANS + 1 == len({span.span_id for span in spans})
    tracer.close()


def test_all_spans_of_a_long_outage_arrive(proxy: Toxiproxy, api: SpansApi) -> None:
    """In half a minute at 200 spans a second nothing is dropped."""
    tracer = ZipkinTracer("outage", endpoint=proxy.url)
    roots = [tracer.start_span("root") for _ in range(30)]
    proxy.down()
    for root in roots:
        finish_spans(tracer, root, 200, rate=220)
        root.finish()
    assert 0 == tracer.stats.sent
    proxy.heal()

    assert True is tracer.flush(60)
    assert 30 * 201 == tracer.stats.finished == tracer.stats.sent
    assert [201] * 30 == [len(api.trace(str(root.context.trace_id), 201)) for root in roots]
    tracer.close()
