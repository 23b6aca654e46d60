"""The demo's requests to a collector."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opentracing_zipkin.demo import query
from opentracing_zipkin.demo.failure import DemoFailed
from opentracing_zipkin.demo.query import ZipkinClient
from opentracing_zipkin.demo.visits import Json, key_of

from .json_spans import ROOT, TRACE

KEYS = [key_of(span) for span in TRACE]


class Server(ThreadingHTTPServer):
    """Answers each GET with the next of `answers`, later with the last one again, and each POST with `post_status`."""

    daemon_threads = True
    answers: list[tuple[int, str]]
    asked: list[str]
    post_status = 202


class Connection(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers
        self.answer(*(answers.pop(0) if len(answers) > 1 else answers[0]))

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.server.post_status, "")

    def answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Connection) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def zipkin(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZipkinClient]:
    monkeypatch.setattr(query, "STORE_TIMEOUT_S", 0.5)
    zipkin = ZipkinClient(f"http://127.0.0.1:{server.server_port}/")
    yield zipkin
    zipkin.close()


def found(spans: list[Json]) -> tuple[int, str]:
    return 200, json.dumps(spans)


def test_a_trace_is_waited_for_until_it_is_whole(server: Server, zipkin: ZipkinClient) -> None:
    """A server that stores after its answer is asked again until every expected span is there."""
    server.answers = [(404, ""), found([ROOT]), found(TRACE)]

    assert TRACE == zipkin.trace("1", KEYS)


def test_missing_spans_are_named(server: Server, zipkin: ZipkinClient) -> None:
    """After the wait, each missing span is named by service, kind and name."""
    server.answers = [found(TRACE[1:])]

    with pytest.raises(DemoFailed, match=r"trace 1 is incomplete .* missing: orders local 'read'$"):
        zipkin.trace("1", KEYS)


def test_a_span_expected_twice_is_missed_once(server: Server, zipkin: ZipkinClient) -> None:
    """Expected spans are counted, not only looked for."""
    server.answers = [found(TRACE)]

    with pytest.raises(DemoFailed, match=r"missing: frontend server 'get /'$"):
        zipkin.trace("1", [*KEYS, key_of(ROOT)])


def test_what_is_no_zipkin_is_said(server: Server, zipkin: ZipkinClient) -> None:
    """A server without the query API, or without the collector's API, is an error with its answer."""
    server.answers = [(200, "<html>")]
    server.post_status = 405

    with pytest.raises(DemoFailed, match=r"/api/v2/trace/1 is no trace: "):
        zipkin.trace("1", KEYS)
    with pytest.raises(DemoFailed, match=r"takes no spans: HTTP 405"):
        zipkin.check()


def test_a_collector_that_went_away_is_said(server: Server, zipkin: ZipkinClient) -> None:
    """If the server does not answer when the traces are read, the error tells so in a few words."""
    server.shutdown()
    server.server_close()

    with pytest.raises(
        DemoFailed, match=r"^http://127\.0\.0\.1:\d+ accepted the spans, but does not answer now \(ConnectionError\)$"
    ):
        zipkin.trace("1", KEYS)


@pytest.mark.parametrize(
    ("endpoint", "shown", "posted"),
    [
        ("http://h:9411/zipkin/", "http://h:9411", "http://h:9411/api/v2/spans"),
        ("https://h/prefix/", "https://h/prefix", "https://h/prefix/api/v2/spans"),
        ("https://u:p@h/prefix/api/v1/spans?key=k", "https://h/prefix", "https://u:p@h/prefix/api/v2/spans?key=k"),
    ],
)
def test_any_path_is_a_prefix_and_no_credential_is_shown(endpoint: str, shown: str, posted: str) -> None:
    """Any path of the endpoint is a prefix, and the services report below it; no credential is shown."""
    with contextlib.closing(ZipkinClient(endpoint)) as zipkin:
        assert (shown, posted) == (zipkin.url, zipkin.endpoint)


def test_a_failure_shows_no_credential(server: Server) -> None:
    """An error shows neither user and password nor the query, but they are sent."""
    server.answers = [(500, "")]
    server.post_status = 405
    for port in (server.server_port, 9):
        with contextlib.closing(ZipkinClient(f"http://user:secret@127.0.0.1:{port}/p?key=secret")) as zipkin:
            for ask in (zipkin.check, lambda zipkin=zipkin: zipkin.trace("1", KEYS)):
                with pytest.raises(DemoFailed, match=rf"http://127\.0\.0\.1:{port}/p") as caught:
                    ask()
                assert "secret" not in str(caught.value)
                assert caught.value.__cause__ is None
    assert ["/p/api/v2/spans?key=secret", "/p/api/v2/trace/1?key=secret"] == server.asked


def test_an_unreachable_collector_is_said_with_the_remedy() -> None:
    """If no collector answers, the error names the address and the way to get a collector."""
    zipkin = ZipkinClient("http://127.0.0.1:9")

    with pytest.raises(DemoFailed, match=r"no collector answers at http://127.0.0.1:9 .*make zipkin"):
        zipkin.check()
    zipkin.close()
