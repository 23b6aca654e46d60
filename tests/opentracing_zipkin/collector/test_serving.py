"""Malformed requests and slow clients: each is answered, or its connection is closed."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any

import pytest
from waitress.server import TcpWSGIServer

from opentracing_zipkin.collector import Collector, serving
from opentracing_zipkin.collector.body import MAX_BODY_BYTES

from .raw import POST, connected, said

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


WRONG = {
    "no request": ([b"hello\r\n\r\n"], 400, b"Start line is invalid"),
    "no header": ([GET + b"what\r\n\r\n"], 400, b"Invalid header"),
    "an address that is none": ([b"GET http://[ HTTP/1.1\r\n\r\n"], 400, b"malformed request"),
    "a length of many digits": ([POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"], 400, b"malformed request"),
    "two lengths": ([POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n[]"], 400, b"Content-Length is invalid"),
    "an encoding that is unknown": ([POST + b"Transfer-Encoding: deflate\r\n\r\n"], 501, b"Not Implemented"),
    "long headers": ([GET + b"X: y\r\n" * 20_000 + b"\r\n"], 431, b"exceeds max_header"),
    "a chunk of no length": ([CHUNKED + b"zz\r\n"], 400, b"Invalid chunk size"),
    "a chunk that is longer": ([CHUNKED + b"1\r\n[]\r\n0\r\n\r\n"], 400, b"Chunk not properly terminated"),
    "chunks of 2 bytes": ([CHUNKED, *[b"2\r\n  \r\n" * 1000] * 212], 413, b"bytes of chunk headers and trailers"),
    "endless trailers": ([CHUNKED, b"0\r\n", *[b"X: yyyyyyyyyyyyyyyyyyy\r\n" * 1000] * 46], 413, b"bytes of chunk headers and trailers"),
    "a length of a chunk without end": ([CHUNKED, *[b"0" * 50_000] * 21], 413, b"bytes of chunk headers and trailers"),
    "a body over the limit": ([POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), b" " * (MAX_BODY_BYTES + 1)], 413, b"more than 10485760 bytes"),
    "chunks over the limit": ([CHUNKED, *[b"100000\r\n" + b" " * 0x100000 + b"\r\n"] * 11, b"0\r\n\r\n"], 413, b"more than 10485760 bytes"),
    "a body of a gigabyte": ([POST + b"Content-Length: 1000000000\r\n\r\n"], 413, b"exceeds max_body"),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "status", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_answered_with_the_reason(
    collector: Collector, parts: list[bytes], status: int, reason: bytes
) -> None:
    """A wrong request is answered on one line, and the connection is closed."""
    head, _, body = said(collector.url, parts).partition(b"\r\n\r\n")

    assert head.startswith((b"HTTP/1.1 %d " % status, b"HTTP/1.0 %d " % status))
    assert b"Connection: close" in head
    assert reason in body
    assert b"\n" not in body
    assert [] == collector.store.traces()


def test_chunks_that_are_not_small_are_taken(collector: Collector) -> None:
    """Chunks of 64 bytes for a whole body are accepted: the bytes around them are within the limit."""
    parts = [b"40\r\n" + b" " * 64 + b"\r\n"] * 1000 * 50
    answer = said(
        collector.url, [POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\n[]  \r\n", *parts, b"0\r\n\r\n"]
    )

    assert answer.startswith(b"HTTP/1.1 202 ")


def test_requests_may_be_sent_ahead(collector: Collector) -> None:
    """Requests that are sent ahead are answered in their order."""
    answer = said(collector.url, [GET + b"\r\n" + POST + b"Content-Length: 2\r\n\r\n[]" + GET + b"Connection: close\r\n\r\n"])

    assert [b"200", b"202", b"200"] == [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_a_client_that_waits_is_told_to_continue(collector: Collector) -> None:
    """A client that asks to continue, as for long bodies, gets 100 Continue."""
    answer = said(collector.url, [POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", b"[]"])

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that waits for a client only a moment."""
    monkeypatch.setattr(serving, "MAX_REQUEST_S", 0.2)
    with Collector() as running:
        yield running


@pytest.mark.parametrize(
    "request_bytes",
    [b"", b"GET", POST + b"Content-Length: 100000\r\n\r\n", CHUNKED],
    ids=["nothing", "a line", "a body", "chunks"],
)
def test_a_request_that_takes_too_long_is_ended(impatient: Collector, request_bytes: bytes) -> None:
    """The time for a request is limited, however few bytes a client sends at a time."""
    begin = time.monotonic()
    with connected(impatient.url) as client:
        client.settimeout(0.05)
        client.sendall(request_bytes)
        while time.monotonic() < begin + 20:
            try:
                client.sendall(b"0")
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break

    assert time.monotonic() < begin + 20


def test_where_no_file_can_be_opened_connections_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without free descriptors tries again after a pause, and then answers."""
    accept, failures = TcpWSGIServer.accept, []

    def fail(server: TcpWSGIServer) -> object:
        if len(failures) < 2:
            failures.append(time.monotonic())
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(server)

    monkeypatch.setattr(TcpWSGIServer, "accept", fail)
    monkeypatch.setattr(serving, "_ACCEPT_DELAY_S", 0.1)
    with Collector() as running:
        answer = said(running.url, [GET + b"Connection: close\r\n\r\n"])

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert all(later - earlier > 0.09 for earlier, later in pairwise(failures))


def test_stop_ends_while_clients_are_connected() -> None:
    """`stop` ends in time, whatever connected clients are doing."""
    collector = Collector().start()
    with ExitStack() as held:
        clients = [held.enter_context(connected(collector.url)) for _ in range(20)]
        for client in clients[:10]:
            client.sendall(CHUNKED)
        begin = time.monotonic()
        collector.stop()
        took = time.monotonic() - begin

        assert [b""] * 20 == [_rest(client) for client in clients]
    assert 5 > took


def test_stop_does_not_fail_if_a_request_ends_at_the_same_moment() -> None:
    """`stop` raises nothing if the thread of a request wakes the server, which closes everything, before `stop` does."""
    collector = Collector().start()
    server: Any = collector._server
    pull_trigger = server.trigger.pull_trigger

    def pull_too_late(thunk: Any) -> None:
        pull_trigger(thunk)
        server._loop.join(10)
        pull_trigger()  # raises, because the server has closed its pipe

    server.trigger.pull_trigger = pull_too_late
    collector.stop()

    assert not server._loop.is_alive()


def _rest(client: socket.socket) -> bytes:
    with suppress(ConnectionResetError):
        return client.recv(1)
    return b""
