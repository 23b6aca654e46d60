"""The points where OpenTracing 0.5 and 2.4 collide: code written for either version runs.

Rules: each rule of docs/reference/two-vocabularies.md has one test here, in the same order, and names its test.
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

import pytest

import opentracing
from opentracing import (
    Format,
    Scope,
    Span,
    SpanContext,
    TraceContext,
    TraceContextDecoder,
    TraceContextEncoder,
    TraceContextSource,
    Tracer,
    child_of,
    logs,
    start_child_span,
    tags,
)
from opentracing.harness.api_check import APICompatibilityCheckMixin
from opentracing.harness.trace_context_check import TraceContextCheckMixin
from opentracing.mocktracer import MockTracer
from opentracing.standard import InMemoryRecorder, RecordingTracer
from opentracing.standard.context import TraceContext as StoredContext


class Tracer24(Tracer):
    """A tracer written for 2.4: it implements the primitives, and notes how they were called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def start_span(self, operation_name: str | None = None, **options: Any) -> Any:  # type: ignore[override]
        self.calls.append((operation_name, {key: value for key, value in options.items() if value not in (None, False)}))
        return Span24(self, SpanContext())

    def inject(self, span_context: Any, format: str, carrier: Any) -> None:
        carrier["id"] = "1"

    def extract(self, format: str, carrier: Any) -> Any:
        return carrier.get("id")


class Span24(Span):
    """A span written for 2.4, which does not define the verbs of 0.5."""

    def __init__(self, tracer: Any, context: Any) -> None:
        super().__init__(tracer, context)
        self.seen: list[Any] = []

    def set_tag(self, key: str, value: Any) -> Span24:
        self.seen.append((key, value))
        return self

    def log_kv(self, key_values: dict[str, Any], timestamp: float | None = None) -> Span24:
        self.seen.append(key_values)
        return self


def test_both_constructors_of_a_span_work() -> None:
    """`Span(context)` of 0.5 and `Span(tracer, context)` of 2.4 both work."""
    tracer, context = Tracer(), TraceContext()

    assert context is Span(context).context is Span(trace_context=context).context
    assert (tracer, context) == (Span(tracer, context).tracer, Span(tracer, context).context)
    assert (tracer, context) == (Span(tracer=tracer, context=context).tracer, Span(tracer, context=context).context)


def test_a_spans_context_has_two_names_and_may_be_assigned() -> None:
    """Subclasses for 0.5 assign `self.trace_context`, and code for 2.4 then finds it as `context`."""

    class Span05(Span):
        def __init__(self, context: Any) -> None:
            self.trace_context = context

    context = TraceContext()

    assert context is Span05(context).context is Span05(context).trace_context


def test_a_spans_tracer_may_be_assigned() -> None:
    """Subclasses for 0.5 may assign `tracer` in their constructors, where 2.4 had a read-only property."""

    class Span05(Span):
        def __init__(self, tracer: Any) -> None:
            self.tracer = tracer

    tracer = Tracer()

    assert tracer is Span05(tracer).tracer


def test_both_kinds_of_context_are_one_class() -> None:
    """A 0.5 context is accepted by `child_of`, and a 2.4 context has `get_trace_attribute`."""
    tracer = RecordingTracer(InMemoryRecorder())
    parent = tracer.start_trace("parent")
    child: Any = tracer.start_span("child", child_of=parent.trace_context)

    assert TraceContext is SpanContext
    assert parent.trace_context.span_id == child.context.parent_id
    assert SpanContext().get_trace_attribute("k") is None


class Spelled(SpanContext):
    @property
    def baggage(self) -> Mapping[str, str]:
        return {"User_Id": "7"}


