"""The embedded collector's query API beside the real server's: the same spans, the same requests, the same answers, in both stores."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from opentracing_zipkin.collector import Collector
from opentracing_zipkin.collector.stores.sqlite import SqliteStore

from . import query_cases
from .zipkin_server import ZipkinServer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "collector.md"

# Where the answers differ, by the request, and why; docs/reference/collector.md has the same reasons.
DIFFERENCES = {
    r"GET /health": "Names the storage, which is another one.",
    r"GET /info": "Names the version, which is another one.",
    r"GET /metrics": "Has only the HTTP transport; has figures of the storage.",
    r"GET /(zipkin/)?": "The page is at `/` and `/zipkin/` leads there; a real server has it at `/zipkin/`, and `/` leads there.",
    r"GET /api/v2/trace/1%20": "An id with a space behind it is refused; a real server finds the id.",
    r"GET /api/v2/trace/d4d4d4d4d4d4d4d4": "A trace is found by the low half of its id; by default a real server does not find it (STRICT_TRACE_ID).",
    r"GET /api/v2/trace/(abababababababab)?0101010101010101|GET /api/v2/traces\?endTs=NOW-3369600000.*": (
        "Spans of one trace that have 64-bit and 128-bit ids are one trace; by default a real server answers two, and joins them for dependencies only."
    ),
    r"GET /api/v2/traces\?lookback=9223372036854775807": "A lookback of 292 million years finds all traces; a real server's number overflows and it finds none.",
}

STORED_WITHIN_S = 10.0


class Side:
    """One of the two, as it is asked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def send(self, spans: Any) -> None:
        assert 202 == self._session.post(self._url + "/api/v2/spans", json=spans, timeout=20).status_code

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """The status and the JSON in the body; None for a body that is none.  Links have no order."""
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
    """A real server, and our collector with each of its stores, which were sent the same spans."""
    file = SqliteStore(tmp_path_factory.mktemp("store") / "traces.db")
    with ZipkinServer() as server, Collector() as collector, Collector(store=file) as with_file, closing(file):
        sides = [Side(running.url) for running in (server, collector, with_file)]
        for side in sides:
            for message in query_cases.messages(now_ms):
                side.send(message)
        deadline = time.monotonic() + STORED_WITHIN_S
        while sides[0].ask("GET", "/api/v2/trace/a1")[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        yield sides
        for side in sides:
            side.close()


def test_the_same_requests_have_the_same_answers(sides: list[Side], now_ms: int) -> None:
    """Status and JSON are those of a real server, but for the differences that are listed, all of which there are."""
    cases = query_cases.cases(now_ms)
    found = {name: _answers(sides, method, path) for name, method, path in cases}
    unlike = {name: answers for name, answers in found.items() if not _are_alike(answers)}
    listed = {name: pattern for name in unlike for pattern in DIFFERENCES if re.fullmatch(pattern, name)}

    assert len(cases) > 350
    assert {} == {name: answers for name, answers in unlike.items() if name not in listed}
    assert set(DIFFERENCES) == set(listed.values())


def _answers(sides: list[Side], method: str, path: str) -> list[tuple[int, Any]]:
    """All of them; asked again where they differ, because a span may have left a window of time between one and the other."""
    for _ in range(3):
        answers = [side.ask(method, path) for side in sides]
        if _are_alike(answers):
            break
    return answers


def _are_alike(answers: list[tuple[int, Any]]) -> bool:
    return all(answer == answers[0] for answer in answers)


def test_the_manual_lists_the_differences() -> None:
    """Each difference stands in docs/reference/collector.md."""
    text = PAGE.read_text()

    assert [] == [reason for reason in DIFFERENCES.values() if reason not in text]


def test_the_searches_find_something(sides: list[Side], now_ms: int) -> None:
    """The cases are no comparison of nothing with nothing: a third of the searches find traces, and as many are refused."""
    searches = [path for _, _, path in query_cases.cases(now_ms) if path.startswith("/api/v2/traces?")]
    answers = [sides[1].ask("GET", path) for path in searches]

    assert len(searches) / 3 < sum(bool(body) for _, body in answers)
    assert len(searches) / 4 < sum(status == 400 for status, _ in answers)
