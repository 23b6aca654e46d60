"""The HTTP sender on real sockets: deadlines, TLS, proxies, several collectors, compression."""

from __future__ import annotations

import base64
import gzip
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from typing import Any

import pytest

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender

from ...ports import free_port
from .certificates import Certificates
from .raw_server import ACCEPTED, raw_server

BODY = b"[" + b"x" * 5000 + b"]"


def sender(port: int, scheme: str = "http", **options: Any) -> HttpSender:
    return HttpSender(f"{scheme}://127.0.0.1:{port}", "/api/v2/spans", "application/json", **options)


def accept(connection: socket.socket) -> None:
    connection.sendall(ACCEPTED)


def one_by_one(text: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return answer


def headers_without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 202 Accepted\r\n")
    for number in count():
        connection.sendall(b"X-%d: 1\r\n" % number)
        time.sleep(0.05)


def hundred_continue_without_end(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def silence(connection: socket.socket) -> None:
    time.sleep(5)


@pytest.mark.parametrize(
    "answer",
    [
        one_by_one(ACCEPTED),
        one_by_one(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000),
        headers_without_end,
        hundred_continue_without_end,
        silence,
    ],
    ids=["head", "body", "headers", "continue", "silence"],
)
def test_a_server_that_trickles_is_left_at_the_deadline(answer: Callable[[socket.socket], None]) -> None:
    """The timeout bounds the whole answer, not each piece of it, and a retry makes sense."""
    with raw_server(answer) as server:
        start = time.monotonic()
        with pytest.raises(SendError) as caught:
            sender(server.port, send_timeout=0.5).send(BODY)
        took = time.monotonic() - start

    assert True is caught.value.retryable
    assert 0.4 < took < 4


def test_an_answer_without_end_is_not_kept() -> None:
    """Only the beginning of an endless answer is read, and the next message uses another connection."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 1_000_000)
        time.sleep(0.2)

    with raw_server(flood) as server:
        one = sender(server.port, send_timeout=5)
        for _ in range(2):
            one.send(BODY)

    assert 2 == len(server.connections)


def test_a_name_is_looked_up_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up without a new thread, which gevent needs and an ending Python 3.12 refuses."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with raw_server(accept) as server:
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        sender(server.port).send(BODY)

    assert 1 == len(server.requests)


@pytest.mark.parametrize("answer", [ACCEPTED, b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"])
def test_messages_share_a_connection(answer: bytes) -> None:
    """Messages share a connection, also after an answer with a body."""
    with raw_server(lambda connection: connection.sendall(answer)) as server:
        one = sender(server.port)
        for _ in range(5):
            with nullcontext() if answer is ACCEPTED else pytest.raises(SendError, match="HTTP 404 Not Found: none"):
                one.send(BODY)

    assert (5, 1) == (len(server.requests), len(server.connections))


def test_a_connection_that_the_server_has_closed_is_opened_again() -> None:
    """A connection that the server has closed, because it was idle, is opened again."""

    def accept_and_close(connection: socket.socket) -> None:
        connection.sendall(ACCEPTED)
        connection.close()

    with raw_server(accept_and_close) as server:
        one = sender(server.port)
        for _ in range(3):
            one.send(BODY)
            time.sleep(0.05)

    assert 3 == len(server.requests)


@pytest.mark.parametrize(("compress", "expected"), [(None, False), (False, False), (True, True)])
def test_a_message_is_compressed_where_that_is_worth_it(compress: bool | None, expected: bool) -> None:
    """A long message to another machine is compressed, with equal bytes each time, and a short one is not."""
    with raw_server(accept) as server:
        one = sender(server.port, compress=compress)
        for body in (BODY, BODY, b"[]"):
            one.send(body)
    (head, sent), (_, again), (short_head, short) = server.requests

    assert expected is ("Content-Encoding: gzip" in head)
    assert sent == again
    assert BODY == (gzip.decompress(sent) if expected else sent)
    assert (b"[]", False) == (short, "Content-Encoding" in short_head)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://localhost:9411", False),
        ("http://127.1.2.3", False),
        ("http://[::1]:9411", False),
        ("http://zipkin:9411", True),
        ("http://10.0.0.1", True),
        (["http://localhost", "http://zipkin"], True),
    ],
)
def test_only_collectors_elsewhere_get_compressed_messages(endpoint: Any, expected: bool) -> None:
    """Only messages to other machines are compressed by default, because only they use the network."""

    assert expected is HttpSender(endpoint, "/api/v2/spans", "application/json")._compress


def test_the_next_collector_is_asked_where_one_does_not_answer() -> None:
    """If a collector fails, the next one is asked and stays the first; if all fail, the last error is raised."""
    dead = free_port()
    with raw_server(accept) as server:
        one = HttpSender(f"http://127.0.0.1:{dead}, http://127.0.0.1:{server.port}", "/api/v2/spans", "application/json")
        one.send(BODY)
        one.send(BODY)

        assert 2 == len(server.requests)
    with pytest.raises(SendError, match="Connection refused"):
        HttpSender([f"http://127.0.0.1:{dead}"] * 2, "/api/v2/spans", "application/json").send(BODY)


def test_a_refused_message_is_not_offered_to_the_next_collector() -> None:
    """A message that one collector refuses is not sent to the next, which would refuse it, too."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with raw_server(refuse) as first, raw_server(accept) as second:
        both = [f"http://127.0.0.1:{first.port}", f"http://127.0.0.1:{second.port}"]
        with pytest.raises(SendError, match="HTTP 400"):
            HttpSender(both, "/api/v2/spans", "application/json").send(BODY)

        assert [] == second.requests


@pytest.mark.parametrize("in_the_url", [True, False])
def test_user_and_password_are_sent_and_never_shown(in_the_url: bool) -> None:
    """User and password, from the URL or from `auth`, are sent beside own headers, and never shown."""
    with raw_server(accept) as server:
        user = "user:secret@" if in_the_url else ""
        options: dict[str, Any] = {} if in_the_url else {"auth": ("user", "secret")}
        one = HttpSender(
            f"http://{user}127.0.0.1:{server.port}", "/x", "application/json", headers={"X-Scope-OrgID": "7"}, **options
        )
        one.send(BODY)
    [(head, _)] = server.requests

    assert f"Authorization: Basic {base64.b64encode(b'user:secret').decode()}" in head
    assert "X-Scope-OrgID: 7" in head
    assert "secret" not in repr(one)


def test_a_proxy_is_asked_for_the_whole_url() -> None:
    """A proxy is asked for the whole URL, and the collector's name is not looked up here."""
    with raw_server(accept) as proxy:
        one = HttpSender(
            "http://zipkin.invalid:9411", "/api/v2/spans", "application/json", proxy=f"http://127.0.0.1:{proxy.port}"
        )
        one.send(b"[]")
    [(head, _)] = proxy.requests

    assert head.startswith("POST http://zipkin.invalid:9411/api/v2/spans HTTP/1.1")


def test_a_certificate_of_an_unknown_authority_is_refused(certificates: Certificates) -> None:
    """A server with an unknown authority gets nothing, and with the authority's certificate it is accepted."""
    with raw_server(accept, certificates.server) as server:
        with pytest.raises(SendError, match="certificate verify failed"):
            sender(server.port, "https").send(BODY)
        assert [] == server.requests
        sender(server.port, "https", ca_bundle=certificates.authority).send(BODY)

    assert 1 == len(server.requests)


@pytest.mark.parametrize("files", [("client_both", None), ("client_cert", "client_key")])
def test_a_server_that_asks_for_a_certificate_gets_ours(certificates: Certificates, files: tuple[str, str | None]) -> None:
    """A server that asks for a certificate gets ours, with the key in the same file or in another."""
    certificates.server.verify_mode = ssl.CERT_REQUIRED
    try:
        with raw_server(accept, certificates.server) as server:
            with pytest.raises(SendError):
                sender(server.port, "https", ca_bundle=certificates.authority).send(BODY)
            cert, key = files
            sender(
                server.port,
                "https",
                ca_bundle=certificates.authority,
                client_cert=getattr(certificates, cert),
                client_key=getattr(certificates, key) if key else None,
            ).send(BODY)
    finally:
        certificates.server.verify_mode = ssl.CERT_NONE

    assert 1 == len(server.requests)


def test_a_trickling_server_is_left_at_the_deadline_with_tls_too(certificates: Certificates) -> None:
    """A server that trickles TLS records is left at the deadline."""
    with raw_server(one_by_one(ACCEPTED), certificates.server) as server:
        start = time.monotonic()
        with pytest.raises(SendError):
            sender(server.port, "https", ca_bundle=certificates.authority, send_timeout=0.5).send(BODY)

    assert time.monotonic() - start < 4
