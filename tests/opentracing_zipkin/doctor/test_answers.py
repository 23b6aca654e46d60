"""A collector's answers, and the spans that it shows later, are findings with remedies; tested with faulty servers."""

from __future__ import annotations

from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

import flask
import pytest

from opentracing_zipkin.codec import proto3
from opentracing_zipkin.doctor import probe
from opentracing_zipkin.doctor.examination import Examination
from opentracing_zipkin.doctor.report import Finding, exit_status

from ..senders.raw_server import raw_server, saying
from .servers import HTML, Behaviour, low_half, served

REDIRECT = {"Location": "https://me:hunter2@login.example/zipkin?key=hunter2"}


class Case(NamedTuple):
    """A server's behaviour, the findings that matter, and words that are in the last of them."""

    does: Behaviour
    codes: tuple[str, ...]
    words: tuple[str, ...] = ()
    path: str = ""
    exit_status: int = 1
    settings: tuple[tuple[str, str], ...] = ()


def keeping(share: float) -> Behaviour:
    """A server that keeps only a part of the traces, as with COLLECTOR_SAMPLE_RATE."""
    return Behaviour(keeps=lambda span: span.debug or abs(low_half(span.trace_id)) <= share * (1 << 63))


CASES: dict[str, Case] = {
    "all is well": Case(Behaviour(), ("accepted", "found", "ids-apart", "clock-agrees"), exit_status=0),
    "ids of both lengths are one": Case(
        Behaviour(finds=lambda asked, kept: low_half(asked) == low_half(kept)), ("ids-together",), exit_status=0
    ),
    "ids of 64 bits at a strict server": Case(
        Behaviour(), ("ids-short",), ("STRICT_TRACE_ID",), exit_status=0, settings=(("TRACE_ID_BITS", "64"),)
    ),
    "a server that cuts ids": Case(
        Behaviour(finds=lambda asked, kept: asked == kept[-16:]), ("keeps-a-part", "ids-cut"), ("ZIPKIN_TRACE_ID_BITS=64",)
    ),
    "400": Case(Behaviour(400, body="no \x1b[31mspans"), ("not-understood",), (r"\x1b[31m",)),
    "401": Case(Behaviour(401, body="who are you?"), ("unauthenticated",), ("who are you?", "ZIPKIN_AUTH")),
    "403": Case(Behaviour(403), ("forbidden",), ("allow POST",)),
    "404": Case(Behaviour(404), ("wrong-path",), ("probably not a Zipkin server", "host and the port")),
    "404 at a path of one's own": Case(
        Behaviour(404), ("own-path", "wrong-path"), ("a message at http", "/collector/api/v2/spans or "), "/collector"
    ),
    "404, and the right path is near": Case(
        Behaviour(404, path="/zipkin/api/v2/spans"), ("right-path",), ("/zipkin/api/v2/spans has accepted",)
    ),
    "405, and the right path is near": Case(
        Behaviour(405, path="/api/v2/spans"),
        ("own-path", "right-path"),
        ("/api/v2/spans has accepted", "set ZIPKIN_ENDPOINT=http://127.0.0.1:"),
        "/zipkin/traces",
    ),
    "407": Case(Behaviour(407), ("proxy-authentication",), ("http://user:password@proxy:port",)),
    "408": Case(Behaviour(408), ("request-timeout",)),
    "413": Case(Behaviour(413), ("too-large",), ("client_max_body_size",)),
    "413 as Zipkin says it": Case(Behaviour(500, body="413 Request Entity Too Large"), ("too-large",)),
    "415": Case(Behaviour(415), ("unsupported",)),
    "415, and another encoding is taken": Case(
        Behaviour(415, encoding=proto3.media_type), ("right-encoding",), ("ZIPKIN_ENCODING=proto3",)
    ),
    "418": Case(Behaviour(418), ("other-answer",), ("HTTP 418",)),
    "501": Case(Behaviour(501), ("wrong-path",), ("probably not a Zipkin server",)),
    "a redirect to nowhere": Case(Behaviour(302), ("other-answer",)),
    "a redirect to itself": Case(Behaviour(302, {"Location": "/api/v2/spans"}), ("other-answer",)),
    "429": Case(Behaviour(429), ("too-many",), ("ZIPKIN_SAMPLE_RATE",)),
    "gzip is not read": Case(Behaviour(500, body="Input is not in the GZIP format"), ("no-gzip",), ("ZIPKIN_COMPRESS=false",)),
    "a page for people": Case(Behaviour(200, {"Content-Type": HTML}, "<h1>Login</h1>"), ("html",), ("a login",)),
    "taken and never shown": Case(Behaviour(keeps=lambda span: False), ("never-shown",), ("spans_dropped",)),
    "never shown, and not well": Case(
        Behaviour(keeps=lambda span: False, health=(503, '{"status":"DOWN"}')), ("never-shown",), ("HTTP 503", "DOWN")
    ),
    "10 % are kept": Case(keeping(0.1), ("keeps-a-part",), ("of 20 traces", "COLLECTOR_SAMPLE_RATE")),
    "0 % are kept": Case(keeping(0.0), ("keeps-a-part",), ("0 of 20 traces",)),
    "no queries": Case(
        Behaviour(queries=(404, "text/plain", "")), ("no-queries",), ("HTTP 404", "the port in ZIPKIN_ENDPOINT"), exit_status=0
    ),
    "a page in place of queries": Case(Behaviour(queries=(200, HTML, "<p>")), ("no-queries",), ("a web page",), exit_status=0),
    "a clock that is 10 s slow": Case(Behaviour(ahead_s=-10), ("clock-near",), ("ahead of", "NTP"), exit_status=0),
    "a clock that is an hour fast": Case(Behaviour(ahead_s=3600), ("clock-off",), ("behind",)),
    "no clock": Case(Behaviour(ahead_s=None), ("clock-unknown",), exit_status=0),
    **{
        str(status): Case(Behaviour(status, REDIRECT), ("redirected",), ("login.example/zipkin",))
        for status in (301, 302, 303, 307, 308)
    },
    **{
        str(status): Case(Behaviour(status, body="so sorry"), ("server-fails",), ("so sorry",))
        for status in (500, 502, 503, 504)
    },
}


