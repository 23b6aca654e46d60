"""The embedded collector's query API beside the real server's: equal spans and requests have equal answers, in both stores."""

from __future__ import annotations

import gzip
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.collector.stores.sqlite import SqliteStore

from . import query_cases, query_spans
from .spans_api import STORED_TIMEOUT_S
from .zipkin_server import ZipkinServer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "collector.md"

# Requests whose answers differ, and why; docs/reference/collector.md has the same reasons.
DIFFERENCES = {
    r"GET /health": "The answer names another storage.",
    r"GET /info": "The answer names another version.",
    r"GET /metrics": "The answer has only the HTTP transport, and it has figures of the storage.",
    r"GET /(zipkin/)?": "The page is at `/`, and `/zipkin/` leads to it; a real server has it at `/zipkin/`, and `/` leads to it.",
    r"GET /api/v2/trace/1%20": "An id followed by a space is refused; a real server finds the id.",
    r"GET /api/v2/trace/d4d4d4d4d4d4d4d4": "A trace is found by the low half of its id; by default a real server does not find it (STRICT_TRACE_ID).",
    r"GET /api/v2/trace/(abababababababab)?0101010101010101|GET /api/v2/traces\?endTs=NOW-3369600000.*": (
        "Spans of one trace that have 64-bit and 128-bit ids are one trace; by default a real server answers two, and joins them for dependencies only."
    ),
    r"GET /api/v2/traces\?lookback=9223372036854775807": "A lookback of 292 million years finds all traces; a real server's number overflows and it finds none.",
}

# Messages that leave no span if they are accepted, by name.
JSON, GZIP = {"Content-Type": "application/json"}, {"Content-Encoding": "gzip"}
PROTO3, THRIFT = {"Content-Type": "application/x-protobuf"}, {"Content-Type": "application/x-thrift"}
V1, V2 = "/api/v1/spans", "/api/v2/spans"
MESSAGES: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "nothing": (V2, b"", {}),
    "nothing in version 1": (V1, b"", {}),
    "an empty list": (V2, b"[]", JSON),
    "an empty list in version 1": (V1, b"[]", JSON),
    "an empty list of no type": (V2, b"[]", {}),
    "an empty list as text": (V2, b"[]", {"Content-Type": "text/plain"}),
    "an empty list as a form": (V2, b"[]", {"Content-Type": "application/x-www-form-urlencoded"}),
    "an empty list with a charset": (V2, b"[]", {"Content-Type": "application/json; charset=utf-8"}),
    "an empty list, compressed": (V2, gzip.compress(b"[]"), GZIP),
    "an empty list in two members": (V2, gzip.compress(b"[") + gzip.compress(b"]"), GZIP),
    "nothing, compressed": (V2, gzip.compress(b""), GZIP),
    "an empty list, compressed in another way": (V2, zlib.compress(b"[]"), {"Content-Encoding": "deflate"}),
    "an object": (V2, b"{}", JSON),
    "null": (V2, b"null", JSON),
    "text": (V2, b"hello", JSON),
    "an empty span": (V2, b"[{}]", JSON),
    "half a list": (V2, b"[{", JSON),
    "a comma too many": (V2, b"[,]", JSON),
    "a span without an id": (V2, b'[{"traceId":"1"}]', JSON),
    "a span of version 1": (V2, b'[{"traceId":"1","id":"1","binaryAnnotations":[]}]', JSON),
    "a span of version 2": (V1, b'[{"traceId":"1","id":"1","localEndpoint":{}}]', JSON),
    "a deep span": (V2, b'[{"traceId":"' + b"[" * 5000 + b"]" * 5000 + b'"}]', JSON),
    "an empty list in proto3": (V2, b"", PROTO3),
    "half a span in proto3": (V2, b"\x0a\x10\x0a", PROTO3),
    "an empty list in Thrift": (V1, b"\x0c\0\0\0\0", THRIFT),
    "half a list in Thrift": (V1, b"\x0c\0\0\0\1", THRIFT),
    "JSON as proto3": (V2, b"[]", PROTO3),
    "JSON as Thrift": (V1, b"[]", THRIFT),
    "Thrift in version 2": (V2, b"\x0c\0\0\0\0", THRIFT),
    "proto3 in version 1": (V1, b"\x0a\x10\x0a", PROTO3),
    "a slash too many": (V2 + "/", b"[]", JSON),
    "below the page": ("/zipkin" + V2, b"[]", JSON),
    "another path": ("/api/v2/traces", b"[]", JSON),
    "no gzip": (V2, b"[" + b" " * 100 + b"]", GZIP),
    "ten megabytes and one": (V2, b" " * (10 * 1024 * 1024 + 1), JSON),
}