def test_attributes_and_baggage_are_one_store_with_two_ways_of_asking() -> None:
    """`get_trace_attribute` finds any spelling, `set_trace_attribute` keeps the normal one, and children get a copy."""
    tracer = RecordingTracer(InMemoryRecorder())
    span = tracer.start_span("parent")
    earlier = span.start_child("earlier")
    span.trace_context.set_trace_attribute("User_Id", "7")
    later: Any = span.start_child("later")

    assert "7" == Spelled().get_trace_attribute("user-ID")
    assert Spelled().get_trace_attribute("other") is None
    assert {"user-id": "7"} == later.context.baggage
    assert "7" == later.get_baggage_item("user-id") == later.context.get_trace_attribute("USER_ID")
    assert earlier.get_baggage_item("user-id") is None
    mocked = MockTracer().start_span("spelled").set_baggage_item("Kiff-loves", "Amy")
    assert {"Kiff-loves": "Amy"} == mocked.context.baggage


def test_an_exception_is_reported_once_through_error() -> None:
    """As in 0.5, an exception that leaves `with span` calls `error` and `finish` once each."""
    span = Span(trace_context=TraceContext())
    with mock.patch.object(span, "finish") as finish, mock.patch.object(span, "error") as error:
        with pytest.raises(ValueError, match="x"), span:
            raise ValueError("x")

        assert (1, 1) == (finish.call_count, error.call_count)


def test_an_exception_becomes_the_error_tag_and_one_log_record() -> None:
    """As in 2.4, an exception calls `set_tag("error", True)`, and `log_kv` with the exception, its class and its traceback."""
    span = Tracer().start_span("x")
    error = ValueError("unexpected")
    with mock.patch.object(span, "log_kv") as log_kv, mock.patch.object(span, "set_tag") as set_tag:
        with pytest.raises(ValueError, match="unexpected"), span:
            raise error

        assert [mock.call("error", True)] == set_tag.call_args_list
        fields = log_kv.call_args.args[0]
        assert ("error", "unexpected", error, ValueError) == (
            fields[logs.EVENT],
            fields[logs.MESSAGE],
            fields[logs.ERROR_OBJECT],
            fields[logs.ERROR_KIND],
        )
        assert isinstance(fields[logs.STACK], TracebackType)


def test_an_exception_keeps_its_stack_where_error_means_something_else() -> None:
    """If a 2.x span defines its own `error(message, payload)`, an exception makes 2.4's log record and does not call it."""

    class Jaegers(Span24):
        def error(self, message: str, payload: Any = None) -> Jaegers:  # type: ignore[override]
            raise AssertionError("would lose message and stack")

    span = Jaegers(Tracer(), SpanContext())
    with pytest.raises(ValueError, match="x"), span:
        raise ValueError("x")

    assert [("error", True)] == span.seen[:1]
    assert isinstance(span.seen[1][logs.STACK], TracebackType)


def test_info_and_error_are_spelled_in_log_kv() -> None:
    """Any 2.4 span has `info` and `error` of 0.5, which format the message and call `log_kv`."""
    span = Span24(Tracer(), SpanContext())

    assert span is span.info("a %s", 1).error("b %s", 2)
    assert [{"event": "a 1"}, ("error", True), {"event": "error", "message": "b 2"}] == span.seen


def test_finish_takes_a_time_and_counts_once() -> None:
    """`finish()` of 0.5 and `finish(finish_time)` of 2.4 are one method, and only its first call counts."""
    recorder = InMemoryRecorder()
    span = RecordingTracer(recorder).start_span("x", start_time=1.0)
    span.finish(3.0)
    span.finish()

    assert [2.0] == [raw.duration for raw in recorder.spans]


def test_add_tag_calls_set_tag() -> None:
    """A 2.4 span only needs to define `set_tag`: `add_tag` and `add_tags` call it."""
    span = Span24(Tracer(), SpanContext())

    assert span is span.add_tag("k", "v").add_tags({"l": 2})
    assert [("k", "v"), ("l", 2)] == span.seen


def test_a_tracer_that_never_calls_the_constructor_of_its_base_works() -> None:
    """A tracer need not call the constructor of its base, because tracers for 0.5 had none to call."""

    class Bare(Tracer):
        def __init__(self) -> None:
            pass

    tracer = Bare()

    assert tracer.start_span("x").tracer is tracer
    assert tracer.active_span is not None
    assert isinstance(tracer.start_active_span("x"), Scope)


