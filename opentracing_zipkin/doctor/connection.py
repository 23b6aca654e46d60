"""HTTP to a server with the settings of the application's own sender: questions to it, and messages by that sender.

Rules: a question has one deadline, follows no redirect and reads a bounded body.  A server's text loses our credentials here,
before it is shortened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy

from ..clock import monotonic
from ..codec import SpanEncoder
from ..option import options_of, selected
from ..options import ConnectionOptions
from ..senders import Sender, SendError
from ..senders.checks import check_auth, check_cert, check_headers, check_proxies
from ..senders.connection import Adapter, Unclocked
from ..senders.credentials import hide, in_headers, in_url
from ..senders.http import HttpSender, reason_of
from ..settings import Effective

__all__ = ["Connection", "NoAnswer", "Reply", "host_of", "is_html", "send_once", "wait_until"]

MAX_BODY_BYTES = 200_000
_UNCLOCKED: Any = Unclocked(connect=3600, read=3600)  # the adapter keeps the deadline


class NoAnswer(Exception):
    """No answer came back; the exception's text is the reason."""


class Reply(NamedTuple):
    """A server's answer; `seconds`: the time from the question to the end of the answer."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body read as JSON; None where it is not JSON, or too deeply nested."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Connection:
    """Asks a collector's server over the same connection settings as the application's sender; must be closed."""

    def __init__(self, found: Effective) -> None:
        self.options: dict[str, Any] = selected(ConnectionOptions, found.given)
        self.timeout_s: float = self.options.get("send_timeout", options_of(ConnectionOptions)["send_timeout"].default)
        self.ca_bundle: str | None = self.options.get("ca_bundle")
        self.cert = check_cert(self.options.get("client_cert"), self.options.get("client_key"))
        self._auth = check_auth(self.options.get("auth"))
        self._headers = check_headers(self.options.get("headers"))
        self._proxies = check_proxies(self.options.get("proxy"))
        self._adapter = Adapter(max_age_s=60.0)
        self._secrets = [secret for url in (*found.endpoints, *self._proxies.values()) for secret in in_url(url)]
        self._secrets += [*in_headers(self._headers.values()), *(self._auth or ())[1:]]

    def hide_credentials_of(self, url: str) -> None:
        """Hide the credentials of this URL, too."""
        self._secrets += in_url(url)

    def proxy_of(self, url: str) -> str:
        """The proxy through which a URL is requested; "" where there is none."""
        return select_proxy(url, self._proxies) or ""

    def without_credentials(self, text: object) -> str:
        """The text of a server or of an exception, without our credentials."""
        return hide(str(text), self._secrets)

    def sender(self, endpoint: str, encoder: SpanEncoder) -> HttpSender:
        """The sender that the application would have for this endpoint and encoding."""
        return HttpSender(endpoint, encoder.path, encoder.media_type, **self.options)

    def get(self, url: str) -> Reply:
        """GET a URL of the collector's server; raises NoAnswer."""
        return self._ask(url, {"b3": "0", **self._headers}, self._auth, self._proxies)

    def call(self, url: str, headers: Mapping[str, str]) -> Reply:
        """GET a URL of another server, without the collector's headers and credentials; raises NoAnswer."""
        return self._ask(url, headers, None, {})

    def _ask(self, url: str, headers: Mapping[str, str], auth: Any, proxies: Mapping[str, str]) -> Reply:
        problem = ""
        begin = monotonic()
        self._adapter.terms.ends_at_s = begin + self.timeout_s
        try:
            answer: Any = self._adapter.send(
                _prepared(url, headers, auth),
                stream=True,
                timeout=_UNCLOCKED,
                verify=self.ca_bundle or True,
                cert=self.cert,
                proxies=dict(proxies),
            )
            body = _beginning(answer.raw)
            return Reply(answer.status, answer.reason, answer.headers, body, monotonic() - begin)
        except Exception as error:  # requests, urllib3 and the libraries below them raise many types
            problem = self.without_credentials(reason_of(error))
        raise NoAnswer(problem)  # outside the block, because the caught error, which holds the URL, would be its context

    def close(self) -> None:
        """Close the connections that are kept for the next question."""
        self._adapter.close()


def _prepared(url: str, headers: Mapping[str, str], auth: Any) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.prepare_method("GET")
    request.prepare_url(url, None)
    request.prepare_headers({"User-Agent": "opentracing-zipkin-doctor", "Accept": "*/*", **headers})
    request.prepare_auth(auth, url)
    return request


def _beginning(raw: Any) -> bytes:
    """The first MAX_BODY_BYTES of the body, and up to one chunk more; the rest is not read."""
    read = b""
    for chunk in raw.stream(16_384, decode_content=True):
        read += chunk
        if len(read) > MAX_BODY_BYTES:
            raw.close()
            break
    raw.release_conn()
    return read


def is_html(headers: Mapping[str, str]) -> bool:
    """Whether an answer is a web page for people."""
    return headers.get("Content-Type", "").lower().startswith("text/html")


def send_once(sender: Sender, body: bytes) -> SendError | None:
    """Send one message and close the sender; returns the refusal, None where the message was accepted."""
    try:
        sender.send(body)
    except SendError as refusal:
        return refusal
    finally:
        sender.close()
    return None


def wait_until(seconds: float, is_done: Callable[[], bool], interval_s: float = 0.1) -> bool:
    """Whether `is_done` returns True within `seconds`; it is called at least once."""
    deadline = monotonic() + seconds
    while not is_done():
        if monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def host_of(url: str) -> tuple[str, int]:
    """The host name and the port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
