"""HTTP with requests: one kept connection, no redirects, nothing taken from the environment.

Rules: any 2xx is success.  A redirect is a failure: requests would turn the POST into a GET and call a login page success.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from . import SendError

__all__ = ["HttpSender", "base_url"]

_RETRYABLE = frozenset((408, 429, 500, 502, 503, 504))


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


class HttpSender:
    """Owns a connection to the collector; may be used from one thread at a time."""

    max_bytes = 512 * 1024

    def __init__(self, endpoint: str, path: str, media_type: str, timeout: float = 10.0) -> None:
        self.url = base_url(endpoint) + path
        self._timeout = timeout
        self._headers = {
            "Content-Type": media_type,
            "User-Agent": "opentracing-zipkin",
            # "b3: 0" keeps a proxy between us and the collector from tracing our own report.
            "b3": "0",
        }
        self._session: requests.Session | None = None

    def send(self, body: bytes, /) -> None:
        try:
            response = self._connection().post(
                self.url, data=body, headers=self._headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise SendError(f"{self._shown_url()}: {_reason(error)}", retryable=True) from error
        if not 200 <= response.status_code < 300:
            raise _refusal(self._shown_url(), response)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connection(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False
        return self._session

    def _shown_url(self) -> str:
        """The URL without credentials."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def __repr__(self) -> str:
        return f"HttpSender({self._shown_url()!r})"


def _refusal(url: str, response: requests.Response) -> SendError:
    said = " ".join(response.text[:200].split())
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
