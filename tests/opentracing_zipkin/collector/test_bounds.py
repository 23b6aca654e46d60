"""The collector as a process with hostile clients: its needs are bounded, and other clients are answered."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from opentracing_zipkin.codec import proto3
from opentracing_zipkin.collector.serving import MAX_CONNECTIONS

from .raw import POST, Process, connected, process

GZIP = {"Content-Encoding": "gzip"}
# 64 MiB of spans are kept; the rest is for the interpreter and for decoding one message.  The peaks seen were 425 MiB for a
# text with four-byte characters, and 195 MiB for any other message.
KEPT = "64MiB"
PEAK_MIB = 700
CLIENTS = 8


@pytest.fixture(scope="module")
def collector() -> Iterator[Process]:
    with process("--max-bytes", KEPT) as running:
        yield running


def post(collector: Process, body: bytes, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(collector.url + "/api/v2/spans", data=body, headers=named, timeout=60)
    return answer.status_code, answer.text


def tag(megabytes: int) -> bytes:
    """A span with one long tag; gzip makes it a thousand times smaller."""
    return gzip.compress(json.dumps([{"traceId": "1", "id": "1", "tags": {"a": "x" * (megabytes * 1_000_000)}}]).encode(), 1)


MESSAGES = {
    "a tag of 60 MB": (tag(60), GZIP, 413),
    "a tag of 16 MB": (tag(16), GZIP, 202),
    "an address of 60 MB": (
        gzip.compress(b'[{"traceId":"1","id":"1","localEndpoint":{"ipv4":"' + b"1" * 60_000_000 + b'"}}]', 1),
        GZIP,
        413,
    ),
    "2.6 million spans": (
        gzip.compress(b"\x0a\x06\x0a\x01\x01\x1a\x01\x01" * 2_000_000),
        {**GZIP, "Content-Type": proto3.media_type},
        413,
    ),
    "objects": (gzip.compress(b"[" + b"{}," * 5_000_000 + b"{}]", 1), GZIP, 413),
    "a text that needs four bytes a character": (
        gzip.compress('[{"traceId":"1","id":"1","tags":{"a":"\U0001d4b3'.encode() + b"x" * 8_000_000 + b'"}}]', 1),
        GZIP,
        202,
    ),
}


@pytest.mark.parametrize(("body", "headers", "status"), MESSAGES.values(), ids=MESSAGES)
def test_messages_of_many_clients_need_the_memory_of_one(
    collector: Process, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Messages that need a hundred times their bytes are all answered; the peak stays below the kept spans plus one message."""
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(post(collector, body, **headers)[0])) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [status] * len(threads) == statuses
    assert PEAK_MIB > collector.peak_mib()


def slow(collector: Process, held: ExitStack) -> None:
    """A client that begins a request and does not end it."""
    held.enter_context(connected(collector.url)).sendall(POST + b"Content-Length: 100\r\n\r\n[")


@pytest.mark.parametrize(("files", "clients"), [(64, 120), (1024, 500)])
def test_more_clients_than_may_be_connected_keep_nobody_out(files: int, clients: int) -> None:
    """With few files or many clients, connections are bounded, another client is answered, and waiting takes no CPU time."""
    with process(files=files) as collector, ExitStack() as held:
        for _ in range(clients):
            slow(collector, held)
        answered = [requests.get(collector.url + "/health", timeout=20).status_code, post(collector, b"[]")[0]]
        idle = min(_cpu_of_a_second(collector) for _ in range(2))

        assert [200, 202] == answered
        assert min(files, MAX_CONNECTIONS + 32) > collector.descriptors()
        assert 8 > collector.threads()
        assert 0.1 > idle


def _cpu_of_a_second(collector: Process) -> float:
    before = collector.cpu_s()
    time.sleep(1)
    return collector.cpu_s() - before


def test_clients_that_do_not_read_hold_no_thread(collector: Process) -> None:
    """While ten clients do not read their long answers, another client is answered at once."""
    assert 202 == post(collector, tag(15), **GZIP)[0]
    with ExitStack() as held:
        for _ in range(10):
            held.enter_context(connected(collector.url)).sendall(b"GET /api/v2/trace/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answered = requests.get(collector.url + "/health", timeout=20).status_code

    assert 200 == answered
    assert PEAK_MIB > collector.peak_mib()
