"""The demo's client of the collector: checks that it is there, and reads the spans that it stored.

Rules: only Zipkin's HTTP API v2 is used, so that any Zipkin-compatible server will do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import requests

from ..senders.collector_url import server_url
from ..senders.url import shown
from .failure import DemoFailed
from .visits import Json, SpanKey, key_of

__all__ = ["ZipkinClient"]

# A server answers before it has stored the spans, and a storage with an index needs a second or two.
STORE_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 5.0

_PROBE = {"Content-Type": "application/json", "b3": "0"}


class ZipkinClient:
    """A Zipkin-compatible server at a base URL; raises ValueError where that is no URL.

    `url` is for people, without credentials; `endpoint` is for tracers.
    """

    def __init__(self, endpoint: str) -> None:
        self._server = endpoint
        self.url = shown(server_url(endpoint, "")).partition("?")[0]
        self.endpoint = server_url(endpoint, "/api/v2/spans")
        self._session = requests.Session()
        self._session.trust_env = False

    def check(self) -> None:
        """Raise DemoFailed if no collector takes spans."""
        try:
            # Sending the empty list is the documented probe of a collector.
            response = self._session.post(self.endpoint, data=b"[]", headers=_PROBE, timeout=REQUEST_TIMEOUT_S)
        except requests.RequestException as error:
            response, failure = None, type(error).__name__
        if response is None:  # outside the except block, because the error shows the whole URL
            raise DemoFailed(
                f"no collector answers at {self.url} ({failure}); start one, for instance with `make zipkin`, "
                "or leave out --endpoint (ZIPKIN=) to use the embedded one"
            )
        if not response.ok:
            raise DemoFailed(
                f"{self.url} takes no spans: HTTP {response.status_code} {response.reason}; is it a Zipkin server's base URL?"
            )

    def trace(self, trace_id: str, expected: Sequence[SpanKey]) -> list[Json]:
        """The spans of a trace, when all expected ones are there; raises DemoFailed that names the missing ones."""
        deadline = time.monotonic() + STORE_TIMEOUT_S
        while True:
            spans = self._stored(trace_id)
            missing = Counter(expected) - Counter(key_of(span) for span in spans)
            if not missing:
                return spans
            if time.monotonic() > deadline:
                names = ", ".join(f"{key.service} {key.kind.lower() or 'local'} '{key.name}'" for key in missing)
                raise DemoFailed(f"trace {trace_id} is incomplete at {self.url}; missing: {names}")
            time.sleep(0.1)

    def _stored(self, trace_id: str) -> list[Json]:
        try:
            response = self._session.get(server_url(self._server, f"/api/v2/trace/{trace_id}"), timeout=REQUEST_TIMEOUT_S)
        except requests.RequestException as error:
            response, failure = None, type(error).__name__
        if response is None:
            raise DemoFailed(f"{self.url} accepted the spans, but does not answer now ({failure})")
        if response.status_code == 404:
            return []
        if not response.ok:
            raise DemoFailed(f"{self.url}/api/v2/trace/{trace_id} is no trace: HTTP {response.status_code} {response.reason}")
        try:
            spans: list[Json] = response.json()
        except ValueError as error:
            raise DemoFailed(f"{self.url}/api/v2/trace/{trace_id} is no trace: {error}") from error
        return spans

    def close(self) -> None:
        self._session.close()
