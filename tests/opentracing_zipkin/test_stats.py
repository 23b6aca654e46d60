"""The statistics in the text format of Prometheus."""

from __future__ import annotations

from opentracing_zipkin.stats import TracerStats

STATS = TracerStats(finished=10, sent=5, queued=1, in_flight=2, dropped={"full": 2, "closed": 0})


def test_the_account_can_be_read_by_prometheus() -> None:
    """Each sample follows its help text and its type, and labels are escaped."""

    assert """\
# HELP zipkin_spans_finished_total Spans that were finished.
# TYPE zipkin_spans_finished_total counter
zipkin_spans_finished_total{service="a\\"b\\\\\\n"} 10
# HELP zipkin_spans_sent_total Spans that the collector accepted.
# TYPE zipkin_spans_sent_total counter
zipkin_spans_sent_total{service="a\\"b\\\\\\n"} 5
# HELP zipkin_spans_dropped_total Spans that were lost, by cause.
# TYPE zipkin_spans_dropped_total counter
zipkin_spans_dropped_total{service="a\\"b\\\\\\n",cause="full"} 2
zipkin_spans_dropped_total{service="a\\"b\\\\\\n",cause="closed"} 0
# HELP zipkin_spans_queued Spans that wait to be encoded.
# TYPE zipkin_spans_queued gauge
zipkin_spans_queued{service="a\\"b\\\\\\n"} 1
# HELP zipkin_spans_in_flight Spans that are encoded and not accepted yet.
# TYPE zipkin_spans_in_flight gauge
zipkin_spans_in_flight{service="a\\"b\\\\\\n"} 2
""" == STATS.to_prometheus(service='a"b\\\n')


def test_labels_are_optional() -> None:
    """Without labels, a sample is a name and a number."""

    assert "zipkin_spans_sent_total 5\n" in STATS.to_prometheus()
    assert 'zipkin_spans_dropped_total{cause="full"} 2\n' in STATS.to_prometheus()
