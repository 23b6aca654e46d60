"""The collector over real HTTP: accepted and refused requests."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import re
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from opentracing_zipkin.codec import json_v1, json_v2, proto3, thrift_v1
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import Endpoint, FinishedSpan

V1, V2 = "/api/v1/spans", "/api/v2/spans"
SPAN = FinishedSpan("0" * 15 + "a", "0" * 15 + "b", None, "SERVER", "get", 1000, 50, Endpoint("shop"), tags={"k": "ü"})
JSON = json_v2.join([json_v2.encode(SPAN)])
JSON_V1 = json_v1.join([json_v1.encode(SPAN)])
THRIFT = thrift_v1.join([thrift_v1.encode(SPAN)])
PROTO3 = proto3.join([proto3.encode(SPAN)])


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def post(collector: Collector, path: str, body: object, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(collector.url + path, data=body, headers=named, timeout=10)  # type: ignore[arg-type]
    return answer.status_code, answer.text


def raw(collector: Collector, request: bytes) -> bytes:
    """The answer of the collector to these bytes, until it closes the connection."""
    host, port = collector.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (V2, JSON, {"Content_Type": "application/json"}),
        (V2, JSON, {}),
        (V2, gzip.compress(JSON), {"Content_Encoding": "gzip"}),
        (V2, gzip.compress(JSON[:9]) + gzip.compress(JSON[9:]), {"Content_Encoding": "gzip"}),
        (V2, iter([JSON[:5], JSON[5:]]), {}),
        (V2, PROTO3, {"Content_Type": "application/x-protobuf"}),
        (V2, gzip.compress(PROTO3), {"Content_Type": "application/x-protobuf", "Content_Encoding": "gzip"}),
        (V1, JSON_V1, {"Content_Type": "application/json"}),
        (V1, JSON_V1, {}),
        (V1, THRIFT, {"Content_Type": "application/x-thrift"}),
        (V1, gzip.compress(THRIFT), {"Content_Type": "application/x-thrift", "Content_Encoding": "gzip"}),
    ],
    ids=[
        "json",
        "any type",
        "gzip",
        "gzip in members",
        "chunked",
        "proto3",
        "proto3 in gzip",
        "json v1",
        "any type v1",
        "thrift",
        "thrift in gzip",
    ],
)
def test_spans_are_taken(collector: Collector, path: str, body: object, headers: dict[str, str]) -> None:
    """Spans in every format, compressed or chunked, are answered 202 without a body and can be queried at once."""
    assert (202, "") == post(collector, path, body, **headers)
    assert [SPAN] == collector.store.trace(SPAN.trace_id)
    assert json.loads(JSON) == requests.get(f"{collector.url}/api/v2/trace/a", timeout=10).json()


@pytest.mark.parametrize("body", [b"", b"[]"])
def test_an_empty_message_is_taken(collector: Collector, body: bytes) -> None:
    """An empty message is accepted, because reporters use it to test a connection."""
    assert (202, "") == post(collector, V2, body)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        (V2, b'[{"traceId":"A","id":"1"}]', {}, 400, '$[0].traceId is "A"'),
        (V2, b"[{\n", {}, 400, "malformed JSON"),
        (V2, JSON, {"Content_Encoding": "gzip"}, 400, "not in the GZIP format"),
        (V1, PROTO3, {"Content_Type": "application/x-protobuf"}, 415, "send application/json or application/x-thrift"),
        (V2, THRIFT, {"Content_Type": "application/x-thrift"}, 415, "send application/json or application/x-protobuf"),
        (V1, JSON, {"Content_Type": "application/json"}, 400, "got version 2"),
        (V2, JSON_V1, {"Content_Type": "application/json"}, 400, "got version 1"),
        (V1, THRIFT[:-1], {"Content_Type": "application/x-thrift"}, 400, "truncated"),
        (V2, PROTO3[:-1], {"Content_Type": "application/x-protobuf"}, 400, "truncated"),
        ("/api/v2/spans/", JSON, {}, 404, "POST to /api/v2/spans"),
        (V2, b"x" * (10 * 1024 * 1024 + 1), {}, 413, "more than 10485760 bytes"),
        (V2, gzip.compress(b" " * (64 * 1024 * 1024 + 1)), {"Content_Encoding": "gzip"}, 413, "when decompressed"),
    ],
    ids=[
        "value",
        "syntax",
        "no gzip",
        "proto v1",
        "thrift v2",
        "json v2 on v1",
        "json v1 on v2",
        "thrift cut",
        "proto cut",
        "path",
        "too large",
        "bomb",
    ],
)
def test_a_refusal_gives_the_reason(
    collector: Collector, path: str, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    """A refused message is answered with one line that tells the reason, and no part of it is kept."""
    answered, text = post(collector, path, body, **headers)

    assert status == answered
    assert reason in text
    assert "\n" not in text
    assert [] == collector.store.traces()


def test_chunks_over_the_limit_are_refused(collector: Collector) -> None:
    """The limit of 10 MiB also applies to bodies without an announced length."""
    status, _ = post(collector, V2, (b"x" * 1_000_000 for _ in range(11)))

    assert 413 == status


@pytest.mark.parametrize(
    "request_head",
    [
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n[]\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n",
    ],
)
def test_a_body_of_no_known_length_is_refused(collector: Collector, request_head: bytes) -> None:
    """A body with a senseless length is answered 400, and the connection is closed."""
    answer = raw(collector, b"POST /api/v2/spans HTTP/1.1\r\nHost: localhost\r\n" + request_head)

    assert b"HTTP/1.1 400 " == answer[:13]
    assert b"Connection: close" in answer


@pytest.mark.parametrize(("request_line", "status"), [(b"POST http://[", 400), (b"GET /health", 200), (b"PUT /", 404)])
def test_a_body_is_never_read_as_a_request(collector: Collector, request_line: bytes, status: int) -> None:
    """An unused body, or the body of a request with a senseless URL, is read and discarded."""
    hidden = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = b"%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (request_line, len(hidden))

    assert [b"HTTP/1.1 %d" % status] == re.findall(rb"HTTP/1.1 \d+", raw(collector, head + hidden))


def test_a_connection_is_kept(collector: Collector) -> None:
    """The requests of one client share a connection, even after a refused one."""
    client = http.client.HTTPConnection(collector.url.removeprefix("http://"), timeout=10)
    sockets = set()
    for method, path, body in (("POST", V2, b"[{"), ("POST", V2, JSON), ("GET", "/health", None), ("GET", "/nowhere", None)):
        client.request(method, path, body)
        client.getresponse().read()
        sockets.add(client.sock)
    client.close()

    assert 1 == len(sockets)
    assert None not in sockets


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_find_nothing(collector: Collector, method: str) -> None:
    """Any method but GET and POST is answered 404."""
    assert 404 == requests.request(method, collector.url + "/health", timeout=10).status_code


def test_a_client_that_leaves_makes_no_noise(
    collector: Collector, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connection that breaks during a request is no error of the collector, and there is no access log."""
    host, port = collector.url.removeprefix("http://").split(":")
    for sent in (b"", b"GET /api", b"POST /api/v2/spans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n["):
        connection = socket.create_connection((host, int(port)), timeout=10)
        connection.sendall(sent)
        # A linger time of zero resets the connection instead of closing it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    assert (202, "") == post(collector, V2, JSON)
    collector.stop()

    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert ("", "") == capfd.readouterr()


