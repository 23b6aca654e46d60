"""Spans of both APIs are in one trace, each the parent of spans that start inside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import context as otel_context, trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags, get_current_span

import opentracing
from opentracing.scope_managers import contextvars as scopes
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.otel import TracerProvider
from opentracing_zipkin.otel.provider import Tracer
from opentracing_zipkin.testing import InMemoryRecorder

Block = Callable[[str], Any]
NAMES = ["a", "b", "c", "d"]


@pytest.fixture(params=range(16), ids=lambda number: f"{number:04b}".replace("0", "T").replace("1", "O"))
def blocks(request: pytest.FixtureRequest, zipkin: ZipkinTracer, tracer: Tracer) -> list[Block]:
    """Four blocks of OpenTracing (T) or OpenTelemetry (O), in every combination."""
    both: list[Block] = [zipkin.start_active_span, tracer.start_as_current_span]
    return [both[request.param >> place & 1] for place in (3, 2, 1, 0)]


def chain(recorder: InMemoryRecorder) -> list[str]:
    """The names of the spans, each parent before its child; all spans are in one trace."""
    parents = {span.parent_id: span for span in recorder.spans}

    assert len(parents) == len(recorder.spans)
    assert 1 == len({span.trace_id for span in recorder.spans})
    names, parent = [], None
    while parent in parents:
        names.append(parents[parent].name)
        parent = parents[parent].span_id
    return names


@contextmanager
def nested(blocks: list[Block], names: list[str]) -> Iterator[None]:
    if not blocks:
        yield
        return
    with blocks[0](names[0]), nested(blocks[1:], names[1:]):
        yield


def test_blocks_nest(blocks: list[Block], recorder: InMemoryRecorder, zipkin: ZipkinTracer) -> None:
    """Each span is the child of the span around it, whichever API made either, and no span stays active."""
    with nested(blocks, NAMES):
        pass

    assert NAMES == chain(recorder)
    assert (None, None, INVALID_SPAN) == (zipkin.active_span, zipkin.scope_manager.active, get_current_span())


def test_both_apis_see_the_same_active_span(blocks: list[Block], zipkin: ZipkinTracer) -> None:
    """The current span of one API is the active span of the other: they have the same ids."""
    with nested(blocks, NAMES):
        active: Any = zipkin.active_span
        current = get_current_span().get_span_context()

        assert (active.context.trace_id, active.context.span_id) == (f"{current.trace_id:032x}", f"{current.span_id:016x}")


def test_blocks_nest_in_tasks(blocks: list[Block], recorder: InMemoryRecorder) -> None:
    """A span in a task is the child of the span in which the task was started."""

    async def go_on(number: int) -> None:
        if number < len(blocks):
            with blocks[number](NAMES[number]):
                await asyncio.sleep(0)
                await asyncio.create_task(go_on(number + 1))

    asyncio.run(go_on(0))

    assert NAMES == chain(recorder)


def test_blocks_nest_in_threads_that_run_in_a_copied_context(blocks: list[Block], recorder: InMemoryRecorder) -> None:
    """A thread that runs `copy_context().run` inherits the active span of both APIs."""

    def go_on(number: int) -> None:
        if number < len(blocks):
            with blocks[number](NAMES[number]):
                thread = threading.Thread(target=copy_context().run, args=(go_on, number + 1))
                thread.start()
                thread.join()

    go_on(0)

    assert NAMES == chain(recorder)


def test_blocks_nest_in_threads_that_attach_opentelemetrys_context(blocks: list[Block], recorder: InMemoryRecorder) -> None:
    """A thread that attaches OpenTelemetry's context, as its instrumentation does, inherits OpenTracing's active span, too."""

    def go_on(number: int, context: otel_context.Context) -> None:
        token = otel_context.attach(context)
        if number < len(blocks):
            with blocks[number](NAMES[number]):
                thread = threading.Thread(target=go_on, args=(number + 1, otel_context.get_current()))
                thread.start()
                thread.join()
        otel_context.detach(token)

    go_on(0, otel_context.Context())

    assert NAMES == chain(recorder)


def test_a_bare_thread_inherits_nothing(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A plain thread inherits no active span, the same as without the bridge."""
    with zipkin.start_active_span("a"):
        thread = threading.Thread(target=lambda: tracer.start_span("b").end())
        thread.start()
        thread.join()

    assert [None, None] == [span.parent_id for span in recorder.spans]


def test_a_new_root_has_no_parent_of_either_api(
    blocks: list[Block], zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder
) -> None:
    """`start_trace`, and OpenTelemetry's `start_span` with an empty context, start a new root."""
    with nested(blocks, NAMES):
        zipkin.start_trace("x").finish()
        tracer.start_span("x", otel_context.Context()).end()

    assert [None, None] == [span.parent_id for span in recorder.spans if span.name == "x"]