def test_a_tracer_is_a_source_an_encoder_and_a_decoder() -> None:
    """Tracer has the source, the encoder and the decoder of 0.5 as bases, and makes new contexts itself, as 0.6 asks."""

    assert issubclass(Tracer, TraceContextSource)
    assert issubclass(TraceContextSource, TraceContextEncoder)
    assert issubclass(TraceContextSource, TraceContextDecoder)
    assert isinstance(Tracer().new_root_trace_context(), TraceContext)


def test_any_2_4_tracer_has_the_verbs_of_0_5() -> None:
    """Each verb of 0.5 calls 2.4's primitives, so a tracer implements only those."""
    tracer = Tracer24()
    root = tracer.start_trace("root", tags={"k": "v"})
    root.start_child("child")
    tracer.join_trace("joined", root.context)

    assert [
        ("root", {"tags": {"k": "v"}, "ignore_active_span": True}),
        ("child", {"child_of": root}),
        ("joined", {"child_of": root.context, "tags": {"span.kind": "server"}, "ignore_active_span": True}),
    ] == tracer.calls
    assert ({"id": "1"}, None) == tracer.trace_context_to_text(root.context)
    assert "1" == tracer.trace_context_from_text({"id": "1"}, None)


def test_start_trace_is_a_root_whatever_is_active() -> None:
    """The span of `start_trace` is never a child of the active span."""
    tracer = RecordingTracer(InMemoryRecorder())
    with tracer.start_active_span("active") as active:
        root: Any = tracer.start_trace("root")

    assert root.context.parent_id is None
    assert active.span.context.trace_id != root.context.trace_id


def test_where_no_trace_is_there_is_no_context() -> None:
    """`trace_context_from_text` returns None for a missing or malformed context; the no-op knows one context only."""
    tracer = RecordingTracer(InMemoryRecorder())

    assert tracer.trace_context_from_text({"user-agent": "x"}, None) is None
    assert tracer.extract(Format.TEXT_MAP, {}) is None
    assert MockTracer().trace_context_from_text({"ot-tracer-traceid": "no hex"}, None) is None
    assert Tracer().trace_context_from_text({}, {}) is TraceContextSource.singleton_noop_trace_context


def test_a_tracer_that_is_assigned_counts_as_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an assignment to `opentracing.tracer`, as in 0.5, `is_global_tracer_registered()` of 2.4 is True."""
    assert not opentracing.is_global_tracer_registered()
    tracer = Tracer()
    monkeypatch.setattr(opentracing, "tracer", tracer)

    assert opentracing.is_global_tracer_registered()
    assert tracer is opentracing.global_tracer()


def test_the_submodule_tracer_can_be_imported_from() -> None:
    """The variable `opentracing.tracer` hides the module's name, but the module can still be imported from."""
    from opentracing.tracer import Tracer as Found

    assert Tracer is Found
    assert isinstance(opentracing.tracer, Tracer)
    assert "opentracing.tracer" in sys.modules


def test_the_kinds_have_2_4s_words() -> None:
    """The constants of `span.kind` are the words of 2.4, as instrumentations write them; the Zipkin tracer also reads 0.5's."""

    assert ("client", "server") == (tags.SPAN_KIND_RPC_CLIENT, tags.SPAN_KIND_RPC_SERVER)


def test_the_tags_are_there_under_both_names() -> None:
    """`opentracing.ext.tags` and `opentracing.tags` are the same, and have the names of 0.5."""
    from opentracing.ext import tags as ext_tags

    assert ("peer.service", "peer.ipv4", "peer.port") == (tags.PEER_SERVICE, tags.PEER_HOST_IPV4, tags.PEER_PORT)
    assert all(getattr(tags, name) == getattr(ext_tags, name) for name in tags.__all__)


