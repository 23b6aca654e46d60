"""requests, where the kit does not test it: bodies, adapters, sessions, mocks, retries, and the reporter's requests."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
import requests_mock
import responses
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import HTTPDigestAuth
from urllib3.util.retry import Retry

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin.instrument import requests as traced
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing.loopback import LoopbackServer

Spans = list[FinishedSpan]


pytestmark = pytest.mark.usefixtures("installed")


# Bodies


def _read_content(response: requests.Response) -> object:
    return response.content


def _iterate(response: requests.Response) -> object:
    return list(response.iter_content(2))


def _lines(response: requests.Response) -> object:
    return list(response.iter_lines())


def _read_raw(response: requests.Response) -> object:
    return response.raw.read()


def _stream_raw(response: requests.Response) -> object:
    return list(response.raw.stream(3))


def _read_pieces(response: requests.Response) -> object:
    while response.raw.read(3):
        pass
    return None


def _read_into(response: requests.Response) -> object:
    while response.raw.readinto(bytearray(3)):
        pass
    return None


def _drain(response: requests.Response) -> object:
    return response.raw.drain_conn()


def _close(response: requests.Response) -> object:
    return response.close()


def _leave(response: requests.Response) -> object:
    with response:
        return next(response.iter_content(1))


def _drop(response: requests.Response) -> object:
    return None


def _drop_half_read(response: requests.Response) -> object:
    return next(response.iter_content(1))


ENDS = [
    _read_content, _iterate, _lines, _read_raw, _stream_raw, _read_pieces, _read_into, _drain,
    _close, _leave, _drop, _drop_half_read,
]  # fmt: skip


@pytest.mark.parametrize("path", ["/medium", "/chunks", "/echo"])
@pytest.mark.parametrize("end", ENDS)
def test_a_streamed_answer_lasts_until_it_is_read_closed_or_dropped(
    loopback: LoopbackServer, spans: Spans, end: Callable[[requests.Response], object], path: str
) -> None:
    """The span ends with the body, and not before."""
    with requests.Session() as session:
        response = session.post(loopback.url + path, data=b"x" * 1000, stream=True)
        assert [] == spans
        end(response)
        del response
        gc.collect()

        assert [None] == [span.tags.get("error") for span in spans]


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/a"), ("GET", "/status/204"), ("POST", "/echo")])
def test_an_answer_without_a_body_ends_at_once(loopback: LoopbackServer, spans: Spans, method: str, path: str) -> None:
    """An answer without a body ends its span at once, also where the application asks for a stream."""
    response = requests.request(method, loopback.url + path, stream=True, timeout=5)

    assert 1 == len(spans)
    assert b"" == response.content


def test_a_streamed_answer_lasts_as_long_as_its_server_takes(loopback: LoopbackServer, spans: Spans) -> None:
    """The first half of a body does not end the span."""
    response = requests.get(loopback.url + "/slow", stream=True, timeout=5)
    pieces = response.iter_content(4)

    assert b"half" == next(pieces)
    assert [] == spans

    loopback.go_on.set()

    assert b"half" == next(pieces)
    assert 1 == len(spans)


@pytest.mark.skipif(urllib3.__version__.startswith("1."), reason="urllib3 1.26 takes a body that is cut for a whole one")
@pytest.mark.parametrize("end", [_read_content, _iterate, _read_raw, _stream_raw, _read_pieces, _read_into])
def test_an_error_in_the_middle_of_a_body_is_the_error(
    loopback: LoopbackServer, spans: Spans, end: Callable[[requests.Response], object]
) -> None:
    """A connection that breaks while the body is read is the span's error."""
    response = requests.get(loopback.url + "/cut", stream=True, timeout=5)
    with pytest.raises(Exception, match="IncompleteRead"):
        end(response)
    del response
    gc.collect()

    assert ["ProtocolError"] == [span.tags["error"].partition(":")[0] for span in spans]


def test_an_error_that_is_being_handled_is_not_the_answers(loopback: LoopbackServer, spans: Spans) -> None:
    """An answer that is read or closed in another request's `except` block has no error."""
    with requests.Session() as session:
        first = session.get(loopback.url + "/large", stream=True)
        second = session.get(loopback.url + "/large", stream=True)
        broken = session.get(loopback.url + "/cut", stream=True)
        try:
            broken.raw.read()
        except Exception:
            first.close()
            second.raw.read()

    assert [True, False, False] == ["error" in span.tags for span in spans]