# Messages whose statuses differ, and why.
MESSAGES_UNLIKE = {
    "nothing, compressed": "An empty gzip member is an empty message; a real server answers 400.",
    "JSON as proto3": "A message of two bytes in proto3 or Thrift is decoded, and answered 400; a real server treats it as an empty message.",
    "JSON as Thrift": "A message of two bytes in proto3 or Thrift is decoded, and answered 400; a real server treats it as an empty message.",
    "Thrift in version 2": "A binary format on the other version's path is answered 415; a real server reads it as JSON and answers 400.",
    "proto3 in version 1": "A binary format on the other version's path is answered 415; a real server reads it as JSON and answers 400.",
    "below the page": "Spans are not accepted below `/zipkin`, which is answered 404; a real server answers 405.",
    "no gzip": "A body whose header says gzip, and which is not gzip, is answered 400; a real server answers 500.",
    "ten megabytes and one": "A body over 10 MiB is answered 413; a real server answers 500.",
}


class Side:
    """The real server or a collector, with its own session."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def send(self, spans: Any) -> None:
        assert 202 == self._session.post(self._url + "/api/v2/spans", json=spans, timeout=20).status_code

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status; the client adds no header that describes the body."""
        return self._session.post(self._url + path, data=body, headers=headers, timeout=20).status_code

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """The status and the JSON in the body, None for another body; links are sorted."""
        answer = self._session.request(method, self._url + path, allow_redirects=False, timeout=20)
        if not answer.headers.get("Content-Type", "").startswith("application/json"):
            return answer.status_code, None
        body = answer.json()
        return answer.status_code, sorted(body, key=str) if "/dependencies" in path else body


@pytest.fixture(scope="module")
def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture(scope="module")
def sides(now_ms: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    """A real server, and our collector with each of its stores, which got the same spans."""
    file = SqliteStore(tmp_path_factory.mktemp("store") / "traces.db")
    with ZipkinServer() as server, Collector() as collector, Collector(store=file) as with_file, closing(file):
        sides = [Side(running.url) for running in (server, collector, with_file)]
        for side in sides:
            for message in query_spans.messages(now_ms):
                side.send(message)
        deadline = time.monotonic() + STORED_TIMEOUT_S
        while sides[0].ask("GET", "/api/v2/trace/a1")[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        yield sides
        for side in sides:
            side.close()


def test_the_same_requests_have_the_same_answers(sides: list[Side], now_ms: int) -> None:
    """Status and JSON are those of a real server, except for the listed differences, all of which occur."""
    cases = query_cases.cases(now_ms)
    found = {name: _answers(sides, method, path) for name, method, path in cases}
    unlike = {name: answers for name, answers in found.items() if not _are_alike(answers)}
    listed = {name: pattern for name in unlike for pattern in DIFFERENCES if re.fullmatch(pattern, name)}

    assert len(cases) > 350
    assert {} == {name: answers for name, answers in unlike.items() if name not in listed}
    assert set(DIFFERENCES) == set(listed.values())


def test_the_same_messages_have_the_same_answers(sides: list[Side]) -> None:
    """Statuses are those of a real server, except for the listed differences, all of which occur."""
    statuses = {name: [side.post(*message) for side in sides] for name, message in MESSAGES.items()}

    assert set(MESSAGES_UNLIKE) == {name for name, found in statuses.items() if not _are_alike(found)}, statuses


def _answers(sides: list[Side], method: str, path: str) -> list[tuple[int, Any]]:
    """All answers; they are repeated if they differ, because a span may have left a time range in between."""
    for _ in range(3):
        answers = [side.ask(method, path) for side in sides]
        if _are_alike(answers):
            break
    return answers


def _are_alike(answers: Sequence[object]) -> bool:
    return all(answer == answers[0] for answer in answers)


def test_the_manual_lists_the_differences() -> None:
    """docs/reference/collector.md contains each difference."""
    text = PAGE.read_text()

    assert [] == [reason for reason in (*DIFFERENCES.values(), *MESSAGES_UNLIKE.values()) if reason not in text]


def test_the_searches_find_something(sides: list[Side], now_ms: int) -> None:
    """A third of the searches find traces, and a quarter are refused, so the comparison is not one of empty answers."""
    searches = [path for _, _, path in query_cases.cases(now_ms) if path.startswith("/api/v2/traces?")]
    answers = [sides[1].ask("GET", path) for path in searches]

    assert len(searches) / 3 < sum(bool(body) for _, body in answers)
    assert len(searches) / 4 < sum(status == 400 for status, _ in answers)
