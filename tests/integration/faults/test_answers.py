"""The reaction of the whole tracer to each answer, on sockets: repeat, divide, or count as lost with the server's reason."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from opentracing_zipkin import ZipkinTracer

from ...opentracing_zipkin.senders.raw_server import ACCEPTED, RawServer, raw_server

SPANS = 40
LOGIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nLogin"


def answer(status: str, body: str = "", **headers: str) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def then_accepted(*answers: bytes | None) -> Callable[[socket.socket], None]:
    """A server that gives these answers first and the usual one afterwards; None breaks the connection."""
    left = list(answers)

    def say(connection: socket.socket) -> None:
        said = left.pop(0) if left else ACCEPTED
        if said is None:
            connection.close()
        else:
            connection.sendall(said)

    return say


def report(server: RawServer, timeout: float = 10.0) -> tuple[bool, ZipkinTracer]:
    """Forty spans in one message; returns whether all were accepted, and the closed tracer."""
    tracer = ZipkinTracer("service", endpoint=f"http://127.0.0.1:{server.port}", flush_interval=0.1, send_timeout=0.5)
    for number in range(SPANS):
        tracer.start_trace("x", tags={"number": number}).finish()
    deadline = time.monotonic() + timeout
    while tracer.stats.queued + tracer.stats.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)  # without a flush, which would hurry it
    accepted = tracer.flush(0)
    tracer.close(1).result(5)
    return accepted, tracer


def lost(tracer: ZipkinTracer) -> dict[str, int]:
    return {cause: count for cause, count in tracer.stats.dropped.items() if count}


def numbers(body: bytes) -> list[int]:
    return [int(span["tags"]["number"]) for span in json.loads(body)]


MAY_PASS: dict[str, tuple[bytes | None, ...]] = {
    "503": (answer("503 Service Unavailable", "warming up"),) * 2,
    "503 that says when": (answer("503 Service Unavailable", Retry_After="1"),),
    "429": (answer("429 Too Many Requests"),),
    "429 that says when": (answer("429 Too Many Requests", Retry_After="1"),),
    "500": (answer("500 Internal Server Error", "java.lang.NullPointerException"),),
    "half a head": (b"HTTP/1.1 20", None),
    "half a body": (b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nacc", None),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", None),
    "no answer": (b"",),
}


@pytest.mark.parametrize("case", MAY_PASS)
def test_what_may_pass_is_tried_again_in_the_same_bytes(case: str) -> None:
    """The same bytes are sent again after a pause, which the server may set; no span is lost or counted as sent early."""
    times: list[float] = []
    say = then_accepted(*MAY_PASS[case])

    def timed(connection: socket.socket) -> None:
        times.append(time.monotonic())
        say(connection)

    with raw_server(timed) as server:
        accepted, tracer = report(server)
    bodies = {body for _, body in server.requests}
    pauses = [after - before for before, after in pairwise(times)]

    assert (True, SPANS, {}) == (accepted, tracer.stats.sent, lost(tracer))
    assert [1] == [len(bodies)]
    assert len(times) >= 2
    assert min(pauses) >= (1.0 if "when" in case else 0.12)


def test_a_redirect_for_good_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """The target of a permanent redirect is never requested; the loss is counted and logged with the target."""
    with raw_server(then_accepted(answer("301 Moved Permanently", Location="/login"), LOGIN, LOGIN)) as server:
        accepted, tracer = report(server)

    assert (False, 0, {"rejected": SPANS}) == (accepted, tracer.stats.sent, lost(tracer))
    assert ["POST /api/v2/spans HTTP/1.1"] == [head.splitlines()[0] for head, _ in server.requests]
    assert "HTTP 301 Moved Permanently; it points to http://127.0.0.1:" in caplog.text


@pytest.mark.parametrize("status", ["302 Found", "303 See Other", "307 Temporary Redirect"])
def test_a_redirect_for_now_is_over_some_day(caplog: pytest.LogCaptureFixture, status: str) -> None:
    """After a temporary redirect the message goes to the same address again, and the target is never requested."""
    with raw_server(then_accepted(*[answer(status, Location="/login?user=me")] * 3)) as server:
        accepted, tracer = report(server)

    assert (True, SPANS, {}) == (accepted, tracer.stats.sent, lost(tracer))
    assert ["POST /api/v2/spans HTTP/1.1"] * 4 == [head.splitlines()[0] for head, _ in server.requests]
    assert f"HTTP {status}; it points to http://127.0.0.1:{server.port}/login?***, " in caplog.text


def test_404_is_said_and_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """A 404 is logged and not repeated, because a wrong path stays wrong."""
    with raw_server(then_accepted(*[answer("404 Not Found", "no such path")] * 9)) as server:
        accepted, tracer = report(server)

    assert (False, 1, {"rejected": SPANS}) == (accepted, len(server.requests), lost(tracer))
    assert f"{SPANS} spans are lost (rejected)" in caplog.text
    assert "HTTP 404 Not Found: no such path" in caplog.text


def test_of_a_message_with_a_poisoned_span_all_others_arrive(caplog: pytest.LogCaptureFixture) -> None:
    """If a server answers 400, halves are sent until the bad span is alone; the log has the server's reason."""
    arrived: list[int] = []

    def judge(connection: socket.socket) -> None:
        spans = numbers(server.requests[-1][1])
        if 23 in spans:
            connection.sendall(answer("400 Bad Request", "Malformed reading List<Span>: 23"))
        else:
            arrived.extend(spans)
            connection.sendall(ACCEPTED)

    with raw_server(judge) as server:
        accepted, tracer = report(server)

    assert (False, SPANS - 1, {"rejected": 1}) == (accepted, tracer.stats.sent, lost(tracer))
    assert [number for number in range(SPANS) if number != 23] == sorted(arrived)
    assert "1 span is lost (rejected)" in caplog.text
    assert "HTTP 400 Bad Request: Malformed reading List<Span>: 23" in caplog.text
    assert len(server.requests) <= 14  # 2 log2 40 + 2


@pytest.mark.parametrize(
    "refusal", [answer("413 Request Entity Too Large"), answer("500 Internal Server Error", "413 Request Entity Too Large")]
)
def test_messages_are_divided_down_to_what_a_server_takes(refusal: bytes) -> None:
    """Zipkin's own limit answers 500 with the reason in the body; messages are divided, and nothing is lost."""
    arrived: list[int] = []

    def judge(connection: socket.socket) -> None:
        body = server.requests[-1][1]
        if len(body) > 2000:
            connection.sendall(refusal)
        else:
            arrived.extend(numbers(body))
            connection.sendall(ACCEPTED)

    with raw_server(judge) as server:
        accepted, tracer = report(server)

    assert (True, SPANS, {}) == (accepted, tracer.stats.sent, lost(tracer))
    assert list(range(SPANS)) == sorted(arrived)


def test_a_name_that_nobody_knows_costs_the_application_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Spans wait for a name server that knows the host, and the log names it."""
    tracer = ZipkinTracer("service", endpoint="http://zipkin.invalid:9411", flush_interval=0.05)
    start = time.monotonic()
    for _ in range(SPANS):
        tracer.start_trace("x").finish()
    finishing = time.monotonic() - start
    deadline = start + 20
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)

    assert finishing < 0.5
    assert (SPANS, 0, {}) == (tracer.stats.finished, tracer.stats.sent, lost(tracer))
    assert f"{SPANS} spans are not accepted yet: http://zipkin.invalid:9411/api/v2/spans: " in caplog.text
    assert logging.WARNING == caplog.records[0].levelno
    tracer.close(0.1).result(5)