def test_a_timeout_is_the_error(loopback: LoopbackServer, spans: Spans) -> None:
    """A timeout while waiting for the head, or for the body, is the span's error."""
    with pytest.raises(requests.ConnectionError):
        requests.get(loopback.url + "/slow", timeout=0.05)
    with socket_that_never_answers() as url, pytest.raises(requests.ReadTimeout):
        requests.get(url + "/a?secret=hunter2", timeout=0.05)

    assert ["ReadTimeoutError", "ReadTimeout"] == [span.tags["error"].partition(":")[0] for span in spans]
    assert "hunter2" not in repr(spans)


class socket_that_never_answers:  # noqa: N801
    def __enter__(self) -> str:
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_an_answer_that_is_open_when_tracing_ends_still_ends(loopback: LoopbackServer, spans: Spans) -> None:
    """An answer that is open at `uninstall` ends its span when it is dropped."""
    response = requests.get(loopback.url + "/large", stream=True, timeout=5)
    traced.uninstall()
    _read_content(response)
    del response
    gc.collect()

    assert 1 == len(spans)


# The application's requests


def test_a_prepared_request_is_not_changed(loopback: LoopbackServer, spans: Spans) -> None:
    """A prepared request may be sent again, and it is the `request` of each answer."""
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", loopback.url + "/a", headers={"X-Mine": "1"}))
        before = dict(prepared.headers)
        first, second = session.send(prepared), session.send(prepared)

    assert before == dict(prepared.headers)
    assert prepared is first.request is second.request
    assert [span.span_id for span in spans] == [one.header("x-b3-spanid") for one in loopback.received]
    assert 2 == len({span.trace_id for span in spans})


def test_an_error_has_the_applications_request(spans: Spans) -> None:
    """An exception's `request` is the application's, not the copy that was sent."""
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", "http://127.0.0.1:1/a"))
        with pytest.raises(requests.ConnectionError) as raised:
            session.send(prepared)

    assert prepared is raised.value.request


def test_a_sessions_headers_stay(loopback: LoopbackServer, spans: Spans) -> None:
    """A session's default headers are not changed."""
    with requests.Session() as session:
        before = dict(session.headers)
        session.get(loopback.url)

        assert before == dict(session.headers)


def test_headers_in_a_plain_dict_are_sent(loopback: LoopbackServer, spans: Spans) -> None:
    """The headers of a prepared request are sent, whatever mapping they are in."""
    with requests.Session() as session:
        prepared = requests.Request("GET", loopback.url + "/a").prepare()
        headers: Any = {"X-Mine": "1", "x-b3-parentspanid": "a" * 16}
        prepared.headers = headers
        session.send(prepared)

    assert {"X-Mine": "1", "x-b3-parentspanid": "a" * 16} == headers
    assert ["1", None] == [loopback.received[0].header(name) for name in ("x-mine", "x-b3-parentspanid")]
    assert spans[0].span_id == loopback.received[0].header("x-b3-spanid")