def test_the_singletons_of_0_5_are_there_beside_2_4s() -> None:
    """All no-ops share one context, and each tracer has its own no-op span, which knows its tracer."""
    tracer, other = Tracer(), Tracer()
    singleton = TraceContextSource.singleton_noop_trace_context

    assert singleton is Tracer.singleton_noop_span.context is tracer._noop_span.context is tracer._noop_span_context
    assert (tracer, other) == (tracer._noop_span.tracer, other._noop_span.tracer)


def test_the_active_no_op_span_can_have_children() -> None:
    """`start_child_span(tracer.active_span, ...)` works on the no-op, where the archived package raises."""
    active = Tracer().active_span

    assert opentracing.global_tracer() is active.tracer
    assert isinstance(start_child_span(active, "child"), Span)


def test_a_child_can_be_started_by_the_span_or_by_the_function() -> None:
    """`span.start_child(...)` and `start_child_span(span, ...)` both start a child of the span."""
    tracer = RecordingTracer(InMemoryRecorder())
    parent = tracer.start_span("parent")
    children: list[Any] = [
        parent.start_child("child", tags={"k": "v"}),
        start_child_span(parent, "child", tags={"k": "v"}, start_time=1.0),
        tracer.start_span("child", references=[child_of(parent.context)]),
    ]

    assert {parent.context.span_id} == {child.context.parent_id for child in children}  # type: ignore[attr-defined]


def test_closing_gives_a_future() -> None:
    """On every tracer, `close()` returns a `concurrent.futures.Future` of True."""
    for tracer in (Tracer(), Tracer24(), RecordingTracer(InMemoryRecorder()), MockTracer()):
        future = tracer.close()

        assert Future is type(future)
        assert True is future.result(timeout=1)


def test_each_vocabulary_has_a_harness_of_its_own() -> None:
    """The harness of 2.4 has 2.4's class name and hooks; the harness of 0.5 is another class with other hook names."""

    assert callable(APICompatibilityCheckMixin.check_baggage_values)
    assert not hasattr(APICompatibilityCheckMixin, "check_trace_attribute_values")
    assert callable(TraceContextCheckMixin.check_trace_attribute_values)


def test_the_harness_needs_nothing_that_is_not_pythons() -> None:
    """Neither the harness nor the mock tracer imports the third-party packages `mock` and `six`."""
    names = ("harness.api_check", "harness.scope_check", "harness.trace_context_check", "mocktracer")
    imports = "; ".join(f"import opentracing.{name}" for name in names)
    program = f"import sys; sys.modules['mock'] = sys.modules['six'] = None; {imports}"

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode


def test_the_empty_baggage_cannot_be_changed() -> None:
    """The empty baggage is shared, so it is read-only; it still equals `{}`."""

    assert {} == SpanContext.EMPTY_BAGGAGE == SpanContext().baggage
    with pytest.raises(TypeError):
        SpanContext.EMPTY_BAGGAGE["k"] = "v"  # type: ignore[index]


def test_the_package_says_that_it_is_typed() -> None:
    """The package has type hints, and the manual says to uninstall the stubs, which would win over them."""
    manual = Path(__file__).parents[2] / "docs" / "reference" / "two-vocabularies.md"

    assert (Path(inspect.getfile(opentracing)).parent / "py.typed").exists()
    assert "pip uninstall types-opentracing" in manual.read_text()


def test_the_rule_of_each_collision_names_its_test() -> None:
    """Every test that the manual's table names exists here."""
    manual = (Path(__file__).parents[2] / "docs" / "reference" / "two-vocabularies.md").read_text()
    named = [cell.strip().strip("`") for row in manual.splitlines() for cell in row.split("|") if "`test_" in cell]
    here = importlib.import_module(__name__)

    assert 26 <= len(named)
    assert [] == [name for name in named if not hasattr(here, name)]


def test_context_stores_of_0_5_stand_in_for_contexts_of_2_4() -> None:
    """`opentracing.standard.context.TraceContext` is a SpanContext with attributes, baggage and nothing else."""
    context = StoredContext().set_trace_attribute("User_Id", "7")

    assert isinstance(context, SpanContext)
    assert {"user-id": "7"} == context.baggage
