"""The behaviour of an instrumented HTTP client, as a class of tests to inherit from.

Rules: the client talks to a real server on the loopback interface, and spans are read as they would be sent to Zipkin.  It
needs a test framework that calls `setup_method` and `teardown_method`, as pytest does.

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
    """That of the active span: a ZipkinContext."""
    return scope.span.context


class HttpClientKit:
    """Inherit, and say how a request is made: by `request`, or by `request_async` where the client is an asynchronous one.

    `instrumentation`: the module, or whatever else has `install(policy=None)` and `uninstall()`.  Where that knows no
    HttpPolicy, set `has_policy = False`: then the tests of policies pass without looking.
    """

    instrumentation: Any
    has_policy = True

    def request(self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
        """Make a request, follow redirects, read the answer's body to its end; give the status back."""
        return asyncio.run(self.request_async(method, url, headers, body))

    async def request_async(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> int:
        """The same, for a client that is awaited."""
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
            raise AssertionError(f"one span of a request was expected, there are {len(sent)}: {sent}")
        return sent[0]

    def get(self, path: str = "/users", **given: Any) -> int:
        return self.request("GET", self.server.url + path, **given)

    @staticmethod
    def closed_port() -> int:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return int(unused.getsockname()[1])

    def refused(self) -> FinishedSpan:
        """The span of a request to a port where nobody listens."""
        try:
            self.request("GET", f"http://127.0.0.1:{self.closed_port()}/a?{SECRET}")
        except Exception:
            return self.only()
        raise AssertionError("the client did not raise")

    # Propagation

    def test_a_request_without_an_active_span_begins_a_trace(self) -> None:
        """A root's ids travel in the headers, and no parent's."""
        self.get()
        span, received = self.only(), self.server.received[0]

        assert None is span.parent_id
        assert span.trace_id == received.header("x-b3-traceid")
        assert span.span_id == received.header("x-b3-spanid")
        assert None is received.header("x-b3-parentspanid")
        assert "1" == received.header("x-b3-sampled")

    def test_a_request_is_a_child_of_the_active_span(self) -> None:
        """It continues the trace, with an id of its own."""
        with self.tracer.start_active_span("parent") as scope:
            self.get()
        span, parent = self.only(), _context(scope)

        assert parent.trace_id == span.trace_id
        assert parent.span_id == span.parent_id == self.server.received[0].header("x-b3-parentspanid")
        assert parent.span_id != span.span_id

    def test_the_active_span_stays_the_active_one(self) -> None:
        """A request leaves no span behind it as the active one."""
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
        """The next service learns of the decision, in the same trace."""
        with self.tracer.start_active_span("parent", tags={"sampling.priority": 0}) as scope:
            self.get()

        assert [] == self.spans
        assert "0" == self.server.received[0].header("x-b3-sampled")
        assert _context(scope).trace_id == self.server.received[0].header("x-b3-traceid")

    def test_a_root_that_the_sampler_refuses_travels_on(self) -> None:
        """A new trace that is not sampled says so to the next service."""
        self.use(ZipkinTracer("client", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get()

        assert [] == self.spans
        assert "0" == self.server.received[0].header("x-b3-sampled")

    def test_baggage_travels(self) -> None:
        """The active span's baggage goes with the request."""
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
        """Where an application passes on its caller's headers by hand, ours replace them, in any spelling."""
        self.get(headers={"X-B3-TraceId": "a" * 16, "X-B3-SpanId": "b" * 16, "X-B3-ParentSpanId": "c" * 16, "b3": "0"})
        span, received = self.only(), self.server.received[0]

        assert span.trace_id == received.header("X-B3-TraceId")
        assert span.span_id == received.header("X-B3-SpanId")
        assert None is received.header("X-B3-ParentSpanId")
        assert None is received.header("b3")

    def test_the_applications_headers_are_sent_and_not_changed(self) -> None:
        """The dict that was given is afterwards what it was before."""
        headers = {"X-Mine": "1"}
        self.get(headers=headers)

        assert {"X-Mine": "1"} == headers
        assert "1" == self.server.received[0].header("x-mine")

    # The span

    def test_the_span_is_a_clients_named_by_the_method(self) -> None:
        """Its name has no path in it."""
        self.get("/users/42")

        assert ("CLIENT", "get") == (self.only().kind, self.only().name)

    def test_the_span_has_the_method_and_the_path_without_its_query(self) -> None:
        """A query may hold secrets, so it is nowhere."""
        self.get(f"/users/42?{SECRET}")

        assert {"http.method": "GET", "http.path": "/users/42"} == self.only().tags

    def test_an_empty_path_is_a_slash(self) -> None:
        """So is that of a URL which has a query only."""
        self.get("")
        self.get("?a=b")

        assert ["/", "/"] == [span.tags["http.path"] for span in self.sent]

    def test_the_span_has_the_servers_address(self) -> None:
        """It is the URL's address, with its port."""
        self.get()
        remote = self.only().remote

        assert ("127.0.0.1", self.server.port) == (remote and remote.ipv4, remote and remote.port)

    def test_credentials_of_the_url_are_nowhere(self) -> None:
        """A user and a password before the host are neither tags nor an address."""
        try:
            self.request("GET", f"http://user:hunter2@{self.server.address}/a")
        except Exception:  # a client that takes no such URL
            return

        assert "hunter2" not in repr(self.spans)

    def test_each_method_is_sent_and_named(self) -> None:
        """Methods of HTTP give the name, which Zipkin has in lower case."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        for method in methods:
            self.request(method, self.server.url + "/a")

        assert methods == [one.method for one in self.server.received]
        assert methods == [span.name.upper() for span in self.sent]

    def test_an_unknown_method_has_a_common_name(self) -> None:
        """Its own would give each invention a span name."""
        self.request("FROBNICATE", self.server.url + "/a")

        assert ("http", "FROBNICATE") == (self.only().name, self.only().tags["http.method"])

    def test_a_body_arrives_whole(self) -> None:
        """The server gets what is posted."""
        self.request("POST", self.server.url + "/echo", body=b"x" * 100_000)

        assert b"x" * 100_000 == self.server.received[0].body

    def test_success_has_no_status(self) -> None:
        """Neither for 200 nor for 204, which has no body."""
        self.get("/status/200")
        self.get("/status/204")

        assert [False, False] == ["http.status_code" in span.tags or "error" in span.tags for span in self.sent]

    def test_a_status_of_failure_is_the_error(self) -> None:
        """From 400 on, for a client."""
        for status in (400, 404, 500, 503):
            self._ignoring_errors(f"/status/{status}")

        expected = [("400", "400"), ("404", "404"), ("500", "500"), ("503", "503")]
        assert expected == [(span.tags.get("http.status_code"), span.tags.get("error")) for span in self.sent]

    def _ignoring_errors(self, path: str) -> None:
        try:
            self.get(path)
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
        """The span has the exception's type, and no status."""
        span = self.refused()

        assert "http.status_code" not in span.tags
        assert span.tags["error"]

    def test_the_text_of_an_error_has_no_query(self) -> None:
        """Exceptions quote the URL, whose query may hold secrets."""
        assert "hunter2" not in repr(self.refused())

    def test_a_broken_answer_is_the_error(self) -> None:
        """A body that ends too early is an error of the request, after its head was a success."""
        try:
            self.get("/cut")
        except Exception:
            assert self.only().tags["error"]
        else:  # some clients do not tell
            assert self.only()

    def test_the_parent_encloses_the_request_in_time(self) -> None:
        """The span begins after its parent, and ends before it."""
        with self.tracer.start_active_span("parent"):
            self.get("/large")
        request, parent = self.spans

        assert parent.timestamp_us <= request.timestamp_us
        assert request.timestamp_us + request.duration_us <= parent.timestamp_us + parent.duration_us

    def test_a_span_has_ended_when_the_answer_was_read(self) -> None:
        """However large it is."""
        self.get("/large")

        assert "/large" == self.only().tags["http.path"]

    def test_requests_of_many_threads_keep_their_parents(self) -> None:
        """Each belongs to the span that was active where it was made."""

        def traced(number: int) -> tuple[str | None, str]:
            with self.tracer.start_active_span("parent") as scope:
                self.get(f"/{number}")
                return _context(scope).span_id, f"/{number}"

        with ThreadPoolExecutor(4) as pool:
            expected = set(pool.map(traced, range(12)))

        assert expected == {(span.parent_id, span.tags["http.path"]) for span in self.sent}

    def test_a_task_keeps_the_parent_of_the_time_of_its_call(self) -> None:
        """A request that runs as a task is a child of what was active when the task was made, although that ended before."""
        if type(self).request_async is HttpClientKit.request_async:
            return  # a client that is not awaited

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
        """`asyncio.gather` has all of them below the span that is active."""
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
            self._ignoring_errors_with("/status/404?a=b", {"X-Mine": "1"})

        assert [("GET", "/status/404", False, "1", None), ("/status/404", "1", 404, None)] == seen

    def _ignoring_errors_with(self, path: str, headers: dict[str, str]) -> None:
        try:
            self.get(path, headers=headers)
        except Exception:
            return

    def test_a_hook_sees_the_answer_to_a_request_that_is_not_recorded(self) -> None:
        """`on_response` counts all requests, whatever is sampled."""
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
        """The request goes on, and its span is sent; the policy counts the faults."""
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
        """`sample` decides where no span is active, and travels on; None leaves it to the tracer."""
        if not self.has_policy:
            return
        decisions = {"/yes": True, "/no": False, "/open": None}
        with self.policy(sample=lambda request: decisions[request.path]):
            for path in decisions:
                self.get(path)

        assert ["/yes", "/open"] == [span.tags["http.path"] for span in self.sent]
        assert ["1", "0", "1"] == [one.header("x-b3-sampled") for one in self.server.received]

    def test_the_policy_is_not_asked_below_a_span(self) -> None:
        """The decision is the trace's."""
        if not self.has_policy:
            return
        with self.policy(sample=lambda request: False), self.tracer.start_active_span("parent"):
            self.get()

        assert "1" == self.server.received[0].header("x-b3-sampled")

    def test_a_peer_has_its_name(self) -> None:
        """By its address with the port, or by the host alone."""
        if not self.has_policy:
            return
        for peers in ({self.server.address: "bank"}, {"127.0.0.1": "bank"}):
            with self.policy(peers=peers):
                self.get()
            remote = self.sent[-1].remote

            assert ("bank", self.server.port) == (remote and remote.service_name, remote and remote.port)

    # Beside a tracer

    def test_without_a_tracer_nothing_is_sent(self) -> None:
        """Under the API's no-op a request is what it is without tracing."""
        opentracing.set_global_tracer(opentracing.Tracer())

        assert 200 == self.get()
        assert [] == [name for name in self.server.received[0].headers if "b3" in name]

    def test_after_uninstalling_nothing_is_traced(self) -> None:
        """`uninstall` puts back what `install` has replaced."""
        self.instrumentation.uninstall()
        self.get()

        assert [] == self.spans
        assert None is self.server.received[0].header("x-b3-traceid")

    def test_installed_twice_there_is_one_span(self) -> None:
        """`install` may be called again."""
        self.instrumentation.install()
        self.get()

        assert self.only()

    def test_a_tracer_that_raises_costs_the_span_only(self) -> None:
        """The request is made without."""

        class Broken(ZipkinTracer):
            def start_span(self, *_: Any, **__: Any) -> Any:
                raise RuntimeError("a fault of the tracer")

        self.use(Broken("client", recorder=InMemoryRecorder()))

        assert 200 == self.get()
        assert None is self.server.received[0].header("x-b3-traceid")
