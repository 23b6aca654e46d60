"""The counts of accepted and refused messages, under the names of a real server."""

from __future__ import annotations

import json

from .wsgi import ask, made


def test_messages_bytes_and_spans_are_counted() -> None:
    """Messages, their decompressed bytes and their spans are counted; a refused message counts as dropped."""
    application, _ = made()
    ask(application, "POST", "/api/v2/spans", b'[{"traceId":"1","id":"1"}]')
    ask(application, "POST", "/api/v2/spans", b"[{")
    metrics = json.loads(ask(application, path="/metrics").text)
    counters = {name.split(".")[2]: value for name, value in metrics.items() if name.startswith("counter.")}

    assert {"messages": 2, "messages_dropped": 1, "bytes": 28, "spans": 1, "spans_dropped": 0} == counters
    assert (1, 1) == (metrics["gauge.zipkin_collector.message_spans.http"], metrics["gauge.zipkin_storage.spans"])


def test_prometheus_reads_them() -> None:
    """Each metric has its type in Prometheus' text format."""
    application, _ = made()
    ask(application, "POST", "/api/v2/spans", b'[{"traceId":"1","id":"1"}]')
    answer = ask(application, path="/prometheus")

    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    assert '# TYPE zipkin_collector_spans_total counter\nzipkin_collector_spans_total{transport="http"} 1.0\n' in answer.text
    assert '# TYPE zipkin_collector_message_spans gauge\nzipkin_collector_message_spans{transport="http"} 1.0\n' in answer.text
