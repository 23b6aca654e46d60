"""HTTP with requests: one kept connection, no redirects, nothing taken from the environment.

Rules: any 2xx is success.  A redirect is a failure: requests would turn the POST into a GET and call a login page success.
Certificates are verified, always.  Credentials appear neither in errors nor in a repr.
"""

from __future__ import annotations

import ipaddress
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.utils import check_header_validity

from ..option import WrongSetting, taken
from ..options import DEFAULT_ENDPOINT, ConnectionOptions
from . import SendError
from .deadline import DeadlineAdapter, drop_inherited_connections, set_deadline

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["HttpSender", "base_url", "base_urls"]

_RETRYABLE = frozenset((408, 429, 500, 502, 503, 504))

# Level 1 makes 320 bytes of JSON a span into 41, for 1.3 µs where encoding takes 3.5; level 6 into 36, for 3.4 µs.
GZIP_LEVEL = 1
MIN_COMPRESSED_BYTES = 1024
MAX_ANSWER_BYTES = 4096

_parents: list[DeadlineAdapter] = []  # of the processes that this one was forked from


def base_url(endpoint: str) -> str:
    """A collector's address without the path of a wire format.  Raises ValueError where it is no http(s) URL."""
    parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongSetting("endpoint", f"is {endpoint!r}; use the collector's URL, for instance {DEFAULT_ENDPOINT}")
    try:
        _ = parts.port
    except ValueError as error:
        raise WrongSetting("endpoint", f"is {endpoint!r}; {error}") from error
    path = parts.path.rstrip("/")
    for suffix in ("/api/v1/spans", "/api/v2/spans"):
        path = path.removesuffix(suffix)
    return f"{parts.scheme}://{parts.netloc}{path}"


def base_urls(endpoint: str | Sequence[str]) -> list[str]:
    """`base_url` of each of several addresses, in a list or separated by commas."""
    endpoints = [part.strip() for part in endpoint.split(",")] if isinstance(endpoint, str) else endpoint
    if not isinstance(endpoints, (list, tuple)) or not endpoints:
        raise WrongSetting("endpoint", f"is {endpoint!r}; use the collector's URL, for instance {DEFAULT_ENDPOINT}")
    return [base_url(one) for one in endpoints]


class HttpSender:
    """Owns a connection to the collector; may be used from one thread at a time.

    `path` and `media_type` are the encoder's.  The other arguments are the settings of the group SendingOptions, as in
    docs/reference/configuration.md.  Raises ValueError that names a wrong value and the remedy.
    """

    max_bytes = 512 * 1024

    def __init__(
        self,
        endpoint: str | Sequence[str] | None,
        path: str,
        media_type: str,
        **given: Unpack[ConnectionOptions],
    ) -> None:
        own = taken("HttpSender()", ConnectionOptions, given)
        self.urls = [url + path for url in base_urls(DEFAULT_ENDPOINT if endpoint is None else endpoint)]
        self._current = 0
        self._timeout: float = own["send_timeout"]
        self._headers = {
            "User-Agent": "opentracing-zipkin",
            **_checked_headers(own["headers"]),
            "Content-Type": media_type,
            # "b3: 0" keeps a proxy between us and the collector from tracing our own report.
            "b3": "0",
        }
        self._auth = _checked_auth(own["auth"])
        self._verify = True if own["ca_bundle"] is None else _checked_file("ca_bundle", own["ca_bundle"])
        self._cert = _checked_cert(own["client_cert"], own["client_key"])
        self._proxies = _checked_proxies(own["proxy"])
        self._compress: bool = own["compress"]
        if own["compress"] is None:
            self._compress = not all(map(_is_on_this_machine, self.urls))
        self._adapter: DeadlineAdapter | None = None
        # Prepared once: preparing takes as long as sending.
        self._requests = {url: requests.Request("POST", url, self._headers, auth=self._auth).prepare() for url in self.urls}

    def send(self, body: bytes, /) -> None:
        encoding = None
        if self._compress and len(body) >= MIN_COMPRESSED_BYTES:
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
            request = self._requests[url]
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

    def close(self) -> None:
        connection, self._adapter = self._adapter, None
        if connection is not None:
            connection.close()

    def renew_after_fork(self) -> None:
        """Give back what a forked process has inherited; the adapter is kept, because its end, too, takes a lock."""
        if self._adapter is not None:
            _parents.append(self._adapter)
            self._adapter = None
        drop_inherited_connections()

    def _connection(self) -> DeadlineAdapter:
        # An adapter and no Session, which would add what it finds in the environment, keep cookies and look into redirects.
        if self._adapter is None:
            self._adapter = DeadlineAdapter()
        return self._adapter

    def __repr__(self) -> str:
        return f"HttpSender({', '.join(map(repr, map(_shown, self.urls)))})"


def _checked_headers(headers: Any) -> dict[str, str]:
    if headers is None:
        return {}
    remedy = "use a dict from names to values, for instance {'X-Tenant': 'blue'}"
    if not isinstance(headers, Mapping):
        raise WrongSetting("headers", f"is {headers!r}; {remedy}")
    for name, value in headers.items():
        try:
            check_header_validity((name, value))
        except requests.exceptions.InvalidHeader as error:
            raise WrongSetting("headers", f"has {name!r} with a value that cannot be sent; {remedy}") from error
    return dict(headers)


def _checked_auth(auth: Any) -> tuple[str, str] | None:
    if auth is not None and not (isinstance(auth, (tuple, list)) and [str, str] == [type(part) for part in auth]):
        raise WrongSetting("auth", "is no pair of texts; use ('user', 'password')")
    return None if auth is None else (auth[0], auth[1])


def _checked_file(name: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)) or not os.path.exists(path):
        raise WrongSetting(name, f"is {path!r}; use the path of an existing PEM file")
    return os.fspath(path)


def _checked_cert(cert: Any, key: Any) -> str | tuple[str, str] | None:
    if key is not None and cert is None:
        raise WrongSetting(
            "client_key", "is given without client_cert; give both, or client_cert alone with the key in its file"
        )
    if cert is None:
        return None
    cert = _checked_file("client_cert", cert)
    return cert if key is None else (cert, _checked_file("client_key", key))


def _checked_proxies(proxy: Any) -> dict[str, str]:
    proxies = dict(proxy) if isinstance(proxy, Mapping) else {} if proxy is None else {"http": proxy, "https": proxy}
    for url in proxies.values():
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or not parts.hostname or parts.scheme not in ("http", "https"):
            shown = _shown(url) if isinstance(url, str) else url
            raise WrongSetting("proxy", f"is {shown!r}; use its URL, for instance http://proxy.example:3128")
    return proxies


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
    for chunk in response.iter_content(MAX_ANSWER_BYTES):
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
