"""Measures the load that each link of the chain carries: a process, a partition, a collector.

Rules: the servers are real.  A span counts when it is accepted, or when it is stored if a store is named.  All processes of the
chain share two cores, so besides the wall clock the CPU time of the link itself is measured; only that can be compared.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from confluent_kafka import Producer

from opentracing_zipkin.codec import encoder_named
from tests.integration.kafka_server import KafkaServer
from tests.integration.mariadb_server import MariadbServer
from tests.integration.server_process import end_with_parent
from tests.integration.zipkin_server import ZipkinServer

from .figures import Carried
from .spans import message

__all__ = ["collectors", "message_bytes", "partition", "processes"]

MESSAGE_SPANS = 500
ENCODINGS = ("json", "proto3")
DONE_TIMEOUT_S = 300.0
COLLECTOR = """
import sys
from opentracing_zipkin.collector import Collector
with Collector() as collector:
    print(collector.url, flush=True)
    sys.stdin.read()
"""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def message_bytes() -> dict[str, float]:
    """Bytes a span on the wire, by encoding, plain and compressed."""
    sizes = {}
    for encoding in ENCODINGS:
        body = message(encoding, MESSAGE_SPANS)
        sizes[encoding] = len(body) / MESSAGE_SPANS
        sizes[f"{encoding}, gzip"] = len(gzip.compress(body, 6)) / MESSAGE_SPANS
    return sizes


# One process


def processes(spans: int) -> Iterator[Carried]:
    """One producer of ours, until its spans are accepted."""
    with _embedded_collector() as url, KafkaServer() as broker:
        for name, endpoint in {"HTTP to the embedded collector": url, "Kafka": f"kafka://{broker.address}/zipkin"}.items():
            for encoding in ENCODINGS:
                [said] = _produce([(endpoint, encoding, spans)])
                yield Carried(f"one process, {name}, {encoding}", said["accepted"], said["seconds"], said["cpu_s"])


@contextmanager
def _embedded_collector() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COLLECTOR],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent(),
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate(timeout=30)  # the end of its input ends it


def _produce(producers: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    running = [
        subprocess.Popen([sys.executable, "-m", "bench.scale.producing", *map(str, each)], stdout=subprocess.PIPE, text=True)
        for each in producers
    ]
    said = [json.loads(process.communicate(timeout=DONE_TIMEOUT_S)[0]) for process in running]
    assert not any(each["dropped"] for each in said), said
    return said


# One partition


def partition(spans: int, producers: int) -> Iterator[Carried]:
    """One partition, filled by several producers of ours, and by one that only sends ready messages."""
    with KafkaServer() as broker:
        said = _produce([(f"kafka://{broker.address}/ours", "json", spans // producers)] * producers)
        accepted, seconds = sum(each["accepted"] for each in said), max(each["seconds"] for each in said)
        yield Carried(f"one partition, {producers} producers", accepted, seconds, sum(each["cpu_s"] for each in said))
        for encoding in ENCODINGS:
            body = message(encoding, MESSAGE_SPANS)
            times = max(1, 10 * spans // MESSAGE_SPANS)
            cpu, begin = cpu_s(broker.process_id()), time.perf_counter()
            _send(broker.address, encoding, [body] * times)
            seconds = time.perf_counter() - begin
            used = cpu_s(broker.process_id()) - cpu
            yield Carried(f"one partition, ready messages, {encoding}", times * MESSAGE_SPANS, seconds, used, len(body) * times)


def _send(address: str, topic: str, bodies: Sequence[bytes]) -> None:
    """Send all messages; return when all are accepted."""
    producer = Producer({"bootstrap.servers": address, "acks": "all", "linger.ms": 5, "queue.buffering.max.kbytes": 65536})
    errors: list[object] = []
    for body in bodies:
        while True:
            try:
                producer.produce(topic, body, on_delivery=lambda error, _: errors.append(error) if error else None)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    left = producer.flush(DONE_TIMEOUT_S)
    assert not left
    assert not errors, errors[0]


# One collector


def collectors(spans: int, stored: int, stored_bytes: list[float]) -> Iterator[Carried]:
    """One Zipkin server, by HTTP and by Kafka: `spans` into memory, `stored` into MariaDB; adds the bytes of a span there."""
    with ExitStack() as running:
        broker = running.enter_context(KafkaServer())
        with ZipkinServer(settings={**broker.zipkin_settings, "MEM_MAX_SPANS": "100000"}) as server:
            yield from _collector(server, broker, "memory", spans, lambda: _collected(server))
        store = running.enter_context(MariadbServer())
        settings = {**broker.zipkin_settings, **store.zipkin_settings, "KAFKA_TOPIC": "stored"}
        with ZipkinServer(settings=settings) as server:
            yield from _collector(server, broker, "MariaDB", stored, lambda: _stored(store), store)
            stored_bytes.append(_bytes(store) / _stored(store))


def _collector(
    server: ZipkinServer,
    broker: KafkaServer,
    where: str,
    spans: int,
    done: Callable[[], int],
    store: MariadbServer | None = None,
) -> Iterator[Carried]:
    topic = "stored" if store else "zipkin"
    ways: dict[str, Callable[[Sequence[bytes]], None]] = {
        "HTTP": lambda bodies: _post(server.url, bodies),
        "Kafka": lambda bodies: _send(broker.address, topic, bodies),
    }
    for way, send in ways.items():
        goal = done() + MESSAGE_SPANS
        send([message("json", MESSAGE_SPANS)])  # makes the connection and the topic, and warms Java up
        _await(done, goal)
        bodies = [message("json", MESSAGE_SPANS) for _ in range(spans // MESSAGE_SPANS)]
        goal, cpu, begin = done() + spans, _cpu_of(server, store), time.perf_counter()
        send(bodies)
        _await(done, goal)
        seconds = time.perf_counter() - begin
        yield Carried(f"one collector, {way} into {where}", spans, seconds, _cpu_of(server, store) - cpu)


def _post(url: str, bodies: Sequence[bytes]) -> None:
    encoder = encoder_named("json")
    with requests.Session() as session, ThreadPoolExecutor(2) as threads:
        session.trust_env = False
        headers = {"Content-Type": encoder.media_type}
        for answer in threads.map(lambda body: session.post(url + encoder.path, body, headers=headers, timeout=60), bodies):
            answer.raise_for_status()


def _await(done: Callable[[], int], goal: int) -> None:
    deadline = time.monotonic() + DONE_TIMEOUT_S
    while done() < goal:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{done():,} of {goal:,} spans arrived within {DONE_TIMEOUT_S:.0f} s")
        time.sleep(0.1)


def _collected(server: ZipkinServer) -> int:
    """The spans that the server has taken since its start; its counters rise when the spans are in memory."""
    counters = requests.get(f"{server.url}/metrics", timeout=30).json()
    return int(sum(value for name, value in counters.items() if name.startswith("counter.zipkin_collector.spans.")))


def _stored(store: MariadbServer) -> int:
    return int(store.query("SELECT COUNT(*) FROM zipkin_spans")[0][0])


def _bytes(store: MariadbServer) -> int:
    store.query("ANALYZE TABLE zipkin_spans, zipkin_annotations")
    size = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = 'zipkin'"
    return int(store.query(size)[0][0])


def cpu_s(process_id: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _cpu_of(server: ZipkinServer, store: MariadbServer | None) -> float:
    return cpu_s(server.process_id()) + (cpu_s(store.process_id()) if store else 0.0)
