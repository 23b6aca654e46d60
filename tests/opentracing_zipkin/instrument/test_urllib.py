"""urllib.request, where the kit does not test it: openers, handlers, bodies, errors, and the seed's example."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin.instrument import urllib as traced
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer

from .clients import errors_of

Spans = list[FinishedSpan]


pytestmark = pytest.mark.usefixtures("installed")


def _pieces(response: Any) -> None:
    while response.read(3):
        pass


def _into(response: Any) -> None:
    while response.readinto(bytearray(3)):
        pass


def _one_by_one(response: Any) -> None:
    while response.read1(100):
        pass


ENDS: dict[str, Callable[[Any], object]] = {
    "read": lambda response: response.read(),
    "pieces": _pieces,
    "readinto": _into,
    "read1": _one_by_one,
    "lines": list,
    "text": lambda response: io.TextIOWrapper(response).read(),
    "close": lambda response: response.close(),
    "half, and close": lambda response: (response.read(1), response.close()),
    "with": lambda response: response.__exit__(),
    "drop": lambda response: None,
    "half, and drop": lambda response: response.read(1),
}


@pytest.mark.parametrize("path", ["/medium", "/chunks"])
@pytest.mark.parametrize("end", ENDS)
def test_an_answer_lasts_until_it_is_read_closed_or_dropped(
    loopback: LoopbackServer, spans: Spans, end: str, path: str
) -> None:
    """The span ends with the body, and not before."""
    response = urllib.request.urlopen(loopback.url + path, timeout=5)
    assert [] == spans
    ENDS[end](response)
    del response
    gc.collect()

    assert [None] == errors_of(spans)


def test_the_answer_is_what_it_is_without_tracing(loopback: LoopbackServer, spans: Spans) -> None:
    """The answer's class has the name of http.client's, and every attribute has its usual value."""

    def look() -> list[Any]:
        with urllib.request.urlopen(loopback.url + "/chunks", timeout=5) as response:
            seen: list[Any] = [isinstance(response, HTTPResponse), type(response).__name__, type(response).__module__]
            seen += [response.status, response.reason, response.url, response.getcode(), response.read(), response.isclosed()]
        return [*seen, response.closed, response.read()]

    with_tracing = look()
    traced.uninstall()

    assert look() == with_tracing


@pytest.mark.parametrize("end", ["read", "readinto", "lines"])
def test_an_error_in_the_middle_of_a_body_is_the_error(loopback: LoopbackServer, spans: Spans, end: str) -> None:
    """A body that breaks off is the error where http.client raises, which only a `read` of the whole body does."""
    with urllib.request.urlopen(loopback.url + "/cut", timeout=5) as response:
        if end == "read":
            with pytest.raises(Exception, match="IncompleteRead"):
                response.read()
        else:
            ENDS[end](response)

    assert ["IncompleteRead" if end == "read" else None] == errors_of(spans)


def test_a_timeout_in_the_middle_of_a_body_is_the_error(loopback: LoopbackServer, spans: Spans) -> None:
    """A timeout is the span's error, even where the application handles it before it closes the answer."""
    with urllib.request.urlopen(loopback.url + "/slow", timeout=0.05) as response, pytest.raises(TimeoutError):
        response.read()

    assert ["TimeoutError"] == errors_of(spans)


def test_a_refused_connection_and_a_status_are_errors(loopback: LoopbackServer, spans: Spans) -> None:
    """urllib raises for a refused connection and for a status; a status has a body, and its span ends with that body."""
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://127.0.0.1:1/a?secret=hunter2", timeout=5)
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(loopback.url + "/status/404", timeout=5)

    assert ["URLError"] == errors_of(spans)
    with raised.value as answer:
        assert b"said so" == answer.read()

    assert ["URLError", "404"] == errors_of(spans)
    assert "hunter2" not in repr(spans)


def test_a_request_that_is_sent_twice_is_not_changed(loopback: LoopbackServer, spans: Spans) -> None:
    """Each sending has its own span."""
    request = urllib.request.Request(loopback.url + "/a", headers={"X-Mine": "1"})
    for _ in range(2):
        urllib.request.urlopen(request, timeout=5).read()

    assert {"X-mine": "1"} == request.headers
    assert not [name for name in request.unredirected_hdrs if "b3" in name.lower()]
    assert [span.span_id for span in spans] == [one.header("x-b3-spanid") for one in loopback.received]
    assert 2 == len({span.trace_id for span in spans})


class _Handler(urllib.request.HTTPHandler):
    """An application's handler, with its own classes of connections and answers."""

    class Answer(HTTPResponse):
        mine = True

    class Connection(HTTPConnection):
        pass

    Connection.response_class = Answer

    def http_open(self, req: Any) -> Any:
        req.add_header("X-Handler", "1")
        return self.do_open(self.Connection, req)


def test_openers_and_handlers_of_ones_own_are_traced(loopback: LoopbackServer, spans: Spans) -> None:
    """Built openers, installed openers and handlers with their own connections are traced; a proxy is not the peer."""
    with urllib.request.build_opener(_Handler).open(loopback.url + "/a", timeout=5) as response:
        assert (b"ok", True) == (response.read(), response.mine)
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({"http": loopback.url})))
    try:
        urllib.request.urlopen("http://10.1.2.3:8080/b", timeout=5).read()
    finally:
        urllib.request.install_opener(None)  # type: ignore[arg-type]

    assert ["1", None] == [one.header("x-handler") for one in loopback.received]
    assert ["/a", "/b"] == [span.tags["http.path"] for span in spans]
    assert "10.1.2.3" == (spans[1].remote and spans[1].remote.ipv4)


def test_authentication_makes_siblings(loopback: LoopbackServer, spans: Spans) -> None:
    """The refused request and the one with the digest have two sibling spans."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, loopback.url, "user", "hunter2")
    opener = urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(passwords))
    with opentracing.global_tracer().start_active_span("parent") as scope:
        opener.open(loopback.url + "/digest", timeout=5).read()
    gc.collect()
    sent = [span for span in spans if span.kind == "CLIENT"]

    assert ["401", None] == sorted(errors_of(sent), key=str)
    assert {scope.span.context.span_id} == {span.parent_id for span in sent}
    assert {span.span_id for span in sent} == {one.header("x-b3-spanid") for one in loopback.received}


def test_the_module_hides_nothing_of_the_standard_library() -> None:
    """Our modules have the names of their libraries, and every import still finds the library."""
    code = (
        "import opentracing_zipkin.instrument.urllib as ours, urllib.request, http.client, urllib.parse;"
        "from opentracing_zipkin.instrument import http as policy, urllib as again;"
        "assert ours is again; assert hasattr(http.client, 'HTTPConnection'); assert hasattr(urllib.request, 'urlopen');"
        "assert 'opentracing_zipkin' not in urllib.__file__ and 'opentracing_zipkin' not in http.__file__; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "fine\n") == (done.returncode, done.stdout), done.stderr


def test_any_tracer_of_the_api_is_served(loopback: LoopbackServer) -> None:
    """A MockTracer, too, gets the span and its tags."""
    tracer = MockTracer()
    traced.uninstall()
    traced.install(HttpPolicy(tracer=tracer))
    urllib.request.urlopen(loopback.url + "/a", timeout=5).read()
    [span] = tracer.finished_spans()

    assert {"span.kind": "client", "http.method": "GET", "http.path": "/a", "peer.address": loopback.address} == span.tags
