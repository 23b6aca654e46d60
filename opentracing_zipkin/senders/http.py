"""HTTP with requests: one connection is kept, redirects are not followed, and the environment is not read.

Rules: any 2xx is success.  A redirect is a failure: if we followed it, requests would turn the POST into a GET, and the answer
of a login page would look like success.  After a temporary redirect (302, 303, 307) a retry makes sense; after 301 or 308
it makes none.  Certificates are always verified.  Credentials appear neither in errors nor in a repr.  An error has no other in
its chain, because the messages of requests and urllib3 hold the whole URL.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

from ..clock import monotonic
from ..option import WrongSetting, check_group
from ..options import DEFAULT_ENDPOINT, ConnectionOptions
from . import SendError
from .checks import check_auth, check_cert, check_file, check_headers, check_proxies
from .collector_url import REMEDY, has_own_path, http_endpoints_of, likely_path, posted_url, target_of
from .connection import Adapter, Answer, Unclocked, drop_inherited_connections
from .credentials import MAX_REASON_CHARS, hide_in_log, in_headers, in_url, line_without
from .failover import Failover
from .url import shown, shown_value

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["HttpSender", "reason_of"]

_RETRYABLE = frozenset((302, 303, 307, 408, 429, 500, 502, 503, 504))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NO_SUCH_PATH = (404, 405)

# A span of 320 bytes of JSON becomes 41 bytes at level 1, in 1.3 µs, and 36 bytes at level 6, in 3.4 µs; encoding takes 3.5 µs.
GZIP_LEVEL = 1
MIN_COMPRESSED_BYTES = 1024
MAX_ANSWER_BYTES = 4096
MAX_ANSWER_CHARS = 200  # of the collector's words in an error

_UNCLOCKED: Any = Unclocked(connect=3600, read=3600)  # longer than any deadline; the deadline is kept by `Terms`

_parents: list[Adapter] = []  # inherited from the processes that this one was forked from


class HttpSender:
    """Owns a connection to the collector; may be used from one thread at a time.

    `path` and `media_type` are the encoder's.  The other arguments are the settings of `ConnectionOptions`, as in
    docs/reference/configuration.md.  Raises ValueError that names a wrong value and the remedy.  `urls` are the URLs that spans
    are posted to, with their credentials; `answered` is the head of the last answer, None where none came.
    """

    max_bytes = 512 * 1024

    def __init__(
        self,
        endpoint: str | Sequence[str] | None,
        path: str,
        media_type: str,
        **given: Unpack[ConnectionOptions],
    ) -> None:
        own = check_group("HttpSender()", ConnectionOptions, given)
        endpoints = http_endpoints_of(DEFAULT_ENDPOINT if endpoint is None else endpoint)
        self.urls = [posted_url(one, path) for one in endpoints]
        self._hints = {posted_url(one, path): _hint(one, path) for one in endpoints if has_own_path(one)}
        self._failover = Failover(self.urls, own["send_timeout"])
        self._max_connection_age: float = own["max_connection_age"]
        self._own_headers = check_headers(own["headers"])
        self._headers = {
            "User-Agent": "opentracing-zipkin",
            **self._own_headers,
            "Content-Type": media_type,
            # "b3: 0" keeps a proxy between us and the collector from tracing our own report.
            "b3": "0",
        }
        self._auth = check_auth(own["auth"])
        self._verify = True if own["ca_bundle"] is None else check_file("ca_bundle", own["ca_bundle"])
        self._cert = check_cert(own["client_cert"], own["client_key"])
        self._proxies = check_proxies(own["proxy"])
        self._compress: bool = own["compress"]
        if own["compress"] is None:
            self._compress = not all(map(_is_on_this_machine, self.urls))
        self._adapter: Adapter | None = None
        self.answered: Answer | None = None
        # Prepared once: preparing takes as long as sending.
        self._requests = {url: self._prepared(url) for url in self.urls}
        self._targets = {url: target_of(url) for url in self.urls}
        hide_in_log(urlsplit(str(request.url)).query for request in self._requests.values())

    def _prepared(self, url: str) -> requests.PreparedRequest:
        with suppress(requests.RequestException, ValueError):
            # Step by step, to leave out cookies: preparing them reads the clock, which the application's test may have mocked.
            request = requests.PreparedRequest()
            request.prepare_method("POST")
            request.prepare_url(url, None)
            request.prepare_headers(self._headers)
            request.prepare_body(None, None)
            request.prepare_auth(self._auth, url)
            return request
        raise WrongSetting("endpoint", f"is {shown_value(url)}; {REMEDY}")

    def send(self, body: bytes, /) -> None:
        encoding = None
        if self._compress and len(body) >= MIN_COMPRESSED_BYTES:
            body, encoding = _gzip(body), "gzip"
        self._failover.send(self._send_to, (body, encoding))

    def _send_to(self, url: str, message: tuple[bytes, str | None], timeout: float) -> None:
        body, encoding = message
        reason, may_pass = "", True
        self.answered = None
        try:
            request = self._requests[url]
            request.body = body
            request.headers["Content-Length"] = str(len(body))
            if encoding is None:
                request.headers.pop("Content-Encoding", None)
            else:
                request.headers["Content-Encoding"] = encoding
            adapter = self._connection()
            adapter.terms.ends_at_s = monotonic() + timeout
            adapter.terms.target = self._targets[url]
            answer: Any = adapter.send(
                request, stream=True, timeout=_UNCLOCKED, verify=self._verify, cert=self._cert, proxies=self._proxies
            )
            self.answered = answer._replace(raw=None)  # a reference to it would keep the socket open
            said, accepted = _beginning(answer), 200 <= answer.status < 300
        except Exception as error:  # raised by requests, by urllib3, or by a tool that blocks sockets in a test
            # A ValueError is due to the request itself, for instance to an impossible host name, so a retry makes no sense.
            reason = self._shown(reason_of(error), MAX_REASON_CHARS)
            may_pass = isinstance(error, OSError) or not isinstance(error, ValueError)
        if reason:  # raised outside the block, because the error above holds the whole URL
            raise SendError(f"{shown(url)}: {reason}", retryable=may_pass)
        if not accepted:
            raise self._refusal(url, answer, said)

    def _refusal(self, url: str, answer: Answer, said: str) -> SendError:
        status = answer.status
        said, reason = self._shown(said), self._shown(answer.reason)
        hint = self._hints.get(url, "") if status in _NO_SUCH_PATH else self._target(url, answer)
        # Zipkin's own limit answers 500, and only its body says why.
        too_large = status == 413 or (status == 500 and said.startswith("413"))
        return SendError(
            f"{shown(url)}: HTTP {status} {reason}{': ' + said if said else ''}{hint}",
            retryable=status in _RETRYABLE and not too_large and not said.startswith("Input is not in the GZIP format"),
            divisible=status == 400,
            too_large=too_large,
            retry_after=_seconds(answer.headers.get("Retry-After", "")),
        )

    def _target(self, url: str, answer: Answer) -> str:
        """The end of the error for a redirect: its target, without credentials; "" for another answer."""
        location = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
        if not location:
            return ""
        with suppress(ValueError):  # raised for a malformed address in brackets
            location = urljoin(url, location)
        return f"; it points to {self._shown(shown(location))}, and a redirect is not followed"

    def _shown(self, text: str, max_chars: int = MAX_ANSWER_CHARS) -> str:
        """The collector's or a library's words on one line, without our credentials, which they may repeat."""
        return line_without(self._secrets(), text, max_chars)

    def _secrets(self) -> Iterator[str]:
        prepared = self._requests.values()
        for url in (*self.urls, *self._proxies.values(), *(str(request.url) for request in prepared)):
            yield from in_url(url)
        yield from in_headers(self._own_headers.values())
        yield from in_headers(request.headers.get("Authorization", "") for request in prepared)
        if self._auth is not None:
            yield self._auth[1]

    def limit(self, seconds: float) -> None:
        self._failover.limit(seconds)

    def close(self) -> None:
        connection, self._adapter = self._adapter, None
        if connection is not None:
            connection.close()

    def renew_after_fork(self) -> None:
        """Close the inherited connections; the adapter is kept, because also its garbage collection would take a lock."""
        if self._adapter is not None:
            _parents.append(self._adapter)
            self._adapter = None
        drop_inherited_connections()

    def _connection(self) -> Adapter:
        # Not a Session, which would read the environment, keep cookies and look into redirects.
        if self._adapter is None:
            self._adapter = Adapter(self._max_connection_age)
        return self._adapter

    def __repr__(self) -> str:
        return f"HttpSender({', '.join(map(repr, map(shown, self.urls)))})"


def _hint(endpoint: str, path: str) -> str:
    """The end of the error for a server that does not know the endpoint's own path."""
    own, likely = urlsplit(endpoint).path, likely_path(endpoint, path)
    return f"; the path of the endpoint, {own}, is used exactly as it is; perhaps {likely} was meant"


def _is_on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _gzip(body: bytes) -> bytes:
    """The compressed body, without a time stamp, so that a retry sends the same bytes."""
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def _beginning(answer: Answer) -> str:
    """The beginning of the answer's body; the rest of a long one is not read."""
    first = b""
    for chunk in answer.raw.stream(MAX_ANSWER_BYTES, decode_content=True):
        if first:
            answer.raw.close()
            break
        first = chunk
    answer.raw.release_conn()
    return first.decode(errors="replace")


def _seconds(retry_after: str) -> float:
    """The header's number of seconds; 0 for a date, which is its other form, and for a malformed value."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0.0


def reason_of(error: BaseException) -> str:
    """The innermost cause, for instance 'Connection refused', without the errors around it."""
    while True:
        inner = error.__cause__ or error.__context__
        if inner is None:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        error = inner
