"""HTTP with requests: one kept connection, no redirects, nothing taken from the environment.

Rules: any 2xx is success.  A redirect is a failure: requests would turn the POST into a GET and call a login page success.
Certificates are verified, always.  Credentials appear neither in errors nor in a repr.
"""

from __future__ import annotations

import ipaddress
import time
import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import requests

from . import SendError
from .deadline import DeadlineAdapter, set_deadline

__all__ = ["HttpSender", "base_url", "base_urls"]

_RETRYABLE = frozenset((408, 429, 500, 502, 503, 504))

# Level 1 makes 320 bytes of JSON a span into 41, for 1.3 µs where encoding takes 3.5; level 6 into 36, for 3.4 µs.
GZIP_LEVEL = 1
SHORTEST_TO_COMPRESS = 1024
LONGEST_ANSWER = 4096


def base_url(endpoint: str) -> str:
    """A collector's address without the path of a wire format.  Raises ValueError where it is no http(s) URL."""
    parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"endpoint is {endpoint!r}; use the collector's URL, for instance http://localhost:9411")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"endpoint is {endpoint!r}; {error}") from error
    path = parts.path.rstrip("/")
    for suffix in ("/api/v1/spans", "/api/v2/spans"):
        path = path.removesuffix(suffix)
    return f"{parts.scheme}://{parts.netloc}{path}"


def base_urls(endpoint: str | Sequence[str]) -> list[str]:
    """`base_url` of each of several addresses, in a list or separated by commas."""
    endpoints = [part.strip() for part in endpoint.split(",")] if isinstance(endpoint, str) else endpoint
    if not isinstance(endpoints, (list, tuple)) or not endpoints:
        raise ValueError(f"endpoint is {endpoint!r}; use the collector's URL, for instance http://localhost:9411")
    return [base_url(one) for one in endpoints]


class HttpSender:
    """Owns a connection to the collector; may be used from one thread at a time.

    `endpoint`: one URL or several, of which the next is tried where one does not answer.  `timeout`: seconds to connect, and
    from the start of a request to the end of its answer.  `headers`: sent with each request.  `auth`: user and password; a
    URL may have them as well.  `ca_bundle`: a file or folder of certificates to trust in place of the usual ones.
    `client_cert`, `client_key`: files with ours.  `proxy`: a URL.  `compress`: gzip; by default for every collector that is
    not on this machine.
    """

    max_bytes = 512 * 1024

    def __init__(
        self,
        endpoint: str | Sequence[str],
        path: str,
        media_type: str,
        timeout: float = 10.0,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        ca_bundle: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        proxy: str | None = None,
        compress: bool | None = None,
    ) -> None:
        self.urls = [url + path for url in base_urls(endpoint)]
        self._current = 0
        self._timeout = timeout
        self._headers = {
            "User-Agent": "opentracing-zipkin",
            **(headers or {}),
            "Content-Type": media_type,
            # "b3: 0" keeps a proxy between us and the collector from tracing our own report.
            "b3": "0",
        }
        self._auth = auth
        self._verify = True if ca_bundle is None else ca_bundle
        self._cert = client_cert if client_cert is None or client_key is None else (client_cert, client_key)
        self._proxies = {} if proxy is None else {"http": proxy, "https": proxy}
        self._compress = not all(map(_is_on_this_machine, self.urls)) if compress is None else compress
        self._adapter: DeadlineAdapter | None = None
        self._requests: dict[str, requests.PreparedRequest] = {}

    def send(self, body: bytes, /) -> None:
        encoding = None
        if self._compress and len(body) >= SHORTEST_TO_COMPRESS:
            body, encoding = _gzip(body), "gzip"
        for _ in self.urls[1:]:
            try:
                return self._send_to(self.urls[self._current], body, encoding)
            except SendError as error:
                if not error.retryable:
                    raise
            # Whichever answers last is the first to be asked next time.
            self._current = (self._current + 1) % len(self.urls)
        return self._send_to(self.urls[self._current], body, encoding)

    def _send_to(self, url: str, body: bytes, encoding: str | None) -> None:
        try:
            request = self._request(url)
            request.body = body
            request.headers["Content-Length"] = str(len(body))
            if encoding is None:
                request.headers.pop("Content-Encoding", None)
            else:
                request.headers["Content-Encoding"] = encoding
            set_deadline(time.monotonic() + self._timeout)
            response = self._connection().send(
                request, stream=True, timeout=self._timeout, verify=self._verify, cert=self._cert, proxies=self._proxies
            )
            said = _beginning(response)
        except (requests.RequestException, OSError) as error:
            raise SendError(f"{_shown(url)}: {_reason(error)}", retryable=True) from error
        if not 200 <= response.status_code < 300:
            raise _refusal(_shown(url), response, said)

    def _request(self, url: str) -> requests.PreparedRequest:
        """Prepared once: preparing takes as long as sending."""
        request = self._requests.get(url)
        if request is None:
            request = self._requests[url] = requests.Request("POST", url, self._headers, auth=self._auth).prepare()
        return request

    def close(self) -> None:
        connection, self._adapter = self._adapter, None
        if connection is not None:
            connection.close()

    def _connection(self) -> DeadlineAdapter:
        # An adapter and no Session, which would add what it finds in the environment, keep cookies and look into redirects.
        if self._adapter is None:
            self._adapter = DeadlineAdapter()
        return self._adapter

    def __repr__(self) -> str:
        return f"HttpSender({', '.join(map(repr, map(_shown, self.urls)))})"


def _shown(url: str) -> str:
    """The URL without credentials."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _gzip(body: bytes) -> bytes:
    """The same bytes for the same body: no time stamp inside, so that what is sent again is equal."""
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def _beginning(response: requests.Response) -> str:
    """What the server says, as far as anyone will read it; the rest of a long answer is left to it."""
    first = b""
    for chunk in response.iter_content(LONGEST_ANSWER):
        if first:
            response.close()
            break
        first = chunk
    return " ".join(first[:200].decode(errors="replace").split())


def _refusal(url: str, response: requests.Response, said: str) -> SendError:
    status = response.status_code
    # Zipkin's own limit answers 500, and only its body says why.
    too_large = status == 413 or (status == 500 and said.startswith("413"))
    return SendError(
        f"{url}: HTTP {status} {response.reason}{': ' + said if said else ''}",
        retryable=status in _RETRYABLE and not too_large and not said.startswith("Input is not in the GZIP format"),
        divisible=status == 400,
        too_large=too_large,
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def _seconds(retry_after: str) -> float:
    """The header's number of seconds; 0 for its other form, a date, and for nonsense."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0.0


def _reason(error: BaseException) -> str:
    """The innermost cause: 'Connection refused' rather than three layers around it."""
    while True:
        inner = error.__cause__ or error.__context__
        if inner is None:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        error = inner
