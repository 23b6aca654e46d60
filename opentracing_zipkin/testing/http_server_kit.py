"""The behaviour of an instrumented HTTP server, as a class of tests to inherit from.

Rules: `serve` is the only method to implement; the tests look at the answers and the spans.  Routes are written `/users/{id}`.
The user decides whether requests go over a socket or stay in the process: `ask_wsgi` and `ask_asgi` call an application without
a server.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing.scope_managers.contextvars import ContextVarsScopeManager

from ..instrument.http import HttpPolicy, Request, Response
from ..model import FinishedSpan
from ..sampling import Rule, rules
from ..tracer import ZipkinTracer
from .fakes import InMemoryRecorder

__all__ = ["Answer", "Ask", "Handler", "HttpServerKit", "ask_asgi", "ask_wsgi"]

TRACE_ID = "463ac35c9f6413ad48485a3953bb6124"
SPAN_ID = "a2fb4a1d1a96d312"
SAMPLED = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}
UNSAMPLED = {**SAMPLED, "x-b3-sampled": "0"}
UNDECIDED = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID}


class Answer(NamedTuple):
    """An answer that a handler gives and a client gets; a `body` that is not text is streamed, chunk by chunk."""

    status: int = 200
    body: str | Iterator[bytes] | AsyncIterator[bytes] = ""
    location: str = ""


Handler = Callable[..., Any]  # returns an Answer for the route's parameters, or raises; may be async where `is_async`
Ask = Callable[[str, str, Mapping[str, str]], Answer]  # called with a method, a path with its query, and headers


class HttpServerKit:
    """Inherit from it in a class named `Test…` and implement `serve`.

    `has_routes`: whether the server has routes; if not, a span's name is the method alone.  `is_async`: whether handlers may be
    coroutine functions and bodies asynchronous iterators.  `streams`: whether a body may be streamed.  `client_ip`: the address
    of the requests of `ask`.  `teardown_method` is the place to uninstall what `serve` has installed.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Leave tests that do not apply out of the class and of its subclasses."""
        super().__init_subclass__(**more)
        for name in (() if cls.is_async else _ASYNCHRONOUS) + (() if cls.streams else _STREAMED):
            setattr(cls, name, None)

    has_routes = True
    is_async = False
    streams = True
    client_ip = "127.0.0.1"

    def serve(self, routes: Mapping[str, Handler], policy: HttpPolicy) -> Ask:
        """Make an application with these routes, traced by this policy, and return a function that sends requests to it.

        An exception of a handler is a 500 for the client; the redirect to `Answer.location` is not followed.
        """
        raise NotImplementedError

    # For the tests

    def setup_method(self) -> None:
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder()))

    def use(self, tracer: Any, **policy: Any) -> None:
        """Let this tracer trace the server from now on."""
        self.tracer = tracer
        self.recorder: InMemoryRecorder = getattr(tracer, "_recorder", None) or InMemoryRecorder()
        self.policy = HttpPolicy(tracer=tracer, **policy)

    def get(self, handler: Handler, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """The answer of a route `/`."""
        return self.serve({"/": handler}, self.policy)(method, "/", headers or {})

    @property
    def spans(self) -> list[FinishedSpan]:
        return self.recorder.spans

    def span(self) -> FinishedSpan:
        """The only span, which is the server's."""
        assert 1 == len(self.spans), [span.name for span in self.spans]
        assert "SERVER" == self.spans[0].kind
        return self.spans[0]

    def name(self, method: str, route: str) -> str:
        return (f"{method} {route}" if self.has_routes else method).lower()

    def active_context(self) -> Any:
        active = self.tracer.active_span
        return None if active is None else active.context

    def note_context(self) -> tuple[Handler, list[Any]]:
        """A handler, and the list of the contexts that it found active."""
        found: list[Any] = []

        def handler() -> Answer:
            found.append(self.active_context())
            return Answer()

        return handler, found

    # The origin of a trace

    def test_a_request_begins_a_trace(self) -> None:
        """A request without a context is the root of a new trace."""
        answer = self.get(ok)
        span = self.span()

        assert (200, "ok") == (answer.status, answer.body)
        assert (None, False, 32) == (span.parent_id, span.shared, len(span.trace_id))

    def test_the_id_that_was_sent_is_used(self) -> None:
        """The server's span has the ids of the client's span and the flag `shared`."""
        self.get(ok, SAMPLED)
        span = self.span()

        assert (TRACE_ID, SPAN_ID, True) == (span.trace_id, span.span_id, span.shared)

    def test_a_tracer_that_shares_no_ids_makes_a_child(self) -> None:
        """With `shared_spans=False` the server's span is a child of the client's."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), shared_spans=False))
        self.get(ok, SAMPLED)
        span = self.span()

        assert (TRACE_ID, SPAN_ID, False) == (span.trace_id, span.parent_id, span.shared)

    def test_the_single_header_is_read(self) -> None:
        """A context in the single header `b3` is read like one in several headers."""
        self.get(ok, {"b3": f"{TRACE_ID}-{SPAN_ID}-1"})

        assert (TRACE_ID, SPAN_ID) == (self.span().trace_id, self.span().span_id)

    def test_traceparent_is_continued_by_a_child(self) -> None:
        """With `w3c=True` the server's span is a child of the W3C context, which has no id to share."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), w3c=True))
        self.get(ok, {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"})

        assert (TRACE_ID, SPAN_ID) == (self.span().trace_id, self.span().parent_id)

    def test_a_broken_context_begins_a_trace(self) -> None:
        """Headers that cannot be read count as absent."""
        self.get(ok, {"x-b3-traceid": "not hexadecimal", "x-b3-spanid": "?", "b3": "%"})

        assert None is self.span().parent_id

    def test_a_debug_flag_is_kept(self) -> None:
        """A request with `x-b3-flags: 1` is recorded as debug, whatever the sampler decides."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get(ok, {**UNDECIDED, "x-b3-flags": "1"})

        assert self.span().debug

    # Sampling and baggage

    def test_an_unsampled_request_is_not_recorded(self) -> None:
        """The caller's decision against recording is kept, and its context is passed on."""
        handler, found = self.note_context()
        self.get(handler, UNSAMPLED)

        assert ([], [(TRACE_ID, False)]) == (self.spans, [(context.trace_id, context.sampled) for context in found])

    def test_a_sampler_decides_where_the_caller_has_not(self) -> None:
        """The tracer's sampler is called for a request without a decision."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sample_rate=0.0))
        self.get(ok)
        self.get(ok, UNDECIDED)
        assert [] == self.spans
        self.get(ok, SAMPLED)

        assert TRACE_ID == self.span().trace_id

    def test_a_tracer_that_is_off_records_nothing(self) -> None:
        """With `enabled=False` the answer is the same and no span is recorded."""
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), enabled=False))
        answer = self.get(ok, SAMPLED)

        assert (200, "ok", []) == (answer.status, answer.body, self.spans)

    def test_a_policy_decides_for_a_request(self) -> None:
        """`sample` is called once for a request without a decision; None leaves the decision to the tracer."""
        asked: list[tuple[str, str, str | None]] = []
        decisions = iter([False, None])

        def sample(request: Request) -> bool | None:
            asked.append((request.method, request.path, request.header("X-Kit")))
            return next(decisions)

        self.use(self.tracer, sample=sample)
        self.get(ok, {"x-kit": "first"})
        assert [] == self.spans
        self.get(ok, {"x-kit": "second"})
        self.get(ok, SAMPLED)
        self.get(ok, UNSAMPLED)

        assert [("GET", "/", "first"), ("GET", "/", "second")] == asked
        assert [False, True] == [span.trace_id == TRACE_ID for span in self.spans]

    def test_an_excluded_path_is_not_recorded(self) -> None:
        """A path of `excluded_paths` is not recorded, and neither are calls that are made while it is served."""
        self.use(self.tracer, excluded_paths=["/health", "/internal/*"])

        def handler() -> Answer:
            self.tracer.start_active_span("check").close()
            return Answer()

        ask = self.serve({"/health": handler, "/internal/deep/status": handler, "/healthy": handler}, self.policy)
        ask("GET", "/health", {})
        ask("GET", "/internal/deep/status", {})
        assert [] == self.spans
        ask("GET", "/healthy", {})

        assert 2 == len(self.spans)

    def test_baggage_comes_with_a_new_trace(self) -> None:
        """The handler of a new trace gets the baggage that came without ids."""
        assert ["7"] == self.baggage_with({})
        assert None is self.span().parent_id

    def test_baggage_comes_with_a_trace(self) -> None:
        """The handler of a continued trace gets its baggage."""
        assert ["7"] == self.baggage_with(SAMPLED)

    def test_the_samplers_rules_see_the_request(self) -> None:
        """Its method, path and headers, in time for the decision; a header that a rule asks for is no tag."""
        sampler = rules(
            Rule(path="/health", rate=0),
            Rule(method="POST", path="/pay/*", kind="server", service="kit", rate=1),
            Rule(headers={"X-Tenant": "gold"}, rate=1),
            otherwise=0,
        )
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder(), sampler=sampler))
        ask = self.serve({"/health": ok, "/pay/{number}": lambda number: Answer()}, self.policy)
        asked: list[tuple[str, str, dict[str, str]]] = [
            ("GET", "/health", {}),
            ("GET", "/health", {"x-tenant": "gold"}),
            ("POST", "/pay/7?x=1", {}),
            ("GET", "/pay/7", {}),
            ("GET", "/pay/7", {"x-tenant": "gold"}),
            ("GET", "/pay/7", {"x-tenant": "silver"}),
            ("GET", "/pay/7", {"x-tenant": "gold", **UNDECIDED}),
            # A decision of the caller's is not put to them.
            ("POST", "/pay/7", UNSAMPLED),
            ("GET", "/health", SAMPLED),
        ]
        recorded = []
        for method, path, headers in asked:
            ask(method, path, headers)
            recorded.append(len(self.spans) == 1)
            assert not any("gold" in span.tags.values() for span in self.spans)
            self.spans.clear()

        assert [False, False, True, False, True, False, True, False, True] == recorded

    def test_baggage_comes_with_an_unsampled_trace(self) -> None:
        """The handler gets the baggage even if nothing is recorded."""
        assert ["7"] == self.baggage_with(UNSAMPLED)
        assert [] == self.spans

    def baggage_with(self, headers: Mapping[str, str]) -> list[str | None]:
        found: list[str | None] = []

        def handler() -> Answer:
            found.append(self.tracer.active_span.get_baggage_item("user"))
            return Answer()

        self.get(handler, {**headers, "ot-baggage-user": "7"})
        return found

    # The request

    def test_the_client_is_the_remote_end(self) -> None:
        """The remote address is that of the connection; what a client writes about itself is not trusted."""
        self.get(ok, {"x-forwarded-for": "192.0.2.1"})

        assert self.client_ip == self.remote_ip()

    def test_a_forwarded_address_is_used_where_it_is_trusted(self) -> None:
        """With `trust_forwarded=True` the first address of `X-Forwarded-For` is the client's."""
        self.use(self.tracer, trust_forwarded=True)
        self.get(ok, {"x-forwarded-for": "192.0.2.1, 198.51.100.3"})

        assert "192.0.2.1" == self.remote_ip()

    def test_a_forwarded_address_that_is_none_is_left_out(self) -> None:
        """A word in place of an address is no service name; the address of the connection is used."""
        self.use(self.tracer, trust_forwarded=True)
        self.get(ok, {"x-forwarded-for": "billing, 198.51.100.3"})

        assert (self.client_ip, "") == (self.remote_ip(), self.span().remote.service_name)  # type: ignore[union-attr]

    def remote_ip(self) -> str:
        remote = self.span().remote
        return "" if remote is None else remote.ipv4 or remote.ipv6

    def test_a_span_is_named_by_its_route(self) -> None:
        """The span's name is the method and the route as it was written, the same for all paths of the route."""
        ask = self.serve({"/users/{id}": lambda id: Answer()}, self.policy)
        ask("GET", "/users/1", {})
        ask("GET", "/users/2", {})

        assert [self.name("GET", "/users/{id}")] * 2 == [span.name for span in self.spans]
        assert ["/users/{id}" if self.has_routes else None] * 2 == [span.tags.get("http.route") for span in self.spans]

    def test_a_nested_route_has_its_prefix(self) -> None:
        """The name of a nested route begins at the root."""
        routes: dict[str, Handler] = {
            "/shop/{shop}/items/{id}": lambda shop, id: Answer(),
            "/shop/{shop}": lambda shop: Answer(),
        }
        self.serve(routes, self.policy)("GET", "/shop/1/items/2", {})

        assert self.name("GET", "/shop/{shop}/items/{id}") == self.span().name

    def test_an_async_route_is_named_alike(self) -> None:
        """The span of a coroutine handler is named by its route, and stays active after an `await`."""
        found: list[Any] = []

        async def handler(id: str) -> Answer:
            await asyncio.sleep(0)
            found.append(self.active_context())
            return Answer()

        self.serve({"/users/{id}": handler}, self.policy)("GET", "/users/1", {})

        assert (self.name("GET", "/users/{id}"), [self.span().span_id]) == (
            self.span().name,
            [context.span_id for context in found],
        )

    def test_what_is_not_found_has_no_path_in_its_name(self) -> None:
        """The name of a span for a path without a route is `GET not_found`, and the span has the status."""
        answer = self.serve({"/": ok}, self.policy)("GET", "/wp-admin/1", {})
        span = self.span()

        assert (404, "get not_found", "404", "/wp-admin/1") == (
            answer.status,
            span.name,
            span.tags["http.status_code"],
            span.tags["http.path"],
        )
        assert "http.route" not in span.tags

    def test_a_redirect_has_its_route(self) -> None:
        """The span of a handler's redirect is named by the route, and has the status."""
        answer = self.get(lambda: Answer(302, "", "/elsewhere"))

        assert (302, "302") == (answer.status, self.span().tags["http.status_code"])
        assert ("get /" if self.has_routes else "get redirected") == self.span().name
        assert "error" not in self.span().tags

    def test_methods_are_told(self) -> None:
        """The method is in the span's name and in a tag, for instance POST or OPTIONS."""
        self.get(ok, method="POST")
        self.get(ok, method="OPTIONS")

        assert ["post", "options"] == [span.name.split()[0] for span in self.spans]
        assert ["POST", "OPTIONS"] == [span.tags["http.method"] for span in self.spans]

    def test_a_strange_method_makes_no_name(self) -> None:
        """The name of a span with an unknown method begins with `HTTP`, so that strangers cannot make names."""
        self.get(ok, method="XMAS")

        assert "http" == self.span().name.split()[0]

    def test_head_is_answered_without_a_body(self) -> None:
        """A HEAD request has a span like any other request."""
        self.get(ok, method="HEAD")

        assert "HEAD" == self.span().tags["http.method"]

    def test_the_query_is_left_out(self) -> None:
        """A query, which may hold a secret, is nowhere in the span."""
        self.serve({"/": ok}, self.policy)("GET", "/?password=hunter2", {})
        span = self.span()

        assert "/" == span.tags["http.path"]
        assert "hunter2" not in repr((span.name, span.tags, span.annotations))

    def test_a_path_beyond_ascii_is_text(self) -> None:
        """A path in UTF-8 becomes its text; other bytes are kept or replaced."""
        ask = self.serve({"/": ok}, self.policy)
        ask("GET", "/caf%C3%A9", {})
        ask("GET", "/caf%E9", {})

        assert ["/café", 2] == [self.spans[0].tags["http.path"], len(self.spans)]

    # The answer

    def test_success_has_no_status(self) -> None:
        """A status 2xx is expected, so it is no tag."""
        self.get(lambda: Answer(202))

        assert {"http.status_code", "error"}.isdisjoint(self.span().tags)

    def test_a_bad_request_has_its_status(self) -> None:
        """A status 4xx is the caller's mistake: it is a tag, but no error."""
        answer = self.get(lambda: Answer(400))

        assert (400, "400", None) == (answer.status, self.span().tags["http.status_code"], self.span().tags.get("error"))

    def test_a_server_error_is_an_error(self) -> None:
        """A status 5xx from a handler is both the status and the error."""
        self.get(lambda: Answer(503))

        assert ("503", "503") == (self.span().tags["http.status_code"], self.span().tags["error"])

    def test_an_exception_is_the_error(self) -> None:
        """An uncaught exception is the span's error; the span also has the client's status and the route."""
        answer = self.get(fail)
        span = self.span()

        assert (500, "500", "ValueError: out of stock") == (answer.status, span.tags["http.status_code"], span.tags["error"])
        assert self.name("GET", "/") == span.name

    def test_an_exception_of_a_coroutine_is_the_error(self) -> None:
        """An exception of a coroutine function is the span's error, too."""

        async def handler() -> Answer:
            await asyncio.sleep(0)
            fail()
            return Answer()

        self.get(handler)

        assert ("500", "ValueError: out of stock") == (self.span().tags["http.status_code"], self.span().tags["error"])

    def test_the_error_may_be_set(self) -> None:
        """`on_response` gets the exception and the status, and may set another error."""
        seen: list[tuple[int, str]] = []

        def on_response(span: Any, request: Request, response: Response, error: BaseException | None) -> None:
            seen.append((response.status, str(error)))
            span.set_tag("error", "sold out")

        self.use(self.tracer, on_response=on_response)
        self.get(fail)

        assert "sold out" == self.span().tags["error"]
        assert ["out of stock"] == [text for _, text in seen]

    # Inside

    def test_what_a_handler_does_is_a_child(self) -> None:
        """A span of the application is a child of the server's, and is recorded before it."""

        def handler() -> Answer:
            with self.tracer.start_active_span("look up"):
                return Answer()

        self.get(handler, SAMPLED)
        child, server = self.spans

        assert ("look up", server.trace_id, server.span_id) == (child.name, child.trace_id, child.parent_id)
        assert server.timestamp_us <= child.timestamp_us
        assert child.duration_us <= server.duration_us

    def test_a_coroutine_has_children(self) -> None:
        """Tasks that a coroutine handler gathers have the server's span as their parent."""

        async def look_up() -> None:
            with self.tracer.start_active_span("look up"):
                await asyncio.sleep(0)

        async def handler() -> Answer:
            await asyncio.gather(look_up(), look_up())
            return Answer()

        self.get(handler)
        *children, server = self.spans

        assert [server.span_id] * 2 == [child.parent_id for child in children]

    def test_the_span_is_active_in_the_handler_only(self) -> None:
        """The server's span is active in the handler; after the answer no span is."""
        handler, found = self.note_context()
        self.get(handler)

        assert ([self.span().span_id], None) == ([context.span_id for context in found], self.tracer.active_span)

    def test_an_active_span_of_the_caller_is_no_parent(self) -> None:
        """A span that happens to be active where the server runs is no parent of a request."""
        with self.tracer.start_active_span("run the server"):
            self.get(ok)
        server = self.spans[0]

        assert (None, "SERVER") == (server.parent_id, server.kind)

    def test_what_is_called_continues_the_trace(self) -> None:
        """Headers that the handler injects have the trace's id."""
        sent: dict[str, str] = {}

        def handler() -> Answer:
            self.tracer.inject(self.active_context(), opentracing.Format.HTTP_HEADERS, sent)
            return Answer()

        self.get(handler, SAMPLED)

        assert TRACE_ID == sent["x-b3-traceid"]

    def test_requests_at_once_have_spans_of_their_own(self) -> None:
        """Eight requests that are served at the same time are eight traces, each with its own child."""
        together = threading.Barrier(8, timeout=20)

        def handler(id: str) -> Answer:
            together.wait()
            with self.tracer.start_active_span(id):
                return Answer()

        ask = self.serve({"/{id}": handler}, self.policy)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: ask("GET", f"/{number}", {}), range(8)))
        servers = {span.span_id: span for span in self.spans if span.kind == "SERVER"}
        children = [span for span in self.spans if span.kind is None]

        assert {f"/{child.name}" for child in children} == {server.tags["http.path"] for server in servers.values()}
        assert [f"/{child.name}" for child in children] == [
            servers[child.parent_id or ""].tags["http.path"] for child in children
        ]

    # A stream

    def test_a_stream_lasts_until_its_last_byte(self) -> None:
        """The span of a streamed answer ends with the stream, and work during the stream is a child."""
        recorded: list[int] = []

        def step(number: int) -> bytes:
            recorded.append(len(self.spans))
            with self.tracer.start_active_span("chunk"):
                return str(number).encode()

        answer = self.get(lambda: Answer(200, self.chunks(step, 3)))
        *children, server = self.spans

        assert ("012", [0, 1, 2]) == (answer.body, recorded)
        assert [server.span_id] * 3 == [child.parent_id for child in children]

    def test_a_stream_that_fails_is_an_error(self) -> None:
        """An exception in the middle of a stream is the span's error; the part before it is sent."""

        def step(number: int) -> bytes:
            return b"x" if number < 1 else fail()

        self.get(lambda: Answer(200, self.chunks(step, 3)))

        assert "ValueError: out of stock" == self.span().tags["error"]

    def chunks(self, step: Callable[[int], bytes], count: int) -> Any:
        """A body that is streamed in the way of the server."""

        async def asynchronous() -> AsyncIterator[bytes]:
            for number in range(count):
                yield step(number)
                await asyncio.sleep(0)

        return asynchronous() if self.is_async else (step(number) for number in range(count))

    # Hooks

    def test_hooks_see_the_request_and_the_answer(self) -> None:
        """`on_request` and `on_response` see the same request, and may tag and rename the span."""
        seen: list[Any] = []

        def on_request(span: Any, request: Request) -> None:
            span.set_tag("tenant", request.header("X-Tenant"))

        def on_response(span: Any, request: Request, response: Response, error: BaseException | None) -> None:
            seen.append((request.method, request.path, request.header("x-tenant"), request.is_server, response.status, error))
            span.set_operation_name("renamed")

        self.use(self.tracer, on_request=on_request, on_response=on_response)
        self.get(ok, {"x-tenant": "acme"})

        assert ("acme", "renamed") == (self.span().tags["tenant"], self.span().name)
        assert [("GET", "/", "acme", True, 200, None)] == seen

    def test_a_hook_sees_the_answer_of_a_request_that_is_not_recorded(self) -> None:
        """`on_response` is called for every request, sampled or not."""
        seen: list[int] = []
        tracer = ZipkinTracer("kit", recorder=InMemoryRecorder(), sample_rate=0.0)
        self.use(tracer, on_response=lambda span, request, response, error: seen.append(response.status))
        self.get(ok)

        assert [200] == seen

    def test_a_hook_that_raises_harms_no_request(self) -> None:
        """A hook's exception is counted; the request and its span go on."""

        def hook(*arguments: Any) -> Any:
            raise ValueError("of the hook")

        self.use(self.tracer, on_request=hook, on_response=hook, sample=hook)
        answer = self.get(ok)

        assert (200, "ok", 3) == (answer.status, answer.body, self.policy.faults)
        assert self.name("GET", "/") == self.span().name

    # The unexpected

    def test_a_large_header_is_let_through(self) -> None:
        """A header of a megabyte causes no fault of ours, even if it is one that we read."""
        for name in ("x-anything", "b3", "x-b3-traceid", "x-forwarded-for", "baggage"):
            answer = self.get(ok, {name: "a" * self.large})
            assert (200, "ok") == (answer.status, answer.body)

        assert (5, 0) == (len(self.spans), self.policy.faults)

    large = 1_000_000  # bytes; a server may have a lower limit

    def test_another_tracer_records_as_well(self) -> None:
        """Any tracer of the OpenTracing API gets the same spans."""
        self.use(MockTracer(ContextVarsScopeManager()))

        def handler(id: str) -> Answer:
            self.tracer.start_active_span("look up").close()
            fail()
            return Answer()

        self.serve({"/users/{id}": handler}, self.policy)("GET", "/users/1", {})
        child, server = self.tracer.finished_spans()

        assert (server.context.trace_id, server.context.span_id) == (child.context.trace_id, child.parent_id)
        assert (self.name("GET", "/users/{id}"), "server", "GET", True) == (
            server.operation_name.lower(),
            server.tags["span.kind"],
            server.tags["http.method"],
            server.tags["error"],
        )

    def test_without_a_tracer_nothing_changes(self) -> None:
        """With the API's own tracer, which records nothing, the answers are the same."""
        self.use(opentracing.Tracer())

        assert (200, "ok") == self.get(ok, SAMPLED)[:2]
        assert 500 == self.get(fail).status