def test_an_adapter_finds_the_headers_that_it_knows(loopback: LoopbackServer, spans: Spans) -> None:
    """The headers that are sent behave as requests' own in any spelling, in a copy, and after a change."""
    seen: list[Any] = []

    class Signing(HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(request.headers)
            return super().send(request, *args, **kwargs)

        def add_headers(self, request: Any, **kwargs: Any) -> None:
            request.headers.update({"X-Signature": "1"}, x_other="2")
            request.headers.update()
            request.headers.update({})
            seen.append(request.headers)

    with requests.Session() as session:
        session.mount("http://", Signing())
        session.get(loopback.url + "/a", headers={"X-Key": "k"}, timeout=5)
    given, sent = seen
    copied = sent.copy()
    copied["x-KEY"] = "other"

    assert isinstance(sent, requests.structures.CaseInsensitiveDict)
    assert [*given] == [*sent][: len(given)]
    assert ("k", "1", "2", "other") == (sent["X-KEY"], sent["x-signature"], sent["X_Other"], copied["X-Key"])
    assert dict(sent) == dict(sent.items()) == requests.structures.CaseInsensitiveDict(sent)
    assert ("x-b3-sampled", "1") in sent.items()
    assert {"x-b3-traceid"} == sent.keys() & {"x-b3-traceid", "x-other"}
    assert [["k"], ["1"]] == [loopback.received[-1].headers[name] for name in ("x-key", "x-signature")]


def test_a_request_that_cannot_be_sent_raises_what_it_raises(spans: Spans) -> None:
    """A request that was not prepared fails as it does without tracing."""

    def fault() -> str:
        try:
            requests.Session().send(requests.PreparedRequest())
        except Exception as error:
            return repr(error)
        return ""

    with_tracing = fault()
    traced.uninstall()

    assert fault() == with_tracing != ""


def test_digest_authentication_makes_siblings(loopback: LoopbackServer, spans: Spans) -> None:
    """The refused request and the one with the digest have two sibling spans."""
    tracer = opentracing.global_tracer()
    with tracer.start_active_span("parent") as scope:
        requests.get(loopback.url + "/digest", auth=HTTPDigestAuth("user", "hunter2"), timeout=5)
    first, second, _ = spans

    assert [("401", "401"), (None, None)] == [
        (one.tags.get("http.status_code"), one.tags.get("error")) for one in (first, second)
    ]
    assert {scope.span.context.span_id} == {first.parent_id, second.parent_id}
    assert [first.span_id, second.span_id] == [one.header("x-b3-spanid") for one in loopback.received]


def test_a_proxy_is_not_the_peer(loopback: LoopbackServer, spans: Spans) -> None:
    """Through a proxy, the span has the address of the server that the request is for."""
    requests.get("http://shop.example:8080/a", proxies={"http": loopback.url}, timeout=5)

    assert "http://shop.example:8080/a" == loopback.received[0].target
    assert 8080 == (spans[0].remote and spans[0].remote.port)
    assert "shop.example" in repr(spans[0])
    assert spans[0].span_id == loopback.received[0].header("x-b3-spanid")


def test_retries_are_events_of_one_span(loopback: LoopbackServer, spans: Spans) -> None:
    """When urllib3 tries again by itself, the span has an event with the cause for each retry."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[503], raise_on_status=False)))
        session.get(loopback.url + "/status/503")
        with pytest.raises(requests.ConnectionError):
            session.get("http://127.0.0.1:1/a")
    answered, refused = spans

    assert 3 == len(loopback.received)
    assert {answered.span_id} == {one.header("x-b3-spanid") for one in loopback.received}
    assert ["retry cause=503"] * 2 == [text for _, text in answered.annotations]
    assert ["retry cause=NewConnectionError"] * 2 == [text for _, text in refused.annotations]


# Sessions and adapters


def test_a_session_with_its_own_send_is_traced(loopback: LoopbackServer, spans: Spans) -> None:
    """A session's overridden `send` is called, and its requests are traced."""
    called: list[str] = []

    class Session(requests.Session):
        def send(self, request: Any, **kwargs: Any) -> Any:
            called.append(request.url)
            return super().send(request, **kwargs)

    with Session() as session:
        session.get(loopback.url + "/a")

    assert [loopback.url + "/a"] == called
    assert 1 == len(spans)


class Quick(HTTPAdapter):
    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["timeout"] = 5
        return super().send(request, *args, **kwargs)


class Canned(BaseAdapter):
    """An adapter that is no HTTPAdapter, defined before `install`."""

    answer: Callable[[], str] = staticmethod(lambda: "canned")

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = requests.Response()
        response.status_code = 503
        response.url = request.url
        response.request = request
        response._content = type(self).answer().encode()
        return response

    def close(self) -> None:
        pass


def test_a_mounted_adapter_is_traced_and_stays_itself(loopback: LoopbackServer, spans: Spans) -> None:
    """`get_adapter` returns the adapter object that was mounted."""
    for adapter in (Quick(), HTTPAdapter()):
        with requests.Session() as session:
            session.mount(loopback.url, adapter)
            session.get(loopback.url + "/a")

            assert adapter is session.get_adapter(loopback.url)

    assert 2 == len(spans)


def _defined_after() -> BaseAdapter:
    class Later(Canned):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            return super().send(request, *args, **kwargs)

    return Later()


def _no_adapter() -> Any:
    class Duck:
        send = Canned.__dict__["send"]
        answer = Canned.answer

        def close(self) -> None:
            pass

    return Duck()


@pytest.mark.parametrize("make", [Canned, _defined_after, _no_adapter])
def test_an_adapter_of_ones_own_is_traced(spans: Spans, make: Callable[[], Any]) -> None:
    """An adapter that is no HTTPAdapter is traced, defined before tracing or after, also without the base class."""
    with requests.Session() as session:
        session.mount("http://", make())
        response = session.get("http://shop/a")

    assert (503, b"canned") == (response.status_code, response.content)
    assert [("503", "/a")] == [(span.tags["error"], span.tags["http.path"]) for span in spans]


def test_adapters_of_ones_own_are_put_back(spans: Spans) -> None:
    """After `uninstall`, an adapter class has its original method."""
    assert hasattr(Canned.send, "__wrapped__")

    traced.uninstall()

    assert not hasattr(Canned.send, "__wrapped__")
    assert "__init_subclass__" not in vars(BaseAdapter)


def test_an_adapter_around_another_makes_one_span(loopback: LoopbackServer, spans: Spans) -> None:
    """Where an adapter calls another one, only the outermost makes a span."""

    class Around(BaseAdapter):
        def __init__(self) -> None:
            self.inner = HTTPAdapter()

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            return self.inner.send(request, *args, **kwargs)

        def close(self) -> None:
            self.inner.close()

    with requests.Session() as session:
        session.mount("http://", Around())
        session.get(loopback.url + "/a")

    assert [loopback.received[0].header("x-b3-spanid")] == [span.span_id for span in spans]


def test_what_an_adapter_asks_for_itself_is_traced(
    loopback: LoopbackServer, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is sent while another one is answered, by an application in the same process, has its own span."""
    monkeypatch.setattr(Canned, "answer", staticmethod(lambda: requests.get(loopback.url + "/inner", timeout=5).text))
    with requests.Session() as session:
        session.mount("app://", Canned())

        assert "ok" == session.get("app://shop/outer").text

    assert ["/inner", "/outer"] == [span.tags["http.path"] for span in spans]


# Mocks


@responses.activate
def test_responses_goes_on_working(spans: Spans) -> None:
    """Requests that `responses` answers have spans, and its record of them has the headers."""
    responses.get("http://shop/a", json={"a": 1})
    responses.get("http://shop/b", status=500)
    with requests.Session() as session:
        session.mount("http://shop/b", Quick())

        assert {"a": 1} == session.get("http://shop/a").json()
        assert 500 == session.get("http://shop/b").status_code
    with pytest.raises(requests.ConnectionError):
        requests.get("http://shop/c", timeout=5)

    assert [None, "500", "ConnectionError"] == [span.tags.get("error", "").partition(":")[0] or None for span in spans]
    assert [span.span_id for span in spans] == [one.request.headers["X-B3-SpanId"] for one in responses.calls]


def test_responses_lets_pass(loopback: LoopbackServer, spans: Spans) -> None:
    """A request that `responses` passes on to the server has one span."""
    with responses.RequestsMock() as mock:
        mock.add_passthru(loopback.url)
        requests.get(loopback.url + "/a", timeout=5)

    assert [loopback.received[0].header("x-b3-spanid")] == [span.span_id for span in spans]


def test_responses_that_began_before_goes_on_working(loopback: LoopbackServer, spans: Spans) -> None:
    """Tracing may be installed while `responses` is active, works meanwhile, and goes on afterwards."""
    traced.uninstall()
    with responses.RequestsMock() as mock:
        mock.get("http://shop/a", body="mocked")
        traced.install()

        assert "mocked" == requests.get("http://shop/a", timeout=5).text
    requests.get(loopback.url + "/b", timeout=5)

    assert ["/a", "/b"] == [span.tags["http.path"] for span in spans]


def test_requests_mock_goes_on_working(loopback: LoopbackServer, spans: Spans) -> None:
    """A request that requests-mock answers has a span, and so has one that it passes on to the server."""
    with requests_mock.Mocker(real_http=True) as mock:
        mock.get("http://shop/a", text="mocked", status_code=404)

        assert "mocked" == requests.get("http://shop/a", timeout=5).text
        assert "ok" == requests.get(loopback.url + "/b", timeout=5).text

    assert [("/a", "404"), ("/b", None)] == [(span.tags["http.path"], span.tags.get("error")) for span in spans]
    assert spans[0].span_id == mock.request_history[0].headers["X-B3-SpanId"]


# Tracers


def test_any_tracer_of_the_api_is_served(loopback: LoopbackServer) -> None:
    """A MockTracer, too, gets the span, its tags, and its error without the query; its headers are sent."""
    tracer = MockTracer()
    traced.install(HttpPolicy(tracer=tracer))
    traced.uninstall()
    traced.install(HttpPolicy(tracer=tracer))
    with tracer.start_active_span("parent") as scope:
        requests.get(loopback.url + "/a", timeout=5)
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1/a?secret=hunter2", timeout=5)
    first, _, refused = tracer.finished_spans()

    assert ("GET", scope.span.context.span_id) == (first.operation_name, first.parent_id)
    assert {"span.kind": "client", "http.method": "GET", "http.path": "/a", "peer.address": loopback.address} == first.tags
    assert any("ot-tracer-spanid" in name for name in loopback.received[0].headers)
    assert refused.tags["error"]
    assert "hunter2" not in repr((refused.tags, [log.key_values for log in refused.logs]))


REPORTER = """
import sys, opentracing
from opentracing_zipkin.collector import Collector
if "before" in sys.argv:
    import requests
from opentracing_zipkin import configure
seen = []
collector = Collector()
answer = collector.application
def application(environ, start_response):
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    seen.append((environ["REQUEST_METHOD"], headers))
    return answer(environ, start_response)
collector.application = application
with collector:
    from opentracing_zipkin.instrument import requests as traced, urllib3 as traced_urllib3
    if "early" in sys.argv:
        traced.install(); traced_urllib3.install()
    tracer = configure("shop", endpoint=collector.url)
    traced.install(); traced_urllib3.install()
    import requests
    with tracer.start_active_span("work"):
        requests.get(collector.url + "/health")
    assert tracer.flush(5), tracer.stats
    with tracer.start_active_span("more"):
        pass
    assert tracer.flush(5), tracer.stats
    posts = [headers for command, headers in seen if command == "POST"]
    assert posts, seen
    assert all(headers["b3"] == "0" and not any("x-b3" in name for name in headers) for headers in posts), posts
    assert tracer.stats.finished == 3, tracer.stats
    print("fine")
"""


@pytest.mark.parametrize("when", ["before", "after", "before early", "early"])
def test_the_reporters_own_requests_are_not_traced(when: str) -> None:
    """The reporter's requests carry `b3: 0` and no other context, whatever is imported or installed first."""
    done = subprocess.run(
        [sys.executable, "-c", REPORTER, *when.split()], capture_output=True, text=True, timeout=50, check=False
    )

    assert (0, "fine\n") == (done.returncode, done.stdout), done.stderr


def test_what_a_prepared_request_sends_from_two_threads_is_not_mixed_up(loopback: LoopbackServer, spans: Spans) -> None:
    """Two threads that send one prepared request have a span and headers of their own for each sending."""
    prepared = requests.Request("GET", loopback.url + "/a").prepare()
    before = dict(prepared.headers)

    def send() -> None:
        with requests.Session() as session:
            for _ in range(20):
                session.send(prepared)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert before == dict(prepared.headers)
    assert {span.span_id for span in spans} == {one.header("x-b3-spanid") for one in loopback.received}
    assert 40 == len({span.span_id for span in spans})


def test_a_tracer_whose_spans_raise_costs_the_span_only(loopback: LoopbackServer) -> None:
    """The application gets its answer, although the span raises at each call."""

    class Span(opentracing.Span):
        def set_tag(self, *_: Any) -> Any:
            raise RuntimeError("a fault of the span")

        log_kv = finish = _on_error = set_tag  # type: ignore[assignment]

    class Tracer(opentracing.Tracer):
        def start_span(self, *_: Any, **__: Any) -> Any:
            return Span(self, opentracing.SpanContext())

    policy = HttpPolicy(tracer=Tracer())
    traced.uninstall()
    traced.install(policy)

    assert 404 == requests.get(loopback.url + "/status/404", timeout=5).status_code
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1/a", timeout=5)
    assert 4 == policy.faults


def test_an_error_whose_text_cannot_be_had_is_the_error(spans: Spans) -> None:
    """An exception whose `str` raises is recorded by its type alone."""

    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    class Wrong(BaseAdapter):
        def send(self, *_: Any, **__: Any) -> Any:
            raise Silent

        def close(self) -> None:
            pass

    with requests.Session() as session:
        session.mount("http://", Wrong())
        with pytest.raises(Silent):
            session.get("http://shop/a")

    assert ["Silent"] == [span.tags["error"] for span in spans]