def test_many_clients_at_once_lose_nothing(collector: Collector) -> None:
    """Spans that several threads send at the same time all arrive."""

    def send(sender: int) -> None:
        for number in range(20):
            span = FinishedSpan(f"{sender + 1:016x}", f"{number + 1:016x}", timestamp_us=1)
            post(collector, V2, json_v2.join([json_v2.encode(span)]))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [20] * 8 == [len(trace) for trace in collector.store.traces()]


def test_stop_ends_open_connections() -> None:
    """After `stop` the port is closed, and no connection is served any more, not even one that was kept open."""
    collector = Collector().start()
    with requests.Session() as session:
        url = collector.url
        session.get(url + "/health", timeout=10)
        collector.stop()
        collector.stop()

        with pytest.raises(requests.ConnectionError):
            session.get(url + "/health", timeout=10)


def test_a_taken_port_is_said_with_the_remedy(collector: Collector) -> None:
    """A port of another server raises OSError with the remedy."""
    port = int(collector.url.rpartition(":")[2])

    with pytest.raises(OSError, match=f"127.0.0.1 port {port}: another program listens there; .* port 0"):
        Collector(port=port).start()


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"port": -1}, {"port": "9411"}, {"max_bytes": 0}, {"host": ""}])
def test_a_wrong_setting_is_named(wrong: dict[str, object]) -> None:
    """Settings are checked when the collector is made."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; "):
        Collector(**wrong)  # type: ignore[arg-type]


def test_a_host_that_is_not_here_is_said_with_the_remedy() -> None:
    """An address of another machine raises OSError with the remedy."""
    with pytest.raises(OSError, match=r"not an address of this machine; listen on 127.0.0.1"):
        Collector(host="192.0.2.1").start()


def test_the_url_is_that_of_a_running_collector() -> None:
    """Before `start` there is no URL, and the error tells so; a second start is refused."""
    collector = Collector()

    with pytest.raises(RuntimeError, match=r"call start\(\)"):
        collector.url  # noqa: B018
    with collector, pytest.raises(RuntimeError, match="runs already"):
        collector.start()
