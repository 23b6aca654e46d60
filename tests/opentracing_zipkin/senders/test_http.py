"""The HTTP sender: any 2xx is success, nothing else is, and nothing comes from the environment."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender

from .certificates import Certificates
from .raw_server import ACCEPTED, RawServer, answer, raw_server, saying


def sender(server: RawServer, scheme: str = "http") -> HttpSender:
    return HttpSender(f"{scheme}://127.0.0.1:{server.port}", "/api/v2/spans", "application/json")


def refusal(said: bytes) -> SendError:
    """The error for this answer of a server."""
    with raw_server(saying(said)) as server, pytest.raises(SendError) as caught:
        sender(server).send(b"[]")
    return caught.value


def test_a_message_is_posted_and_not_to_be_traced() -> None:
    """A message is posted with its media type, and with `b3: 0`, so that proxies do not trace it."""
    with raw_server(saying(ACCEPTED)) as server:
        sender(server).send(b"[]")
    [(head, body)] = server.requests
    lines = head.split("\r\n")

    assert ("POST /api/v2/spans HTTP/1.1", b"[]") == (lines[0], body)
    assert {"Content-Type: application/json", "b3: 0"} <= set(lines)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (413, False), (408, True), (429, True), (500, True), (502, True), (503, True), (504, True)],
)
def test_a_refusal_says_what_the_server_said_and_whether_to_retry(status: int, retryable: bool) -> None:
    """The error has the server's reason on one line, and says whether a retry makes sense."""
    error = refusal(answer(status, "the\nreason " + "x" * 500))

    assert re.search(f"HTTP {status} .*the reason x+$", str(error))
    assert retryable is error.retryable


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (400, "bad span", {}, (False, True, False, 0.0)),
        (413, "", {}, (False, True, True, 0.0)),
        (500, "413 Request Entity Too Large", {}, (False, True, True, 0.0)),
        (500, "Input is not in the GZIP format", {}, (False, False, False, 0.0)),
        (503, "", {"Retry-After": "7"}, (True, False, False, 7.0)),
        (503, "", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, (True, False, False, 0.0)),
        (404, "", {}, (False, False, False, 0.0)),
    ],
)
def test_a_refusal_says_what_can_be_done(
    status: int, body: str, headers: dict[str, str], expected: tuple[bool, bool, bool, float]
) -> None:
    """The error says whether to retry and when, and whether to divide, also for Zipkin's 500 with 413 in its body."""
    error = refusal(answer(status, body, headers))

    assert expected == (error.retryable, error.divisible, error.too_large, error.retry_after)


@pytest.mark.parametrize(("status", "retryable"), [(301, False), (302, True), (303, True), (307, True), (308, False)])
def test_a_redirect_is_a_failure_and_not_followed(status: int, retryable: bool) -> None:
    """A redirect is a failure, because `requests` would send a GET to its target; after a temporary one a retry makes sense."""
    redirect = answer(status, headers={"Location": "/login?from=spans"})
    with raw_server(saying(redirect, ACCEPTED)) as server:
        one = sender(server)
        with pytest.raises(SendError, match=f"HTTP {status} ") as caught:
            one.send(b"[]")
        assert 1 == len(server.requests)
        one.send(b"[]")

    assert retryable is caught.value.retryable
    assert f"points to http://127.0.0.1:{server.port}/login?***, " in str(caught.value)
    assert 1 == len(server.connections)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://login.example/a", "https://login.example/a"),
        ("https://user:secret@login.example/a?token=secret", "https://login.example/a?***"),
        ("//login.example/a", "http://login.example/a"),
        ("http://[secret", "http://***"),
        ("https://login.example/" + "x" * 5000, "https://login.example/" + "x" * 178),
    ],
)
def test_a_redirect_shows_where_to_without_credentials(location: str, expected: str) -> None:
    """A redirect's error names its target, without credentials."""
    error = refusal(answer(302, headers={"Location": location}))

    assert str(error).endswith(f"; it points to {expected}, and a redirect is not followed")


def test_a_redirect_to_nowhere_is_a_refusal_like_others() -> None:
    """The error for a redirect without a Location names no target."""

    assert str(refusal(answer(302))).endswith("HTTP 302 Said")


def test_any_2xx_is_success() -> None:
    """Any status from 200 to 299 is success, because proxies answer 200 or 204."""
    with raw_server(saying(*map(answer, (200, 202, 204)))) as server:
        for _ in range(3):
            sender(server).send(b"[]")

    assert 3 == len(server.requests)


def test_a_broken_connection_may_be_retried_and_its_cause_is_named() -> None:
    """A broken connection allows a retry, and the error names the innermost cause."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = RawServer(probe.getsockname()[1], [], [])
    with pytest.raises(SendError, match=r"spans: ConnectionRefusedError: .* Connection refused$") as caught:
        sender(nobody).send(b"[]")

    assert True is caught.value.retryable


def test_nothing_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certificates: Certificates
) -> None:
    """Proxies, certificates and a .netrc of the environment are not used."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret")
    for name, value in (
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("REQUESTS_CA_BUNDLE", certificates.authority),
        ("HOME", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    with raw_server(saying(ACCEPTED)) as server:
        sender(server).send(b"[]")
    [(head, _)] = server.requests
    with raw_server(saying(ACCEPTED), certificates.server) as server:
        with pytest.raises(SendError, match="certificate verify failed"):
            sender(server, "https").send(b"[]")
        assert [] == server.requests

    assert "Authorization" not in head


def test_closing_gives_the_connection_back_and_sending_opens_another() -> None:
    """After `close` the next message opens a new connection."""
    with raw_server(saying(ACCEPTED)) as server:
        one = sender(server)
        first = one._connection()
        one.send(b"[]")
        one.close()
        one.close()
        one.send(b"[]")

    assert first is not one._connection()
    assert 2 == len(server.connections)
