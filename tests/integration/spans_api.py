"""A real server's API for the tests of encodings: a message in, spans and dependencies out."""

from __future__ import annotations

import time
from typing import Any

import requests

from opentracing_zipkin.codec import encoder_named
from opentracing_zipkin.model import FinishedSpan

from ..opentracing_zipkin.codec.cases import span_of

__all__ = ["STORED_TIMEOUT_S", "SpansApi", "links_in_order"]

# A server answers 202 before it stores a message; a busy machine gets time.
STORED_TIMEOUT_S = 10.0


class SpansApi:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def send(self, encoding: str, body: bytes) -> None:
        """POST a message; AssertionError has the server's reason if it refuses the message."""
        codec = encoder_named(encoding)
        answer = self._session.post(self._url + codec.path, body, headers={"Content-Type": codec.media_type}, timeout=10)

        assert (202, "") == (answer.status_code, answer.text)

    def trace(self, trace_id: str, spans: int) -> list[FinishedSpan]:
        """A trace once it has this number of spans, or its spans so far after a while."""
        deadline = time.monotonic() + STORED_TIMEOUT_S
        while True:
            answer = self._session.get(f"{self._url}/api/v2/trace/{trace_id}", timeout=10)
            found = answer.json() if answer.ok else []
            if len(found) >= spans or time.monotonic() > deadline:
                return [span_of(fields) for fields in found]
            time.sleep(0.05)

    def links(self, begin_us: int, end_us: int) -> list[dict[str, Any]]:
        """The dependencies in traces that begin in this time."""
        query = {"endTs": end_us // 1000 - 1, "lookback": (end_us - begin_us) // 1000 - 1}
        answer = self._session.get(f"{self._url}/api/v2/dependencies", params=query, timeout=10)
        answer.raise_for_status()
        return links_in_order(answer.json())


def links_in_order(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The links, sorted by caller and then by called service."""
    return sorted(links, key=lambda link: (link["parent"], link["child"]))
