"""The verbs of 0.5 on any 2.4 tracer: each calls the tracer's own methods, and a context can be read from any mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from opentracing import Format, Span, SpanContext, Tracer


class Headers(Mapping[str, str]):
    """A mapping that is not a dict, as some frameworks pass it."""

    def __init__(self, **entries: str) -> None:
        self.entries = entries

    def __getitem__(self, key: str) -> str:
        return self.entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class Reading(Tracer):
    """A 2.4 tracer that keeps the carrier which it was given."""

    carrier: Any = None

    def extract(self, format: str, carrier: Any) -> Any:
        if "raise" in carrier:
            raise ValueError("corrupt")
        self.carrier = (format, dict(carrier))
        return None

    def inject(self, span_context: Any, format: str, carrier: Any) -> None:
        carrier.update(id="1") if isinstance(carrier, dict) else carrier.extend(b"1")


def test_one_mapping_may_hold_both_halves() -> None:
    """`trace_context_from_text` reads the same mapping only once, merges two mappings, and ignores None."""
    tracer = Reading()
    headers = Headers(a="1")

    tracer.trace_context_from_text(headers, headers)
    assert (Format.TEXT_MAP, {"a": "1"}) == tracer.carrier
    tracer.trace_context_from_text({"a": "1"}, Headers(b="2"))
    assert (Format.TEXT_MAP, {"a": "1", "b": "2"}) == tracer.carrier
    tracer.trace_context_from_text(None, {"b": "2"})
    assert (Format.TEXT_MAP, {"b": "2"}) == tracer.carrier


def test_reading_a_context_never_raises() -> None:
    """If a 2.4 tracer refuses a carrier with an exception, 0.5's verbs return None."""
    tracer = Reading()

    assert tracer.trace_context_from_text({"raise": "1"}, None) is None
    assert tracer.trace_context_from_text(3, 4) is None
    assert tracer.trace_context_from_binary(object(), None) is None


def test_any_tracer_encodes_a_context_in_0_5s_shapes() -> None:
    """The verbs of 0.5 return pairs of real dicts and bytearrays."""

    assert ({"id": "1"}, None) == Reading().trace_context_to_text(SpanContext())
    assert (bytearray(b"1"), None) == Reading().trace_context_to_binary(SpanContext())


class Counting(Span):
    """A span of 0.5 that defines its own `add_tag`."""

    added = 0

    def add_tag(self, key: str, value: Any) -> Counting:
        self.added += 1
        return self


def test_add_tags_calls_the_spans_own_add_tag() -> None:
    """A 0.5 span only needs to define `add_tag`: `add_tags` calls it."""
    span = Counting(SpanContext())
    span.add_tags({"k": "v", "l": 2})

    assert 2 == span.added


def test_a_set_tag_put_in_place_of_the_no_ops_is_called() -> None:
    """If a test replaces `set_tag` of a no-op span, it also sees the calls of `add_tag` and `add_tags`."""
    span = Tracer().start_trace("x")
    with mock.patch.object(span, "set_tag") as set_tag:
        assert span is span.add_tag("k", "v").add_tags({"l": 2})

    assert [mock.call("k", "v"), mock.call("l", 2)] == set_tag.call_args_list


class Elsewhere(Span):
    """A span that keeps its tracer in another attribute than its base class does."""

    def __init__(self, tracer: Tracer) -> None:
        self.found = tracer

    @property
    def tracer(self) -> Tracer:  # type: ignore[override]
        return self.found


def test_a_child_is_started_by_the_tracer_that_the_span_answers_with() -> None:
    """`start_child` uses `span.tracer`, which a subclass may override."""
    tracer = Tracer()

    assert tracer._noop_span is Elsewhere(tracer).start_child("child")


def test_a_span_of_the_no_op_lets_its_own_tracer_start_the_child() -> None:
    """A span made by `Span(tracer, context)` calls `tracer.start_span` for its children."""
    tracer = Tracer()
    span = Span(tracer, SpanContext())
    with mock.patch.object(tracer, "start_span") as start_span:
        child = span.start_child("child", tags={"k": "v"})

    assert [mock.call("child", child_of=span, tags={"k": "v"})] == start_span.call_args_list
    assert start_span.return_value is child