def examined() -> list[Finding]:
    return list(Examination().findings())


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_explained(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each answer has its finding with a remedy; the exit status is 1 where it explains missing spans."""
    case = CASES[name]
    for setting, value in case.settings:
        monkeypatch.setenv(f"ZIPKIN_{setting}", value)
    with served(case.does) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url + case.path)
        findings = examined()
    codes = [finding.code for finding in findings]
    last = next(finding for finding in findings if finding.code == case.codes[-1])

    assert set(case.codes) <= set(codes)
    assert [] == [finding.code for finding in findings if finding.status != "ok" and finding.code not in case.codes]
    assert [] == [word for word in case.words if word not in f"{last.text}\n{last.remedy}"]
    assert case.exit_status == exit_status(findings)
    assert "hunter2" not in repr(findings)


FOREIGN = (300, 400, 401, 402, 403, 404, 405, 406, 409, 410, 415, 418, 422, 426, 451, 500, 501, 502, 503, 504, 505)
PATHS = ("", "/zipkin", "/api/v2/spans", "/api/v1/spans", "/zipkin/api/v2/spans", "/traces", "/zipkin/traces", "/my/collector")


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("status", "path"), [*((status, "") for status in FOREIGN), *((404, path) for path in PATHS)])
def test_another_server_at_that_address_is_recognized(monkeypatch: pytest.MonkeyPatch, status: int, path: str) -> None:
    """A server that refuses everything may be another program: the remedy names host and port, and no address that was tried."""
    with served(Behaviour(status, {"Content-Type": HTML}, "<title>Not Found</title>")) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url + path)
        [finding] = [one for one in examined() if one.check == "answer"]
    posted = [path for method, path, _ in server.requests if method == "POST"]

    assert "not a Zipkin server" in finding.remedy
    assert "the host and the port in ZIPKIN_ENDPOINT" in finding.remedy
    assert server.url not in finding.remedy
    assert posted[0] not in finding.remedy
    if finding.code == "wrong-path":
        said = finding.text.partition(" a message at ")[2].removesuffix(", either").split(" or ")
        assert set(said) <= {server.url + one for one in posted if one != posted[0]}


@pytest.mark.parametrize("command", ["http.server", "flask"])
def test_a_web_server_of_another_kind_is_recognized(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Python's file server, which answers 501, and a Flask application, which answers 404, are no Zipkin servers."""
    quiet: dict[str, Any] = {"log_message": lambda *_: None}
    if command == "flask":
        handler = type("Handler", (WSGIRequestHandler,), quiet)
        server: Any = make_server("127.0.0.1", 0, flask.Flask("shop"), handler_class=handler)
    else:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (SimpleHTTPRequestHandler,), quiet))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        last = examined()[-1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert "wrong-path" == last.code
    assert "probably not a Zipkin server" in last.remedy
    assert str(server.server_port) not in last.remedy


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_the_share_that_a_server_keeps_is_measured(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """The probes' ids are spread evenly, so that chance changes the share by one probe at most."""
    with served(keeping(share)) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url)
        [finding] = [one for one in examined() if one.code == "keeps-a-part"]
    found = int(finding.text.partition(" of 20")[0].rpartition(" ")[2])

    assert abs(found - share * 20) <= 1


@pytest.mark.parametrize("encoding", ["json", "json_v1", "thrift", "proto3"])
def test_probes_are_sent_in_the_encoding_that_is_chosen(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Probes have the path and the type of the chosen encoding, and the embedded collector shows them."""
    from opentracing_zipkin.collector import Collector

    monkeypatch.setenv("ZIPKIN_ENCODING", encoding)
    with Collector() as collector:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", collector.url)
        findings = examined()

    assert {"accepted", "found"} <= {finding.code for finding in findings}
    assert 0 == exit_status(findings)


def test_the_applications_headers_credentials_and_query_are_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes and questions carry the credentials; where a server repeats them, the output hides them."""
    said = "key hunter2-key, Basic bWU6aHVudGVyMg==, me:hunter2-auth"
    monkeypatch.setenv("ZIPKIN_AUTH", "me:hunter2-auth")
    with served(Behaviour(401, body=said)) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", f"{server.url}/api/v2/spans?key=hunter2-key")
        examination = Examination()
        findings = list(examination.findings())
    method, path, headers = server.requests[0]

    assert ("POST", "/api/v2/spans?key=hunter2-key") == (method, path)
    assert headers["Authorization"].startswith("Basic ")
    assert "0" == headers["b3"]
    assert "hunter2" not in repr((findings, examination.settings))


def test_a_server_that_answers_late_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow answer within the timeout is a warning with the seconds."""
    monkeypatch.setattr(probe, "MAX_ANSWER_S", 0.05)
    with served(Behaviour(delay_s=0.1)) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url)
        findings = examined()

    assert ["slow"] == [finding.code for finding in findings if finding.status == "warning"]


def test_a_server_that_never_answers_in_time_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that misses the timeout is a fault with that timeout."""
    monkeypatch.setenv("ZIPKIN_SEND_TIMEOUT", "0.2")
    with served(Behaviour(delay_s=1.0)) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", server.url)
        last = examined()[-1]

    assert ("too-slow", "fault") == (last.code, last.status)
    assert "0.2 s" in last.text


@pytest.mark.usefixtures("_impatient", "_short_trials")
def test_a_server_that_speaks_no_http_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not speak HTTP, for instance a database, is a fault."""
    with raw_server(saying(b"-ERR unknown command\r\n")) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", f"http://127.0.0.1:{server.port}")
        last = examined()[-1]

    assert "no-answer" == last.code
