"""The HTTP sender: any 2xx is success, nothing else is, and nothing comes from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import responses

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender

URL = "http://zipkin:9411/api/v2/spans"


def sender() -> HttpSender:
    return HttpSender("http://zipkin:9411", "/api/v2/spans", "application/json")


@responses.activate
def test_a_message_is_posted_and_not_to_be_traced() -> None:
    """With its media type, and `b3: 0` for proxies on the way."""
    responses.post(URL, status=202)
    sender().send(b"[]")
    [call] = responses.calls

    assert b"[]" == call.request.body
    assert ("application/json", "0") == (call.request.headers["Content-Type"], call.request.headers["b3"])


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (413, False), (408, True), (429, True), (500, True), (502, True), (503, True), (504, True)],
)
@responses.activate
def test_a_refusal_says_what_the_server_said_and_whether_to_retry(status: int, retryable: bool) -> None:
    """The reason is in the message, without the body's line ends."""
    responses.post(URL, status=status, body="the\nreason " + "x" * 500)

    with pytest.raises(SendError, match=f"HTTP {status} .*the reason x+$") as caught:
        sender().send(b"[]")
    assert retryable is caught.value.retryable


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
@responses.activate
def test_a_refusal_says_what_can_be_done(
    status: int, body: str, headers: dict[str, str], expected: tuple[bool, bool, bool, float]
) -> None:
    """Try again, after which time; or divide; or split, also where Zipkin says 413 in the body of a 500."""
    responses.post(URL, status=status, body=body, headers=headers)

    with pytest.raises(SendError) as caught:
        sender().send(b"[]")
    error = caught.value
    assert expected == (error.retryable, error.divisible, error.too_large, error.retry_after)


@responses.activate
def test_a_redirect_is_a_failure_and_not_followed() -> None:
    """requests would turn the POST into a GET and call a login page success."""
    responses.post(URL, status=302, headers={"Location": "http://zipkin:9411/login"})
    responses.get("http://zipkin:9411/login", status=200)

    with pytest.raises(SendError, match="HTTP 302") as caught:
        sender().send(b"[]")
    assert False is caught.value.retryable
    assert 1 == len(responses.calls)


@responses.activate
def test_any_2xx_is_success() -> None:
    """Proxies answer 200 or 204."""
    for status in (200, 202, 204):
        responses.post(URL, status=status)
        sender().send(b"[]")

    assert 3 == len(responses.calls)


@responses.activate
def test_a_broken_connection_may_be_retried_and_its_cause_is_named() -> None:
    """The innermost reason, not three layers around it."""
    responses.post(URL, body=requests.ConnectionError(OSError("Connection refused")))

    with pytest.raises(SendError, match="Connection refused") as caught:
        sender().send(b"[]")
    assert True is caught.value.retryable


@responses.activate
def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither proxies nor certificates nor the passwords of a .netrc."""
    (tmp_path / ".netrc").write_text("machine zipkin login user password secret")
    for name, value in (("HTTP_PROXY", "http://127.0.0.1:1"), ("REQUESTS_CA_BUNDLE", "/none"), ("HOME", str(tmp_path))):
        monkeypatch.setenv(name, value)
    responses.post(URL, status=202)
    sender().send(b"[]")
    [call] = responses.calls

    assert "Authorization" not in call.request.headers
    assert (True, {}) == (call.request.req_kwargs["verify"], call.request.req_kwargs["proxies"])


def test_closing_gives_the_connection_back_and_sending_opens_another() -> None:
    """As a forked process needs it."""
    one = sender()
    first = one._connection()
    one.close()
    one.close()

    assert first is not one._connection()
