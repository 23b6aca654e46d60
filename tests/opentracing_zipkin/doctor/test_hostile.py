"""Hostile servers: the doctor goes on, ends in time, and prints nothing that could control the terminal."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from opentracing_zipkin.doctor.output import examine

from ..senders.raw_server import ACCEPTED, answer, raw_server, saying

pytestmark = pytest.mark.usefixtures("_impatient", "_short_trials")

HOSTILE = {
    "escape sequences in the reason": answer(403, "no", reason="\x1b]0;owned\x07\x1b[2J"),
    "escape sequences in the body": answer(500, "\x1b[31m\u202ered\u2028\x00"),
    "escape sequences in a redirect": answer(301, "", {"Location": "http://\x1b[31m.example/\x07"}),
    "a redirect to nowhere": answer(302, "", {"Location": "http://[:::"}),
    "a redirect without a target": answer(308, ""),
    "no date": answer(202, "", {"Date": "yesterday"}),
    "a date before all others": answer(202, "", {"Date": "Mon, 01 Jan 0001 00:00:00 GMT"}),
    "a date after all others": answer(202, "", {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"}),
    "a body without an end": b"HTTP/1.1 500 no\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 1000,
    "a chunk that is none": b"HTTP/1.1 500 no\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "gzip that is none": answer(500, "plain", {"Content-Encoding": "gzip"}),
    "interim answers only": b"HTTP/1.1 102 wait\r\n\r\n" * 50,
    "a status that is none": b"HTTP/1.1 999999 what\r\n\r\n",
    "nothing at all": b"\r\n\r\n",
    "a header without an end": b"HTTP/1.1 200 ok\r\nX: " + b"x" * 100_000,
}
# Answers to questions, which the doctor asks after the probes were taken.
HOSTILE_LATER = {
    "nested beyond reason": answer(200, "[" * 5000 + "]" * 5000),
    "numbers of a million digits": answer(200, "[" + "9" * 100_000 + "]"),
    "spans of other types": answer(
        200, json.dumps([{"id": [], "traceId": {}, "localEndpoint": 5, "parentId": True}, 7, None, [1]])
    ),
    "traces of other types": answer(
        200, json.dumps([[{"id": {}, "name": ["\x1b"], "localEndpoint": {"serviceName": "\x1b[2J"}}]])
    ),
    "an object": answer(200, '{"a": "b"}'),
    "no UTF-8": b"HTTP/1.1 200 ok\r\nContent-Length: 4\r\n\r\n[\xff\xfe]",
    "a bomb": b"HTTP/1.1 200 ok\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
    % (len(gzip.compress(b" " * 50_000_000)), gzip.compress(b" " * 50_000_000)),
    "a body without an end": b"HTTP/1.1 200 ok\r\nContent-Length: 99999999\r\n\r\n[" + b"1," * 1000,
    "nothing of HTTP": b"-ERR\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_to_a_probe_is_a_finding(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Any answer to a probe becomes a finding, and each line is printable."""
    check(monkeypatch, [HOSTILE[name]])


@pytest.mark.parametrize("name", HOSTILE_LATER)
def test_a_hostile_answer_to_a_question_is_a_finding(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Any answer to a question, after the probes were taken, becomes a finding."""
    check(monkeypatch, [ACCEPTED, HOSTILE_LATER[name]])
    check(monkeypatch, [ACCEPTED, answer(200, "[]"), HOSTILE_LATER[name]])


def check(monkeypatch: pytest.MonkeyPatch, answers: list[bytes]) -> None:
    monkeypatch.setenv("ZIPKIN_SEND_TIMEOUT", "0.2")
    monkeypatch.setenv("ZIPKIN_SERVICE_NAME", "\x1b[31mshop")
    stream = io.StringIO()
    with raw_server(saying(*answers)) as server:
        monkeypatch.setenv("ZIPKIN_ENDPOINT", f"http://127.0.0.1:{server.port}")
        status = examine(f"http://127.0.0.1:{server.port}/service", False, stream)
    lines = stream.getvalue().splitlines()

    assert status in (0, 1)
    assert [] == [line for line in lines if not line.isprintable()]
    assert any(line.startswith(("fault ", "warning ")) for line in lines)
