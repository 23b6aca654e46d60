"""Reads the broker and the store, span by span."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import requests
from confluent_kafka import Consumer, TopicPartition

from opentracing_zipkin.codec.detected import iterate

from ..integration.mariadb_server import MariadbServer
from .balance import Accepted, Made, SpanId

__all__ = ["await_still", "collected", "read_topic", "span_ids", "stored_by_api", "stored_by_sql", "stored_count"]

READ_TIMEOUT_S = 120.0
# An id has 32 characters, and all of them stand in one URL.
TRACES_A_QUERY = 100


def span_ids(body: bytes) -> Iterator[SpanId]:
    """The spans of a message in any encoding."""
    return ((span.trace_id[-16:], span.span_id) for span in iterate(body))


def read_topic(address: str, topic: str) -> Accepted:
    """Every message of each partition, from the beginning."""
    settings = {"bootstrap.servers": address, "group.id": "audit", "enable.auto.commit": False, "check.crcs": True}
    consumer = Consumer(settings)
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1] for number in partitions}
        consumer.assign([TopicPartition(topic, number, 0) for number, end in ends.items() if end])
        return _read_to(consumer, {number: end for number, end in ends.items() if end})
    finally:
        consumer.close()


def _read_to(consumer: Consumer, ends: dict[int, int]) -> Accepted:
    accepted, deadline = Accepted(), time.monotonic() + READ_TIMEOUT_S
    while ends:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the topic could not be read to its end within {READ_TIMEOUT_S:.0f} s; partitions left: {ends}")
        for message in consumer.consume(1000, timeout=1):
            if message.error():
                raise RuntimeError(f"the topic could not be read: {message.error()}")
            body = message.value()
            accepted.add(body, span_ids(body))
            if message.offset() + 1 >= ends.get(message.partition(), 0):
                ends.pop(message.partition(), None)
    return accepted


def stored_count(store: MariadbServer) -> int:
    return int(store.query("SELECT COUNT(*) FROM zipkin_spans")[0][0])


def stored_by_sql(store: MariadbServer) -> set[SpanId]:
    rows = store.query("SELECT LPAD(HEX(trace_id), 16, '0'), LPAD(HEX(id), 16, '0') FROM zipkin_spans")
    return {(trace.lower(), span.lower()) for trace, span in rows}


def stored_by_api(url: str, traces: Iterable[Made]) -> set[SpanId]:
    """The spans of these traces that the Zipkin server finds."""
    found, rest = set(), (trace.trace_id for trace in traces)
    with requests.Session() as session:
        session.trust_env = False
        while some := list(islice(rest, TRACES_A_QUERY)):
            answer = session.get(f"{url}/api/v2/traceMany", params={"traceIds": ",".join(some)}, timeout=60)
            answer.raise_for_status()
            found |= {(span["traceId"][-16:], span["id"]) for trace in answer.json() for span in trace}
    return found


def collected(urls: Sequence[str], transport: str) -> dict[str, int]:
    """Counters of these servers since their start, such as `spans_dropped`, summed."""
    total: dict[str, int] = {}
    for url in urls:
        text = requests.get(f"{url}/metrics", timeout=10).text
        for name, count in re.findall(rf'"counter\.zipkin_collector\.(\w+)\.{transport}"\s*:\s*(\d+)', text):
            total[name] = total.get(name, 0) + int(count)
    return total


def await_still(count: Callable[[], int], goal: int, still_s: float) -> int:
    """Wait until the count is the goal, or has not changed for `still_s`; returns the last count."""
    last, since = count(), time.monotonic()
    while last < goal and time.monotonic() - since < still_s:
        time.sleep(0.5)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return last
