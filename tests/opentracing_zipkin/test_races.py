"""Other threads, our own requests and an unknown host name do no harm to the reporter's thread."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import urllib3.connectionpool

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.testing import FakeSender


def test_tags_and_logs_that_are_set_while_a_span_is_encoded_cost_nothing() -> None:
    """Tags and logs that arrive late cause no error: every span arrives, with the tags and logs so far."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, flush_interval=0.001)
    latest: list[Any] = [tracer.start_trace("first")]
    ended = threading.Event()

    def be_late() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            latest[0].set_tag(f"late{number % 100}", number).log_kv({"event": "late"})

    thread = threading.Thread(target=be_late)
    thread.start()
    finished, spans = 0, []
    while not any("late1" in span["tags"] for span in spans):  # on a busy machine it takes a while until a tag is late
        for _ in range(3000):
            latest[0] = tracer.start_trace("x").set_tag("a", "b")
            latest[0].finish()
        finished += 3000
        assert True is tracer.flush(10)
        spans = [span for body in sender.bodies for span in json.loads(body)]
    ended.set()
    thread.join()

    assert finished == len(spans) == tracer.stats.sent
    assert all("b" == span["tags"]["a"] for span in spans)
    tracer.close()


def instrumented(tracer: ZipkinTracer, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as an instrumentation wraps it: in a span of kind client, below the active one."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_active_span("POST", tags={"span.kind": "client"}):
            return function(*args, **kwargs)

    return call


def test_our_own_requests_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """With urllib3 and http.client instrumented, an idle tracer sends nothing.

    Otherwise each flush would create a span for the next one.
    """
    with Collector() as collector:
        tracer = ZipkinTracer("service", endpoint=collector.url, flush_interval=0.02, max_connection_age=0)
        calls: list[str] = []
        for owner, name in (
            (http.client.HTTPConnection, "request"),
            (http.client.HTTPConnection, "putrequest"),
            (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
            (urllib3.connection.HTTPConnection, "request"),
            (socket, "getaddrinfo"),
        ):
            original = getattr(owner, name)

            def noted(*args: Any, original: Any = original, name: str = name, **kwargs: Any) -> Any:
                calls.append(name)
                return original(*args, **kwargs)

            monkeypatch.setattr(owner, name, instrumented(tracer, noted))
        for _ in range(5):
            tracer.start_trace("x").finish()
            assert tracer.flush(5)
            time.sleep(0.1)
        tracer.close().result(5)

        assert {"getaddrinfo"} == set(calls)  # the functions above it are not even called: senders/sealed.py
        assert 5 == tracer.stats.finished == sum(map(len, collector.store.traces()))


def test_a_collector_whose_name_nobody_knows_may_be_known_later() -> None:
    """A failure of DNS is temporary."""
    with pytest.raises(SendError, match=r"http://zipkin\.invalid/api/v2/spans: \w+") as caught:
        HttpSender("http://zipkin.invalid", "/api/v2/spans", "application/json", send_timeout=5.0).send(b"[]")

    assert True is caught.value.retryable
