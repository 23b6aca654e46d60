"""The promises of OpenTracing 2.4 for every tracer, as tests to mix into your own test class.

Rules: the class, its hooks and its tests have the same names as in opentracing 2.4.0, because classes elsewhere override
them.  Only public names of 2.4 are used, so that any tracer can be tested, and no test runner is imported.
"""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

from opentracing import Format, Tracer, UnsupportedFormatException, child_of, follows_from, start_child_span

__all__ = ["APICompatibilityCheckMixin"]


class APICompatibilityCheckMixin:
    """Mix it in: `class TestMyTracer(APICompatibilityCheckMixin)`, together with `unittest.TestCase`, or alone under pytest."""

    def tracer(self) -> Tracer:
        """The tracer to test.  Some tests call this several times and pass contexts between the tracers that they get."""
        raise NotImplementedError("tell which tracer to test: define tracer()")

    def check_baggage_values(self) -> bool:
        """Whether the tracer keeps baggage items; False for one that accepts and drops them, as the no-op does."""
        return True

    def check_scope_manager(self) -> bool:
        """Whether an active span becomes the parent of new spans; False for a tracer that ignores it, as the no-op does."""
        return True

    def is_parent(self, parent: Any, span: Any) -> bool:
        """Whether `span` is a child of the span `parent`; if `parent` is None, whether `span` is a root.

        The API has no way to find this out, so a class whose `check_scope_manager` is True must define it.
        """
        return False

    def _check_parent(self, parent: Any, span: Any, promise: str) -> None:
        if self.check_scope_manager():
            assert self.is_parent(parent, span), promise

    # The active span

    def test_active_span(self) -> None:
        tracer = self.tracer()
        span = tracer.start_span("idle")
        if not self.check_scope_manager():
            return
        manager = tracer.scope_manager
        assert tracer.active_span is None, "a span that was only started is not active"
        assert manager.active is None, "the scope manager has an active scope before any was activated"
        with manager.activate(span, True):
            scope = manager.active
            assert tracer.active_span is span, "the tracer does not answer with the span that was activated"
            assert scope is not None, "the scope manager has no active scope after one was activated"
            assert scope.span is span, "the active scope has another span than the one that was activated"

    def test_start_active_span(self) -> None:
        with self.tracer().start_active_span("root") as scope:
            assert scope.span is not None, "a scope has a span"
            self._check_parent(None, scope.span, "the first active span has no parent")

    def test_start_active_span_parent(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("outer") as outer, tracer.start_active_span("inner") as inner:
            self._check_parent(outer.span, inner.span, "a span activated inside another one is its child")

    def test_start_active_span_ignore_active_span(self) -> None:
        tracer = self.tracer()
        with (
            tracer.start_active_span("outer") as outer,
            tracer.start_active_span("inner", ignore_active_span=True) as inner,
        ):
            if self.check_scope_manager():
                assert not self.is_parent(outer.span, inner.span), "ignore_active_span was not heeded"

    def test_start_span_propagation(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("outer") as outer, tracer.start_span("inner") as inner:
            self._check_parent(outer.span, inner, "a span started inside an active one is its child")

    def test_start_span_propagation_ignore_active_span(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("outer") as outer, tracer.start_span("inner", ignore_active_span=True) as inner:
            if self.check_scope_manager():
                assert not self.is_parent(outer.span, inner), "ignore_active_span was not heeded"

    def test_tracer_start_active_span_scope(self) -> None:
        tracer = self.tracer()
        with tracer.start_active_span("active") as scope:
            if self.check_scope_manager():
                assert tracer.scope_manager.active is scope, "start_active_span returns the scope that is active from then on"

    def test_tracer_start_span_scope(self) -> None:
        tracer = self.tracer()
        with tracer.start_span("idle"):
            if self.check_scope_manager():
                assert tracer.scope_manager.active is None, "start_span makes nothing active"

    # The end of a scope

    def _count_finishes(self, **options: bool) -> int:
        scope = self.tracer().start_active_span("scoped", **options)  # type: ignore[arg-type]  # only finish_on_close
        with mock.patch.object(scope.span, "finish") as finish:
            scope.close()
        return finish.call_count

    def test_start_active_span_finish_on_close(self) -> None:
        finishes = self._count_finishes(finish_on_close=True)
        if self.check_scope_manager():
            assert finishes == 1, f"the closed scope finished its span {finishes} times"

    def test_start_active_span_default_finish_on_close(self) -> None:
        finishes = self._count_finishes()
        if self.check_scope_manager():
            assert finishes == 1, f"the closed scope finished its span {finishes} times; by default it does so once"

    def test_start_active_span_not_finish_on_close(self) -> None:
        finishes = self._count_finishes(finish_on_close=False)
        assert finishes == 0, "the closed scope finished its span although it was told not to"

    # Starting and finishing

    def test_start_span(self) -> None:
        tracer = self.tracer()
        tracer.start_span(operation_name="bare").finish()
        tracer.start_span(operation_name="timed", start_time=time.time() - 1).finish(finish_time=time.time())
        with tracer.start_span(operation_name="tagged", tags={"shelf": 7, "fragile": True}) as span:
            span.log_event("packed", payload={"by": "hand", "layers": 3})

    def test_start_span_with_parent(self) -> None:
        tracer = self.tracer()
        parent = tracer.start_span(operation_name="parent")
        assert parent is not None, "start_span returns a span"
        for name, child in (
            ("a span", tracer.start_span("child", child_of=parent)),
            ("a context", tracer.start_span("child", child_of=parent.context)),
            ("a reference", tracer.start_span("child", references=[child_of(parent.context)])),
        ):
            self._check_parent(parent, child, f"{name} given as parent is the parent")
            child.finish()
        tracer.start_span("later", references=[follows_from(parent.context)], tags={"shelf": 7}).finish()
        parent.finish()

    def test_start_child_span(self) -> None:
        parent = self.tracer().start_span(operation_name="parent")
        child = start_child_span(parent, operation_name="child", tags={"shelf": 7})
        self._check_parent(parent, child, "start_child_span starts a child")
        child.finish()
        parent.finish()

    def test_set_operation_name(self) -> None:
        span = self.tracer().start_span()
        assert span.set_operation_name("named later") is span, "set_operation_name returns its span"
        span.finish()

    def test_span_as_context_manager(self) -> None:
        tracer = self.tracer()
        span = tracer.start_span(operation_name="block")
        with mock.patch.object(span, "finish") as finish:
            with span as entered:
                assert entered is span, "the value of `with span` is the span"
            assert finish.call_count == 1, f"leaving the block finished the span {finish.call_count} times"

        failing, raised, caught = tracer.start_span(operation_name="failing block"), ValueError("broken"), None
        with mock.patch.object(failing, "finish") as finish:
            try:
                with failing:
                    raise raised
            except ValueError as error:
                caught = error
            assert finish.call_count == 1, f"an exception that left the block finished the span {finish.call_count} times"
        assert caught is raised, "the exception that was raised in the block has to leave it"

    # Tags, logs, baggage

    def test_span_tag_value_types(self) -> None:
        with self.tracer().start_span(operation_name="tagged") as span:
            for value in ("text", 7, 0.5, True):
                assert span.set_tag("tag", value) is span, "set_tag returns its span"

    def test_span_tags_with_chaining(self) -> None:
        span = self.tracer().start_span(operation_name="tagged")
        chained = span.set_tag("shelf", "7").set_tag("shelf", "8").set_tag("gr\u00f6\u00dfe", "\u2603")
        assert chained is span, "set_tag returns its span"
        span.finish()

    def test_span_logs(self) -> None:
        span = self.tracer().start_span(operation_name="logged")
        now = time.time()
        for logged in (
            span.log_kv({"event": "packed", "layers": 3}),
            span.log_kv({"weighed": 2.5}, now),
            span.log_kv({"event": "sent"}, timestamp=now),
            span.log_event("packed"),
            span.log_event("packed", {"layers": 3}).log_event("weighed", 2.5),
            span.log(event="packed").log(payload={"layers": 3}),
            span.log(event="sent", payload={"to": "Ann"}, timestamp=now),
        ):
            assert logged is span, "log_kv, log_event and log return their span"
        span.finish()

    def test_span_baggage(self) -> None:
        with self.tracer().start_span(operation_name="laden") as span:
            assert span.context.baggage == {}, "a root has no baggage"
            assert span.set_baggage_item("Gift-For", "Ann") is span, "set_baggage_item returns its span"
            item = span.get_baggage_item("Gift-For")
            if self.check_baggage_values():
                assert item == "Ann", f"get_baggage_item answers {item!r} for the item that was set"

    def test_context_baggage(self) -> None:
        with self.tracer().start_span(operation_name="laden") as span:
            assert span.context.baggage == {}, "a root has no baggage"
            span.set_baggage_item("Gift-For", "Ann")
            baggage = span.context.baggage
            if self.check_baggage_values():
                assert baggage == {"Gift-For": "Ann"}, f"the context's baggage is {baggage!r}, not the item that was set"

    # Carriers

    def _baggage_received(self, format: str, carrier: Any) -> Any:
        """The baggage that one tracer reads after another one wrote it, as happens between two processes."""
        with self.tracer().start_span(operation_name="sent") as span:
            self.tracer().inject(span_context=span.context, format=format, carrier=carrier)
            received: Any = self.tracer().extract(format=format, carrier=carrier)
            return received.baggage

    def test_text_propagation(self) -> None:
        baggage = self._baggage_received(Format.TEXT_MAP, {})
        assert baggage == {}, f"a context sent without baggage arrives with {baggage!r}"

    def test_binary_propagation(self) -> None:
        baggage = self._baggage_received(Format.BINARY, bytearray())
        assert baggage == {}, f"a context sent without baggage arrives with {baggage!r}"

    def test_mandatory_formats(self) -> None:
        carriers: list[tuple[str, Any]] = [(Format.TEXT_MAP, {}), (Format.HTTP_HEADERS, {}), (Format.BINARY, bytearray())]
        with self.tracer().start_span(operation_name="sent") as span:
            for format, carrier in carriers:
                span.tracer.inject(span.context, format, carrier)
                span.tracer.extract(format, carrier)

    def test_unknown_format(self) -> None:
        with self.tracer().start_span(operation_name="sent") as span:
            assert _is_refused(span.tracer.inject, span.context, "by pigeon", {}), "inject must refuse an unknown format"
            assert _is_refused(span.tracer.extract, "by pigeon", {}), "extract must refuse an unknown format"


def _is_refused(call: Any, *arguments: Any) -> bool:
    try:
        call(*arguments)
    except UnsupportedFormatException:
        return True
    return False
