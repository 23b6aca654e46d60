"""Tracers that each break one promise, and the checks of the harnesses that find it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from opentracing import Format, Scope, Span, Tracer
from opentracing.mocktracer import MockTracer
from opentracing.mocktracer.context import SpanContext
from opentracing.mocktracer.span import MockSpan

__all__ = ["FAULTS"]


class BrokenSpan(MockSpan):
    """A base for spans with one fault; each span of a MockTracer gets that class after it was made."""

    @classmethod
    def tracer_class(cls) -> type[MockTracer]:
        class Broken(MockTracer):
            def start_span(self, *args: Any, **options: Any) -> MockSpan:
                span = super().start_span(*args, **options)
                span.__class__ = cls
                return span

        Broken.__name__ = cls.__name__
        return Broken


class ForgetsTheActiveSpan(MockTracer):
    def start_span(self, *args: Any, **options: Any) -> MockSpan:
        return super().start_span(*args, **{**options, "ignore_active_span": True})

    def start_active_span(self, operation_name: str, *args: Any, **options: Any) -> Scope:
        finish_on_close = options.pop("finish_on_close", True)
        return self.scope_manager.activate(self.start_span(operation_name, *args, **options), finish_on_close)


class IgnoresIgnoreActiveSpan(MockTracer):
    def _parent(self, child_of: Any, references: Any, ignore_active_span: bool) -> SpanContext:
        return super()._parent(child_of, references, False)


class PrefersTheActiveSpan(MockTracer):
    def _parent(self, child_of: Any, references: Any, ignore_active_span: bool) -> SpanContext:
        active = None if ignore_active_span else self.active_span
        return super()._parent(active or child_of, references, ignore_active_span)


class IgnoresParents(MockTracer):
    def _parent(self, child_of: Any, references: Any, ignore_active_span: bool) -> SpanContext:
        return super()._parent(None, None, ignore_active_span)


class KnowsNoRoot(MockTracer):
    def _parent(self, child_of: Any, references: Any, ignore_active_span: bool) -> SpanContext:
        parent = super()._parent(child_of, references, ignore_active_span)
        return SpanContext(98, 99) if parent.span_id is None else parent


class ReturnsAnotherScope(MockTracer):
    def start_active_span(self, *args: Any, **options: Any) -> Scope:
        return _ScopeOfAScope(super().start_active_span(*args, **options))


class _ScopeOfAScope(Scope):
    def __init__(self, scope: Scope) -> None:
        super().__init__(scope.manager, scope.span)
        self.close = scope.close  # type: ignore[method-assign]


class NeverFinishesOnClose(MockTracer):
    def start_active_span(self, *args: Any, **options: Any) -> Scope:
        return super().start_active_span(*args, **{**options, "finish_on_close": False})


class AlwaysFinishesOnClose(MockTracer):
    def start_active_span(self, *args: Any, **options: Any) -> Scope:
        return super().start_active_span(*args, **{**options, "finish_on_close": True})


class ActivatesWhatItStarts(MockTracer):
    def start_trace(self, *args: Any, **options: Any) -> Span:
        return super().start_span(*args, **{**options, "ignore_active_span": True})

    def start_span(self, *args: Any, **options: Any) -> MockSpan:
        span = super().start_span(*args, **options)
        if not options.get("ignore_active_span"):
            self.scope_manager.activate(span, False)
        return span


class KnowsEveryFormat(MockTracer):
    def inject(self, span_context: Any, format: str, carrier: Any) -> None:
        super().inject(span_context, format if format in self._propagators else Format.TEXT_MAP, carrier)


class KnowsNoBinary(MockTracer):
    def _register_required_propagators(self) -> None:
        super()._register_required_propagators()
        del self._propagators[Format.BINARY]


class ReceivesWhatNobodySent(MockTracer):
    def extract(self, format: str, carrier: Any) -> SpanContext | None:
        context = super().extract(format, carrier)
        return context and context.with_baggage_item("ghost", "1")


class ReadsAContextIntoEverything(MockTracer):
    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> Any:
        return super().trace_context_from_text(trace_context_id, trace_attributes) or SpanContext(1, 1)


class RaisesWhereNoTraceIs(MockTracer):
    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> Any:
        return self.extract(Format.TEXT_MAP, {**(trace_attributes or {}), **(trace_context_id or {})})


class TakesOnlyDicts(MockTracer):
    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> Any:
        return super().trace_context_from_text(trace_context_id, trace_attributes) if type(trace_context_id) is dict else None


class WritesThePickleAsBytes(MockTracer):
    def trace_context_to_binary(self, trace_context: Any) -> Any:
        identity, attributes = super().trace_context_to_binary(trace_context)
        return bytes(identity), attributes


class JoinsNothing(MockTracer):
    def join_trace(self, operation_name: str, parent_trace_context: Any, tags: Any = None) -> Span:
        return self.start_trace(operation_name, tags)


class JoinsTheActiveSpan(MockTracer):
    def join_trace(self, operation_name: str, parent_trace_context: Any, tags: Any = None) -> Span:
        return self.start_span(operation_name, child_of=parent_trace_context, tags=tags)


class ClosesWithoutAFuture(MockTracer):
    def close(self) -> Any:
        return None


class ClosesWithAnError(MockTracer):
    def close(self) -> Any:
        failed: Future[bool] = Future()
        failed.set_exception(RuntimeError("closed already"))
        return failed


class SharedBaggage(MockTracer):
    """Parents and children write into the same store."""

    def _child_context(self, parent: SpanContext) -> SpanContext:
        context = super()._child_context(parent)
        if parent.trace_id is not None:
            context.__class__ = _Sharing
            context.__dict__["of"] = parent
        return context


class _Sharing(SpanContext):
    @property
    def _baggage(self) -> dict[str, str]:
        baggage: dict[str, str] = self.__dict__["of"]._baggage
        return baggage

    @_baggage.setter
    def _baggage(self, value: dict[str, str]) -> None:
        self.__dict__["of"]._baggage = value


class SetsNoAttribute(BrokenSpan):
    def set_baggage_item(self, key: str, value: str) -> Any:
        return self


class LowersBaggage(BrokenSpan):
    def set_baggage_item(self, key: str, value: str) -> Any:
        return super().set_baggage_item(key.lower(), value)


class BreaksTheChain(BrokenSpan):
    def set_tag(self, key: str, value: Any) -> Any:
        super().set_tag(key, value)


class BreaksTheChainOfNames(BrokenSpan):
    def set_operation_name(self, operation_name: str) -> Any:
        super().set_operation_name(operation_name)


class FinishesTwice(BrokenSpan):
    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self.finish()


class TakesEveryBlockForAFailure(BrokenSpan):
    def __exit__(self, *raised: Any) -> None:
        self.error("left")
        self.finish()


class SwallowsExceptions(BrokenSpan):
    def __exit__(self, *raised: Any) -> Any:
        super().__exit__(*raised)
        return True


class IsNotFinishedByAnException(BrokenSpan):
    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            self.finish()
        else:
            self.error("failed")


class FormatsStrictly(BrokenSpan):
    def info(self, message: str, *args: Any) -> Any:
        return self.log_kv({"event": message % args})


class RefusesOddTags(BrokenSpan):
    def add_tag(self, key: str, value: Any) -> Any:
        if not isinstance(value, (str, int, float, bool)):
            raise TypeError(value)
        return super().add_tag(key, value)


class ReadsPeersStrictly(BrokenSpan):
    def add_tag(self, key: str, value: Any) -> Any:
        return super().add_tag(key, int(value) if key == "peer.port" else value)


class RefusesAfterFinish(BrokenSpan):
    def set_tag(self, key: str, value: Any) -> Any:
        if self.finished:
            raise RuntimeError("finished")
        return super().set_tag(key, value)


class HasNoLogEvent(BrokenSpan):
    def log_event(self, event: Any, payload: Any = None) -> Any:
        raise NotImplementedError


class StrictContext(SpanContext):
    def get_trace_attribute(self, key: str) -> str | None:
        return self.baggage.get(key)


class ComparesCase(MockTracer):
    def _child_context(self, parent: SpanContext) -> SpanContext:
        context = super()._child_context(parent)
        context.__class__ = StrictContext
        return context


OUTER = {"test_start_active_span_parent", "test_start_span_propagation"}
IGNORING = {"test_start_active_span_ignore_active_span", "test_start_span_propagation_ignore_active_span"}
EXCEPTION = {"test_span_as_context_manager", "test_an_exception_is_an_error_once_and_finishes"}
ROUND_TRIPS = {"test_text_round_trip", "test_one_mapping_may_be_both_arguments", "test_binary_round_trip"}

FAULTS: list[tuple[type[Tracer], set[str]]] = [
    (MockTracer, set()),
    (ForgetsTheActiveSpan, OUTER),
    (
        IgnoresIgnoreActiveSpan,
        IGNORING | {"test_start_trace_ignores_the_active_span", "test_join_trace_without_a_context_starts_a_trace"},
    ),
    (PrefersTheActiveSpan, {"test_start_child_ignores_the_active_span"}),
    (
        IgnoresParents,
        ROUND_TRIPS
        | {
            "test_start_span_with_parent",
            "test_start_child_span",
            "test_start_child_makes_a_child",
            "test_start_child_ignores_the_active_span",
            "test_join_trace_continues_the_callers",
            "test_trace_context_source",
            "test_trace_attributes_reach_later_children_only",
        },
    ),
    (
        KnowsNoRoot,
        {
            "test_start_active_span",
            "test_start_trace_makes_a_root",
            "test_start_trace_ignores_the_active_span",
            "test_join_trace_without_a_context_starts_a_trace",
        },
    ),
    (ReturnsAnotherScope, {"test_tracer_start_active_span_scope"}),
    (NeverFinishesOnClose, {"test_start_active_span_finish_on_close", "test_start_active_span_default_finish_on_close"}),
    (AlwaysFinishesOnClose, {"test_start_active_span_not_finish_on_close"}),
    (ActivatesWhatItStarts, {"test_active_span", "test_tracer_start_span_scope"}),
    (KnowsEveryFormat, {"test_unknown_format"}),
    (
        KnowsNoBinary,
        {
            "test_binary_propagation",
            "test_mandatory_formats",
            "test_binary_round_trip",
            "test_a_damaged_trace_never_raises",
        },
    ),
    (ReceivesWhatNobodySent, {"test_text_propagation", "test_binary_propagation"}),
    (ReadsAContextIntoEverything, {"test_no_trace_is_none"}),
    (RaisesWhereNoTraceIs, {"test_no_trace_is_none", "test_a_damaged_trace_never_raises"}),
    (TakesOnlyDicts, {"test_one_mapping_may_be_both_arguments"}),
    (WritesThePickleAsBytes, {"test_binary_round_trip"}),
    (JoinsNothing, ROUND_TRIPS | {"test_join_trace_continues_the_callers"}),
    (JoinsTheActiveSpan, {"test_join_trace_without_a_context_starts_a_trace"}),
    (ClosesWithoutAFuture, {"test_close_gives_a_future"}),
    (ClosesWithAnError, {"test_close_gives_a_future"}),
    (SharedBaggage, {"test_trace_attributes_reach_later_children_only"}),
    (ComparesCase, {"test_trace_attributes_ignore_case"}),
    (SetsNoAttribute.tracer_class(), {"test_span_baggage", "test_context_baggage"}),
    (LowersBaggage.tracer_class(), {"test_context_baggage"}),
    (
        BreaksTheChain.tracer_class(),
        {"test_span_tag_value_types", "test_span_tags_with_chaining"},
    ),
    (BreaksTheChainOfNames.tracer_class(), {"test_set_operation_name"}),
    (FinishesTwice.tracer_class(), EXCEPTION | {"test_a_block_finishes_its_span_once"}),
    (TakesEveryBlockForAFailure.tracer_class(), {"test_a_block_finishes_its_span_once"}),
    (SwallowsExceptions.tracer_class(), EXCEPTION),
    (IsNotFinishedByAnException.tracer_class(), EXCEPTION),
    (FormatsStrictly.tracer_class(), {"test_messages_of_any_format"}),
    (RefusesOddTags.tracer_class(), {"test_tags_of_any_type"}),
    (ReadsPeersStrictly.tracer_class(), {"test_peer_tags_in_any_order_and_type"}),
    (RefusesAfterFinish.tracer_class(), {"test_calls_after_finish_never_raise"}),
    (HasNoLogEvent.tracer_class(), {"test_start_span", "test_span_logs"}),
]
