"""While a request is served: the code of the handler, streams, hooks, and other tracers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing.scope_managers.contextvars import ContextVarsScopeManager

from ...instrument.http import Request, Response
from ...tracer import ZipkinTracer
from ..fakes import InMemoryRecorder
from .base import SAMPLED, TRACE_ID, ServedApplication, fail, ok
from .in_process import Answer

__all__ = ["ServingCases"]


class ServingCases(ServedApplication):
    """The code of a handler, streams, hooks, and the unexpected."""

    # Inside the handler

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
        """The server's span is active in the handler; after the answer no span is active."""
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
        """A body that is streamed: an asynchronous iterator where handlers may be asynchronous, else a plain one."""

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
