"""Connections: one deadline for a whole message, each answer belongs to its request, and none is kept for ever."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender

from .certificates import Certificates
from .raw_server import ACCEPTED, answer, raw_server, saying

BODY = b"[" + b"x" * 5000 + b"]"
REFUSED = answer(400, "bad span")
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nContent-Length: 7\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def sender(*ports: int, host: str = "127.0.0.1", scheme: str = "http", **options: Any) -> HttpSender:
    return HttpSender([f"{scheme}://{host}:{port}" for port in ports], "/api/v2/spans", "application/json", **options)


@contextmanager
def swallowing() -> Iterator[int]:
    """A port of 127.0.0.1 that swallows packets: its queue is full, and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
            waiting.append(one)
        yield port
        for one in waiting:
            one.close()


@contextmanager
def named(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> Iterator[list[tuple[str, int]]]:
    """Let every name mean these addresses, which may be changed."""
    found = list(addresses)
    with monkeypatch.context() as patch:
        patch.setattr(
            socket, "getaddrinfo", lambda *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", one) for one in found]
        )
        yield found


def refusal(one: HttpSender) -> tuple[SendError, float]:
    """The error of one message, and the seconds that it took."""
    start = time.monotonic()
    with pytest.raises(SendError) as caught:
        one.send(BODY)
    return caught.value, time.monotonic() - start


# Interim answers


@pytest.mark.parametrize("zone", ["%eth0", "%25eth0"])
def test_an_address_of_one_interface_is_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """A link-local address is reached with its interface's name, written as in a URL or as in the system."""
    hosts = []

    def refuse(host: str, *_: Any) -> None:
        hosts.append(host)
        raise OSError("no such interface")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(SendError, match="no such interface"):
        sender(9411, host=f"[fe80::1{zone}]").send(BODY)

    assert ["fe80::1%eth0"] == hosts


@pytest.mark.parametrize(
    "interim",
    [
        CONTINUE,
        b"HTTP/1.1 102 Processing\r\n\r\n",
        EARLY_HINTS,
        b"HTTP/1.1 199 Whatever\r\n\r\n",
        EARLY_HINTS * 4 + CONTINUE * 6,
    ],
    ids=["100", "102", "103", "199", "ten"],
)
@pytest.mark.parametrize("apart", [True, False])
def test_interim_answers_are_skipped_and_the_final_one_is_that_of_its_message(interim: bytes, apart: bool) -> None:
    """Interim answers are skipped, on a kept connection, too, and each message gets its own final answer."""
    finals = [ACCEPTED, REFUSED, ACCEPTED, REFUSED]

    def say(connection: socket.socket) -> None:
        connection.sendall(interim + b"" if apart else interim + finals.pop(0))
        if apart:
            time.sleep(0.05)
            connection.sendall(finals.pop(0))

    with raw_server(say) as server:
        one = sender(server.port)
        for _ in range(2):
            one.send(BODY)
            assert "HTTP 400 Said: bad span" in str(refusal(one)[0])

    assert 1 == len(server.connections)


def test_a_flood_of_interim_answers_is_a_failure_and_its_connection_is_not_used_again() -> None:
    """A flood of interim answers is a failure that allows a retry and takes no CPU time; its connection is not used again."""
    floods = [True, True]

    def say(connection: socket.socket) -> None:
        while floods:
            connection.sendall(CONTINUE * 100)
            if len(server.connections) > 1:
                floods.clear()
        connection.sendall(ACCEPTED)

    with raw_server(say) as server:
        one = sender(server.port, send_timeout=3)
        start = time.thread_time()
        error, took = refusal(one)
        busy = time.thread_time() - start
        floods.clear()
        one.send(BODY)

    assert True is error.retryable
    assert "interim answers" in str(error)
    assert busy < 0.5
    assert took < 2
    assert 2 == len(server.connections)


@pytest.mark.parametrize("flood", [b"x" * 65_000 + b"\r\n", b"X: " + b"x" * 60_000 + b"\r\n", b"1\r\nx\r\n" * 10_000])
def test_an_answer_of_any_length_ends(flood: bytes) -> None:
    """An endless answer ends at a limit, whether its first line, its head or its chunks are endless."""

    def say(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n" + (b"\r\n" if flood[:1] == b"1" else b""))
        with suppress(OSError):
            while True:
                connection.sendall(flood)

    with raw_server(say) as server:
        start = time.thread_time()
        with suppress(SendError):
            sender(server.port, send_timeout=3).send(BODY)

    assert time.thread_time() - start < 0.5


# Kept connections


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("length", [10, 8192, 12_000])
@pytest.mark.parametrize("pause_s", [0, 0.05])
def test_an_answer_that_nobody_asked_for_is_never_that_of_the_next_message(
    certificates: Certificates, tls: bool, length: int, pause_s: float
) -> None:
    """After two answers to one message, the next message uses a new connection, wherever the second answer is."""
    first = answer(400, "x" * (length - len(answer(400, "x" * 1000)) + 1000))
    second = answer(202, "y" * 2000)

    def say(connection: socket.socket) -> None:
        connection.sendall(first + (b"" if pause_s else second))
        if pause_s:
            time.sleep(pause_s)
            connection.sendall(second)

    with raw_server(say, certificates.server if tls else None) as server:
        one = sender(server.port, scheme="https" if tls else "http", ca_bundle=certificates.authority)
        for _ in range(3):
            assert "HTTP 400" in str(refusal(one)[0])
            time.sleep(2 * pause_s)

    assert 3 == len(server.connections)


@pytest.mark.parametrize(("age", "expected"), [(None, 1), (1, 2), (0, 3)])
def test_a_connection_is_used_while_it_is_young(age: float | None, expected: int) -> None:
    """A connection that is too old is replaced between two messages."""
    with raw_server(saying(ACCEPTED)) as server:
        one = sender(server.port, max_connection_age=age)
        one.send(BODY)
        one.send(BODY)
        time.sleep(1.05)
        one.send(BODY)

    assert (3, expected) == (len(server.requests), len(server.connections))


def test_a_collector_that_has_moved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that has moved is found, even if the old host still answers: each new connection looks the name up."""
    with raw_server(saying(ACCEPTED)) as old, raw_server(saying(ACCEPTED), host="127.0.0.2", port=old.port) as new:
        with named(monkeypatch, ("127.0.0.1", old.port)) as addresses:
            one = sender(old.port, host="zipkin.test", max_connection_age=1)
            one.send(BODY)
            addresses[:] = [("127.0.0.2", new.port)]
            one.send(BODY)
            time.sleep(1.05)
            one.send(BODY)

        assert (2, 1) == (len(old.requests), len(new.requests))


# One deadline


def test_all_addresses_of_a_name_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six addresses that swallow packets take no longer than one."""
    with swallowing() as port, named(monkeypatch, *[("127.0.0.1", port)] * 6):
        error, took = refusal(sender(port, host="zipkin.test", send_timeout=1))

    assert True is error.retryable
    assert 0.8 < took < 3


def test_an_address_that_answers_is_reached_behind_others_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that answers is reached after others that do not, because each has its share of the time."""
    with swallowing() as port, raw_server(saying(ACCEPTED)) as server:
        with named(monkeypatch, *[("127.0.0.1", port)] * 5, ("127.0.0.1", server.port)):
            sender(port, host="zipkin.test", send_timeout=1.5).send(BODY)

        assert 1 == len(server.requests)


def test_a_name_without_addresses_may_have_some_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without addresses is a failure that allows a retry."""
    with named(monkeypatch):
        error, _ = refusal(sender(9411, host="zipkin.test"))

    assert (True, True) == (error.retryable, str(error).endswith("zipkin.test has no address"))


@contextmanager
def slow_reader(context: ssl.SSLContext | None) -> Iterator[int]:
    """A server that reads 16 KiB each fifth of a second, and never answers."""

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) if context else connection as plain:
                while plain.recv(16384):
                    time.sleep(0.2)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_reads_slowly_is_left_at_the_deadline(certificates: Certificates, tls: bool) -> None:
    """A server that reads too slowly is left at the deadline."""
    with slow_reader(certificates.server if tls else None) as port:
        one = sender(port, scheme="https" if tls else "http", ca_bundle=certificates.authority, send_timeout=1, compress=False)
        start = time.monotonic()
        with pytest.raises(SendError) as caught:
            one.send(b"x" * 16_000_000)

    assert True is caught.value.retryable
    assert time.monotonic() - start < 4


def silence(connection: socket.socket) -> None:
    time.sleep(5)


@pytest.mark.parametrize("kept", [True, False])
def test_a_limit_is_for_a_whole_send_over_all_urls(kept: bool) -> None:
    """With a limit each URL gets its share of the time, and the last one may still accept."""
    says: list[Callable[[socket.socket], None]] = [silence]

    def say(connection: socket.socket) -> None:
        says[0](connection)

    with raw_server(say) as first, raw_server(silence) as second, raw_server(silence) as third, raw_server(say) as fourth:
        one = sender(first.port, second.port, third.port, send_timeout=10)
        if kept:
            says[0] = saying(ACCEPTED)
            one.send(BODY)
            says[0] = silence
        one.limit(1.0)
        error, took = refusal(one)
        assert (True, 0.8 < took < 3) == (error.retryable, True)
        assert [1 + kept, 1, 1] == [len(server.requests) for server in (first, second, third)]

        says[0] = saying(ACCEPTED)
        last = sender(second.port, fourth.port, send_timeout=10)
        last.limit(1.0)
        last.send(BODY)


def test_a_limit_is_for_all_urls_and_all_their_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest of several limits bounds all URLs and all their addresses."""
    with swallowing() as port, named(monkeypatch, *[("127.0.0.1", port)] * 6):
        one = sender(port, port, port, host="zipkin.test", send_timeout=10)
        one.limit(0.5)
        one.limit(5.0)
        error, took = refusal(one)

    assert True is error.retryable
    assert 0.4 < took < 3


# Through a proxy


@contextmanager
def tunnel(context: ssl.SSLContext | None, said: bytes) -> Iterator[tuple[int, list[str]]]:
    """A proxy that answers these words and connects to any target, with the request lines that it got."""
    asked: list[str] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            asked.append(head.decode().split("\r\n")[0])
            host, _, port = asked[-1].split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(said)
                threading.Thread(target=copy, args=(server, client), daemon=True).start()
                copy(client, server)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("before", [b"", EARLY_HINTS], ids=["", "interim"])
def test_a_tunnel_is_kept_and_renewed_as_any_connection(certificates: Certificates, scheme: str, before: bytes) -> None:
    """A tunnel through a proxy, with or without TLS, is kept and renewed, and the proxy's interim answers are skipped."""
    opened = before + b"HTTP/1.1 200 Connection established\r\n\r\n"
    with (
        raw_server(saying(EARLY_HINTS + ACCEPTED, REFUSED, ACCEPTED), certificates.server) as server,
        tunnel(certificates.server if scheme == "https" else None, opened) as (port, asked),
    ):
        one = sender(
            server.port,
            scheme="https",
            ca_bundle=certificates.authority,
            proxy=f"{scheme}://127.0.0.1:{port}",
            max_connection_age=1,
        )
        one.send(BODY)
        assert "HTTP 400 Said: bad span" in str(refusal(one)[0])
        assert [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"] == [line.replace("1.0", "1.1") for line in asked]
        time.sleep(1)
        one.send(BODY)

    assert (3, 2, 2) == (len(server.requests), len(server.connections), len(asked))