_ASYNCHRONOUS = (
    "test_an_async_route_is_named_alike",
    "test_an_exception_of_a_coroutine_is_the_error",
    "test_a_coroutine_has_children",
)
_STREAMED = ("test_a_stream_lasts_until_its_last_byte", "test_a_stream_that_fails_is_an_error")


def ok() -> Answer:
    return Answer(200, "ok")


def fail() -> Any:
    raise ValueError("out of stock")


def ask_wsgi(app: Callable[..., Iterable[bytes]]) -> Ask:
    """Send requests to a WSGI application like a server that answers 500 for an exception."""

    def ask(method: str, target: str, headers: Mapping[str, str]) -> Answer:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "50000",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        environ.update((f"HTTP_{name.upper().replace('-', '_')}", value) for name, value in headers.items())
        started: list[int] = []
        body = bytearray()

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            started.append(int(status[:3]))
            return body.extend

        try:
            chunks = app(environ, start_response)
            try:
                for chunk in chunks:
                    body.extend(chunk)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except Exception:
            started = started or [500]
        return Answer(started[-1], body.decode("utf-8", "replace"))

    return ask


def ask_asgi(app: Callable[..., Any]) -> Ask:
    """Send requests to an ASGI application like a server that answers 500 for an exception; each has its own event loop."""

    def ask(method: str, target: str, headers: Mapping[str, str]) -> Answer:
        return asyncio.run(_ask_asgi(app, method, target, headers))

    return ask


async def _ask_asgi(app: Callable[..., Any], method: str, target: str, headers: Mapping[str, str]) -> Answer:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in {"host": "localhost", **headers}.items()
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
    }
    status = 0
    body = bytearray()
    is_asked, is_answered = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if is_asked.is_set():
            await is_answered.wait()
            return {"type": "http.disconnect"}
        is_asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                is_answered.set()

    try:
        await app(scope, receive, send)
    except Exception:
        status = status or 500
    return Answer(status, body.decode("utf-8", "replace"))