def test_nothing_is_active_in_a_block_without_parent(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """`no_parent_scope` hides the active span of both APIs, and restores it afterwards."""
    if not hasattr(scopes, "no_parent_hooks"):
        pytest.skip("upstream's package knows of no other API")
    with zipkin.start_active_span("a"), tracer.start_as_current_span("b") as b:
        with scopes.no_parent_scope():
            zipkin.start_span("x").finish()
            tracer.start_span("x").end()
        assert b is zipkin.active_span is get_current_span()

    assert [None, None] == [span.parent_id for span in recorder.spans if span.name == "x"]


@pytest.mark.needs_our_api
def test_scopes_closed_out_of_order(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """If the outer scope is closed first, it waits for the inner one; then neither API has an active span."""
    outer = zipkin.start_active_span("a")
    inner = zipkin.start_active_span("b")
    outer.close()
    tracer.start_span("c").end()
    inner.close()
    tracer.start_span("d").end()

    assert (None, INVALID_SPAN) == (zipkin.active_span, get_current_span())
    ids = {span.name: span for span in recorder.spans}
    assert (ids["b"].span_id, None) == (ids["c"].parent_id, ids["d"].parent_id)


@pytest.mark.needs_our_api
def test_a_scope_closed_in_another_context(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A scope closed in another context is skipped where it was opened, and nothing is logged."""
    scope = zipkin.start_active_span("a")
    copy_context().run(scope.close)
    zipkin.start_span("b").finish()
    tracer.start_span("c").end()

    assert None is zipkin.active_span
    assert [None, None, None] == [span.parent_id for span in recorder.spans]
    otel_context.attach(otel_context.Context())


def test_a_task_outlives_the_scope_it_was_started_in(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """A task keeps the span in which it was started as parent for both APIs, even after that span's scope was closed."""

    async def later() -> None:
        await asyncio.sleep(0)
        zipkin.start_span("b").finish()
        tracer.start_span("c").end()

    async def main() -> None:
        with zipkin.start_active_span("a"):
            task = asyncio.create_task(later())
        await task

    asyncio.run(main())
    (a,) = [span for span in recorder.spans if span.name == "a"]
    assert [a.span_id, a.span_id] == [span.parent_id for span in recorder.spans if span.name != "a"]


@pytest.mark.usefixtures("tracer")
def test_the_active_span_of_opentracing_takes_opentelemetrys_setters(zipkin: ZipkinTracer, recorder: InMemoryRecorder) -> None:
    """`trace.get_current_span()` inside a scope is the scope's span, and accepts OpenTelemetry's setters."""
    with zipkin.start_active_span("a", tags={"span.kind": "client"}):
        span: Any = get_current_span()
        span.set_attribute("n", 1)
        span.set_attributes({"list": [1, 2], "none": None})
        span.add_event("paid", {"by": "card"})
        span.record_exception(ValueError("no stock"))
        span.set_status(trace.StatusCode.ERROR, "failed")
        span.update_name("b")
        span.add_link(SpanContext(1, 2, False))
        assert ("b", trace.SpanKind.CLIENT, True) == (span.name, span.kind, span.is_recording())
    (sent,) = recorder.spans

    assert ("b", "CLIENT", {"n": "1", "list": "[1, 2]", "error": "failed"}) == (sent.name, sent.kind, sent.tags)
    assert [
        '"paid": {"by": "card"}',
        '"exception": {"exception.type": "ValueError", "exception.message": "no stock"}',
        "link: 00000000000000000000000000000001/0000000000000002",
    ] == [text for _, text in sent.annotations]
    assert False is span.is_recording()


def test_a_span_of_opentelemetrys_is_activated_by_opentracing(
    zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder
) -> None:
    """A span of OpenTelemetry that OpenTracing activates is the same object for both APIs."""
    span: Any = tracer.start_span("a")
    with zipkin.scope_manager.activate(span, True):
        assert span is get_current_span() is zipkin.active_span
        tracer.start_span("b").end()

    assert ["b", "a"] == [sent.name for sent in recorder.spans]
    assert recorder.spans[1].span_id == recorder.spans[0].parent_id


def test_a_span_is_used_by_opentelemetrys_own_block(zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder) -> None:
    """`trace.use_span` makes a span current, and ends it with its error."""

    def fail() -> None:
        zipkin.start_span("b").finish()
        raise ValueError("no stock")

    with pytest.raises(ValueError, match="no stock"), trace.use_span(tracer.start_span("a"), end_on_exit=True):
        fail()

    assert ["b", "a"] == [sent.name for sent in recorder.spans]
    assert "ValueError: no stock" == recorder.spans[1].tags["error"]
    assert recorder.spans[1].span_id == recorder.spans[0].parent_id


@pytest.mark.parametrize("sampled", [True, False])
def test_a_foreign_span_is_a_parent_for_both(
    zipkin: ZipkinTracer, tracer: Tracer, recorder: InMemoryRecorder, sampled: bool
) -> None:
    """A span context that another propagator extracted is the parent in both APIs, with its ids and its decision."""
    remote = SpanContext(0x463AC35C9F6413AD48485A3953BB6124, 0xA2FB4A1D1A96D312, True, TraceFlags(int(sampled)))
    with trace.use_span(NonRecordingSpan(remote)):
        zipkin.start_span("a").finish()
        span = tracer.start_span("b")
        recording = span.is_recording()
        span.end()

    expected = [("463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312")] * (2 if sampled else 0)
    assert expected == [(sent.trace_id, sent.parent_id) for sent in recorder.spans]
    assert (sampled, sampled) == (recording, span.get_span_context().trace_flags.sampled)
    assert remote.trace_id == span.get_span_context().trace_id


def test_a_child_of_what_is_not_sampled_is_not(recorder: InMemoryRecorder) -> None:
    """Children of a span that is not sampled are not sampled in either API, and their contexts show that."""
    zipkin = ZipkinTracer("shop", recorder=recorder, sample_rate=0.0)
    tracer = TracerProvider(zipkin).get_tracer("tests")
    with tracer.start_as_current_span("a") as a, zipkin.start_active_span("b"), tracer.start_as_current_span("c") as c:
        assert a.get_span_context().trace_id == c.get_span_context().trace_id
        assert a.get_span_context().span_id != c.get_span_context().span_id
        assert (False, False) == (c.is_recording(), c.get_span_context().trace_flags.sampled)

    assert [] == recorder.spans


def test_a_tracer_that_is_off(recorder: InMemoryRecorder) -> None:
    """A disabled tracer records nothing and passes on the contexts of its callers."""
    zipkin = ZipkinTracer("shop", recorder=recorder, enabled=False)
    tracer = TracerProvider(zipkin).get_tracer("tests")
    remote = SpanContext(0x463AC35C9F6413AD48485A3953BB6124, 0xA2FB4A1D1A96D312, True, TraceFlags(1))
    with tracer.start_as_current_span("a") as a:
        assert (False, False) == (a.is_recording(), a.get_span_context().is_valid)
    with trace.use_span(NonRecordingSpan(remote)), tracer.start_as_current_span("b") as b:
        context = b.get_span_context()

    assert ([], remote.trace_id, remote.span_id) == (recorder.spans, context.trace_id, context.span_id)


def test_a_tracer_without_the_bridge_is_unchanged() -> None:
    """Without the bridge a tracer's scope manager is unchanged, so it costs nothing."""
    zipkin = ZipkinTracer("shop", recorder=InMemoryRecorder())

    assert "activate" not in vars(zipkin.scope_manager)
    assert type(zipkin.scope_manager) is scopes.ContextVarsScopeManager


def test_warn_unfinished_works_with_the_bridge(recorder: InMemoryRecorder) -> None:
    """`warn_unfinished` and the bridge change the same scope manager, and both work together."""
    zipkin = ZipkinTracer("shop", recorder=recorder, warn_unfinished=True)
    tracer = TracerProvider(zipkin).get_tracer("tests")
    with zipkin.start_active_span("a"):
        tracer.start_span("b").end()
    zipkin.close().result()

    assert (0, recorder.spans[1].span_id) == (zipkin.unfinished, recorder.spans[0].parent_id)


def test_a_scope_manager_of_ones_own(recorder: InMemoryRecorder) -> None:
    """The bridge works with any scope manager, for instance one that keeps its scopes in a list."""

    class Listed(opentracing.ScopeManager):
        def __init__(self) -> None:
            self.scopes: list[Any] = []

        def activate(self, span: Any, finish_on_close: bool) -> Any:
            manager = self

            class ListedScope(opentracing.Scope):
                def close(self) -> None:
                    if manager.active is not self:
                        return
                    manager.scopes.remove(self)
                    if finish_on_close:
                        self.span.finish()

            self.scopes.append(ListedScope(self, span))
            return self.scopes[-1]

        @property
        def active(self) -> Any:
            return self.scopes[-1] if self.scopes else None

    zipkin = ZipkinTracer("shop", recorder=recorder, scope_manager=Listed())
    tracer = TracerProvider(zipkin).get_tracer("tests")
    with zipkin.start_active_span("a"), tracer.start_as_current_span("b"), zipkin.start_active_span("c"):
        tracer.start_span("d").end()

    assert NAMES == chain(recorder)
