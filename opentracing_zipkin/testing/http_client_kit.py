"""The behaviour of an instrumented HTTP client, as a class of tests to inherit from.

Rules: the client talks to a real server on the loopback interface, and the tests read spans in the form that is sent to Zipkin.
The kit needs a test framework that calls `setup_method` and `teardown_method`, as pytest does.

    class TestRequests(HttpClientKit):
        instrumentation = opentracing_zipkin.instrument.requests

        def request(self, method, url, headers=None, body=None):
            return requests.request(method, url, headers=headers, data=body).status_code
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import opentracing

from ..instrument.http import HttpPolicy
from ..model import FinishedSpan
from ..tracer import ZipkinTracer
from .fakes import InMemoryRecorder
from .loopback import LoopbackServer

__all__ = ["HttpClientKit"]

SECRET = "secret=hunter2"


def _context(scope: opentracing.Scope) -> Any:
    """The context of the active span: a ZipkinContext."""
    return scope.span.context


class HttpClientKit:
    """Inherit from it, and implement `request`, or `request_async` for an asynchronous client.

    `instrumentation` is the module, or another object with `install(policy=None)` and `uninstall()`.  If it knows no
    HttpPolicy, set `has_policy = False`: then the tests of policies pass without a check.
    """

    instrumentation: Any
    has_policy = True

    def request(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
        """Make a request, follow redirects, read the answer's body to its end, and return the status."""
        return asyncio.run(self.request_async(method, url, headers, body))

    async def request_async(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> int:
        """Do the same as `request`, for a client that is awaited."""
        raise NotImplementedError("implement request, or request_async")

    # For the tests

    def setup_method(self) -> None:
        self.server = LoopbackServer().__enter__()
        self._before = opentracing.global_tracer()
        self.use(ZipkinTracer("client", recorder=InMemoryRecorder()))
        self.instrumentation.install()

    def teardown_method(self) -> None:
        self.instrumentation.uninstall()
        opentracing.set_global_tracer(self._before)
        self.server.__exit__()

    def use(self, tracer: ZipkinTracer) -> None:
        self.tracer = tracer
        opentracing.set_global_tracer(tracer)

    @contextmanager
    def policy(self, **given: Any) -> Iterator[HttpPolicy]:
        self.instrumentation.uninstall()
        policy = HttpPolicy(**given)
        self.instrumentation.install(policy=policy)
        yield policy

    @property
    def spans(self) -> list[FinishedSpan]:
        recorder: Any = self.tracer._recorder
        found: list[FinishedSpan] = recorder.spans
        return found

    @property
    def sent(self) -> list[FinishedSpan]:
        """The spans of requests, in the order of their ends."""
        return [span for span in self.spans if span.kind == "CLIENT"]

    def only(self) -> FinishedSpan:
        sent = self.sent
        if len(sent) != 1:
            raise AssertionError(f"one span of a request was expected, but there are {len(sent)}: {sent}")
        return sent[0]

    def get(self, path: str = "/users", **given: Any) -> int:
        return self.request("GET", self.server.url + path, **given)

    @staticmethod
    def closed_port() -> int:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return int(unused.getsockname()[1])

    def refused(self) -> FinishedSpan:
        """The span of a request to a port on which no server listens."""
        try:
            self.request("GET", f"http://127.0.0.1:{self.closed_port()}/a?{SECRET}")
        except Exception:
            return self.only()
        raise AssertionError("the client did not raise")

    # Propagation

    def test_a_request_without_an_active_span_begins_a_trace(self) -> None:
        """The headers of a request contain the ids of its root span, and no parent id."""
        self.get()
        span, received = self.only(), self.server.received[0]

        assert None is span.parent_id
        assert span.trace_id == received.header("x-b3-traceid")
        assert span.span_id == received.header("x-b3-spanid")
        assert None is received.header("x-b3-parentspanid")
        assert "1" == received.header("x-b3-sampled")

    def test_a_request_is_a_child_of_the_active_span(self) -> None:
        """A request inside a span continues the trace with a span id of its own."""
        with self.tracer.start_active_span("parent") as scope:
            self.get()
        span, parent = self.only(), _context(scope)

        assert parent.trace_id == span.trace_id
        assert parent.span_id == span.parent_id == self.server.received[0].header("x-b3-parentspanid")
        assert parent.span_id != span.span_id

    def test_the_active_span_stays_the_active_one(self) -> None:
        """After a request, the span that was active before is active again."""
        with self.tracer.start_active_span("parent") as scope:
            self.get()

            assert scope.span is self.tracer.active_span
        self.get()

        assert None is self.tracer.active_span

    def test_each_request_has_its_own_span(self) -> None:
        """Two requests of one trace are siblings with different ids."""
        with self.tracer.start_active_span("parent"):
            self.get("/a")
            self.get("/b")
        first, second = self.sent

        assert first.parent_id == second.parent_id
        assert [first.span_id, second.span_id] == [one.header("x-b3-spanid") for one in self.server.received]
        assert first.span_id != second.span_id

    def test_an_unsampled_trace_travels_on_and_is_not_recorded(self) -> None:
        """The next service gets the decision against recording, in the same trace."""
        with self.tracer.start_active_span("parent", tags={"sampling.priority": 0}) as scope:
            self.get()

        assert [] == self.spans
        assert "0" == self.server.received[0].header("x-b3-sampled")
        assert _context(scope).trace_id == self.server.received[0].header("x-b3-traceid")

    def test_a_root_that_the_sampler_refuses_travels_on(self) -> None:
        """The headers of a new trace that is not sampled tell so to the next service."""
        self.use(ZipkinTracer("client", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get()

        assert [] == self.spans
        assert "0" == self.server.received[0].header("x-b3-sampled")

    def test_baggage_travels(self) -> None:
        """The active span's baggage is sent with the request."""
        with self.tracer.start_active_span("parent") as scope:
            scope.span.set_baggage_item("tenant", "blue")
            self.get()

        assert "blue" == self.server.received[0].header("ot-baggage-tenant")

    def test_baggage_of_an_unsampled_trace_travels(self) -> None:
        """Baggage does not depend on sampling."""
        with self.tracer.start_active_span("parent", tags={"sampling.priority": 0}) as scope:
            scope.span.set_baggage_item("tenant", "blue")
            self.get()

        assert "blue" == self.server.received[0].header("ot-baggage-tenant")

    def test_headers_of_another_span_are_replaced(self) -> None:
        """If an application passes on its caller's headers by hand, our headers replace them, in any spelling."""
        self.get(headers={"X-B3-TraceId": "a" * 16, "X-B3-SpanId": "b" * 16, "X-B3-ParentSpanId": "c" * 16, "b3": "0"})
        span, received = self.only(), self.server.received[0]

        assert span.trace_id == received.header("X-B3-TraceId")
        assert span.span_id == received.header("X-B3-SpanId")
        assert None is received.header("X-B3-ParentSpanId")
        assert None is received.header("b3")

    def test_the_applications_headers_are_sent_and_not_changed(self) -> None:
        """The instrumentation does not change the application's dict of headers."""
        headers = {"X-Mine": "1"}
        self.get(headers=headers)

        assert {"X-Mine": "1"} == headers
        assert "1" == self.server.received[0].header("x-mine")

    # The span

    def test_the_span_is_a_clients_named_by_the_method(self) -> None:
        """The name of a client span has no path in it."""
        self.get("/users/42")

        assert ("CLIENT", "get") == (self.only().kind, self.only().name)

    def test_the_span_has_the_method_and_the_path_without_its_query(self) -> None:
        """A query may hold secrets, so the span does not contain it."""
        self.get(f"/users/42?{SECRET}")

        assert {"http.method": "GET", "http.path": "/users/42"} == self.only().tags

    def test_an_empty_path_is_a_slash(self) -> None:
        """A URL with an empty path, with or without a query, gets the path "/"."""
        self.get("")
        self.get("?a=b")

        assert ["/", "/"] == [span.tags["http.path"] for span in self.sent]

    def test_the_span_has_the_servers_address(self) -> None:
        """The remote endpoint is the URL's address with its port."""
        self.get()
        remote = self.only().remote

        assert ("127.0.0.1", self.server.port) == (remote and remote.ipv4, remote and remote.port)

    def test_credentials_of_the_url_are_nowhere(self) -> None:
        """A user and a password in the URL are neither in the tags nor in the address."""
        try:
            self.request("GET", f"http://user:hunter2@{self.server.address}/a")
        except Exception:  # a client that refuses such a URL
            return

        assert "hunter2" not in repr(self.spans)

    def test_each_method_is_sent_and_named(self) -> None:
        """A known method of HTTP gives the span's name, which Zipkin has in lower case."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        for method in methods:
            self.request(method, self.server.url + "/a")

        assert methods == [one.method for one in self.server.received]
        assert methods == [span.name.upper() for span in self.sent]

    def test_an_unknown_method_has_a_common_name(self) -> None:
        """An unknown method gives the name "http", because otherwise each invented method would make a new span name."""
        self.request("FROBNICATE", self.server.url + "/a")

        assert ("http", "FROBNICATE") == (self.only().name, self.only().tags["http.method"])

    def test_a_body_arrives_whole(self) -> None:
        """The server gets the whole body."""
        self.request("POST", self.server.url + "/echo", body=b"x" * 100_000)

        assert b"x" * 100_000 == self.server.received[0].body

    def test_success_has_no_status(self) -> None:
        """A success, with or without a body, has no status tag."""
        self.get("/status/200")
        self.get("/status/204")

        assert [False, False] == ["http.status_code" in span.tags or "error" in span.tags for span in self.sent]

    def test_a_status_of_failure_is_the_error(self) -> None:
        """For a client, a status from 400 on is the span's error."""
        for status in (400, 404, 500, 503):
            self._get_ignoring_errors(f"/status/{status}")

        expected = [("400", "400"), ("404", "404"), ("500", "500"), ("503", "503")]
        assert expected == [(span.tags.get("http.status_code"), span.tags.get("error")) for span in self.sent]

    def _get_ignoring_errors(self, path: str, **given: Any) -> None:
        try:
            self.get(path, **given)
        except Exception:  # a client may raise for a status
            return

    def test_a_redirect_is_a_request_beside_the_first(self) -> None:
        """Each physical request has its own span, and none is inside another."""
        with self.tracer.start_active_span("parent") as scope:
            self.get("/redirect")
        first, second = self.sent
        parent = _context(scope).span_id

        assert [("/redirect", "302", parent), ("/arrived", None, parent)] == [
            (span.tags["http.path"], span.tags.get("http.status_code"), span.parent_id) for span in (first, second)
        ]
        assert [first.span_id, second.span_id] == [one.header("x-b3-spanid") for one in self.server.received]
        assert first.timestamp_us + first.duration_us <= second.timestamp_us + 1

    def test_a_refused_connection_is_the_error(self) -> None:
        """The span of a refused connection has an error and no status."""
        span = self.refused()

        assert "http.status_code" not in span.tags
        assert span.tags["error"]

    def test_the_text_of_an_error_has_no_query(self) -> None:
        """An exception's text may quote the URL, whose query may hold secrets, so the query is left out."""
        assert "hunter2" not in repr(self.refused())

    def test_a_broken_answer_is_the_error(self) -> None:
        """A body that ends too early is an error of the request, although its head was a success."""
        try:
            self.get("/cut")
        except Exception:
            assert self.only().tags["error"]
        else:  # some clients do not report it
            assert self.only()

    def test_the_parent_encloses_the_request_in_time(self) -> None:
        """The span of a request begins after its parent begins, and ends before its parent ends."""
        with self.tracer.start_active_span("parent"):
            self.get("/large")
        request, parent = self.spans

        assert parent.timestamp_us <= request.timestamp_us
        assert request.timestamp_us + request.duration_us <= parent.timestamp_us + parent.duration_us

    def test_a_span_has_ended_when_the_answer_was_read(self) -> None:
        """The span of a request has ended when the answer was read, however large the answer is."""
        self.get("/large")

        assert "/large" == self.only().tags["http.path"]

    def test_requests_of_many_threads_keep_their_parents(self) -> None:
        """A request on any thread is a child of the span that is active on that thread."""

        def traced(number: int) -> tuple[str | None, str]:
            with self.tracer.start_active_span("parent") as scope:
                self.get(f"/{number}")
                return _context(scope).span_id, f"/{number}"

        with ThreadPoolExecutor(4) as pool:
            expected = set(pool.map(traced, range(12)))

        assert expected == {(span.parent_id, span.tags["http.path"]) for span in self.sent}

    def test_a_task_keeps_the_parent_of_the_time_of_its_call(self) -> None:
        """A request that runs as a task is a child of the span that was active when the task was made, even if it has ended."""
        if type(self).request_async is HttpClientKit.request_async:
            return  # the client is not asynchronous

        async def late() -> str | None:
            with self.tracer.start_active_span("parent") as scope:
                task = asyncio.ensure_future(self.request_async("GET", self.server.url + "/a"))
            with self.tracer.start_active_span("another"):
                await task
            found: str | None = _context(scope).span_id
            return found

        expected = asyncio.run(late())

        assert expected == self.only().parent_id

    def test_requests_at_the_same_time_are_siblings(self) -> None:
        """All requests of an `asyncio.gather` are children of the active span."""
        if type(self).request_async is HttpClientKit.request_async:
            return

        async def many() -> str | None:
            with self.tracer.start_active_span("parent") as scope:
                await asyncio.gather(*(self.request_async("GET", f"{self.server.url}/{number}") for number in range(5)))
                assert scope.span is self.tracer.active_span
            found: str | None = _context(scope).span_id
            return found

        expected = asyncio.run(many())

        assert [expected] * 5 == [span.parent_id for span in self.sent]

    # The policy

    def test_hooks_see_the_request_and_its_answer(self) -> None:
        """`on_request` and `on_response` get the span, the request's method, path and headers, and the status."""
        if not self.has_policy:
            return
        seen: list[Any] = []

        def on_request(span: Any, request: Any) -> None:
            seen.append((request.method, request.path, request.is_server, request.header("X-Mine"), request.header("None")))

        def on_response(span: Any, request: Any, response: Any, error: Any) -> None:
            seen.append((request.path, request.header("x-mine"), response.status, error))

        with self.policy(on_request=on_request, on_response=on_response):
            self._get_ignoring_errors("/status/404?a=b", headers={"X-Mine": "1"})

        assert [("GET", "/status/404", False, "1", None), ("/status/404", "1", 404, None)] == seen

    def test_a_hook_sees_the_answer_to_a_request_that_is_not_recorded(self) -> None:
        """`on_response` is called for every request, sampled or not."""
        if not self.has_policy:
            return
        seen: list[int] = []
        self.use(ZipkinTracer("client", recorder=InMemoryRecorder(), sample_rate=0.0))
        with self.policy(on_response=lambda span, request, response, error: seen.append(response.status)):
            self.get()

        assert [200] == seen

    def test_hooks_change_the_name_and_the_tags(self) -> None:
        """A hook may rename and tag the span that it gets."""
        if not self.has_policy:
            return
        with self.policy(
            on_request=lambda span, request: span.set_operation_name("renamed"),
            on_response=lambda span, request, response, error: span.set_tag("answered", response.status),
        ):
            self.get()

        assert ("renamed", "200") == (self.only().name, self.only().tags["answered"])

    def test_a_hook_sees_the_error_of_the_transport(self) -> None:
        """`on_response` gets the exception, and a status of 0."""
        if not self.has_policy:
            return
        seen: list[Any] = []
        with self.policy(on_response=lambda span, request, response, error: seen.append((response.status, error))):
            self.refused()
        [(status, error)] = seen

        assert 0 == status
        assert isinstance(error, Exception)

    def test_a_hook_that_raises_costs_a_warning(self) -> None:
        """After a hook has raised, the request goes on, its span is sent, and the policy counts the fault."""
        if not self.has_policy:
            return

        def wrong(*_: Any) -> None:
            raise RuntimeError("a fault of the hook")

        with self.policy(on_request=wrong, on_response=wrong, sample=wrong) as policy:
            status = self.get()

        assert 200 == status
        assert self.only()
        assert 3 == policy.faults

    def test_the_policy_samples_roots(self) -> None:
        """`sample` decides where no span is active, and its decision is sent on; None leaves the decision to the tracer."""
        if not self.has_policy:
            return
        decisions = {"/yes": True, "/no": False, "/open": None}
        with self.policy(sample=lambda request: decisions[request.path]):
            for path in decisions:
                self.get(path)

        assert ["/yes", "/open"] == [span.tags["http.path"] for span in self.sent]
        assert ["1", "0", "1"] == [one.header("x-b3-sampled") for one in self.server.received]

    def test_the_policy_is_not_asked_below_a_span(self) -> None:
        """`sample` is not called inside a trace, because the trace's decision counts."""
        if not self.has_policy:
            return
        with self.policy(sample=lambda request: False), self.tracer.start_active_span("parent"):
            self.get()

        assert "1" == self.server.received[0].header("x-b3-sampled")

    def test_a_peer_has_its_name(self) -> None:
        """A peer gets its name by its address with the port, or by the host alone."""
        if not self.has_policy:
            return
        for peers in ({self.server.address: "bank"}, {"127.0.0.1": "bank"}):
            with self.policy(peers=peers):
                self.get()
            remote = self.sent[-1].remote

            assert ("bank", self.server.port) == (remote and remote.service_name, remote and remote.port)

    # Beside a tracer

    def test_without_a_tracer_nothing_is_sent(self) -> None:
        """With the API's no-op tracer a request has no tracing headers."""
        opentracing.set_global_tracer(opentracing.Tracer())

        assert 200 == self.get()
        assert [] == [name for name in self.server.received[0].headers if "b3" in name]

    def test_after_uninstalling_nothing_is_traced(self) -> None:
        """`uninstall` restores what `install` has replaced."""
        self.instrumentation.uninstall()
        self.get()

        assert [] == self.spans
        assert None is self.server.received[0].header("x-b3-traceid")

    def test_installed_twice_there_is_one_span(self) -> None:
        """`install` may be called twice; a request still has one span."""
        self.instrumentation.install()
        self.get()

        assert self.only()

    def test_a_tracer_that_raises_costs_the_span_only(self) -> None:
        """If the tracer raises, the request is made without tracing."""

        class Broken(ZipkinTracer):
            def start_span(self, *_: Any, **__: Any) -> Any:
                raise RuntimeError("a fault of the tracer")

        self.use(Broken("client", recorder=InMemoryRecorder()))

        assert 200 == self.get()
        assert None is self.server.received[0].header("x-b3-traceid")
