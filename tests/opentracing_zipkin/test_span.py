"""The content of a span and how it is sent: tags, errors, annotations, names, times."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import UserDict
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest

from opentracing import child_of
from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinTracer, tags
from opentracing_zipkin.testing import FakeClock, InMemoryRecorder
from tests.ids import stable_repr

NOW_US = 1_700_000_000_000_000


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Subject:
    """A tracer on a clock that stands still, and the spans that it recorded."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.recorder = InMemoryRecorder()
        self.tracer = ZipkinTracer("service", recorder=self.recorder, clock=self.clock, **settings)

    def finish(self, span: Any) -> FinishedSpan:
        span.finish()
        return self.recorder.spans[-1]

    def with_tags(self, tags: dict[Any, Any]) -> dict[str, str]:
        return self.finish(self.tracer.start_trace("x", tags=tags)).tags


@pytest.fixture
def subject() -> Subject:
    return Subject()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (1, "1"),
        (-1.5, "-1.5"),
        (True, "true"),
        (False, "false"),
        (b"caf\xc3\xa9\xff", "caf\u00e9\ufffd"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (["\u00e4"], '["\u00e4"]'),
        ({"a": {1}}, "{'a': {1}}"),
        ((1, 2), "(1, 2)"),
        (ValueError("x"), "ValueError: x"),
        (KeyError, "KeyError"),
        (Hostile(), "<Hostile: RuntimeError in its conversion to text>"),
        (1 << 70, "1180591620717411303424"),
        pytest.param(1 << 20_000, "<int: ValueError in its conversion to text>", id="more digits than Python writes"),
    ],
)
def test_a_tag_of_any_type_becomes_text(subject: Subject, value: Any, text: str) -> None:
    """A tag of any type becomes text, at the start or later."""

    assert {"k": text} == subject.with_tags({"k": value})
    assert {"k": text} == subject.finish(subject.tracer.start_trace("x").set_tag("k", value)).tags


def test_a_tag_of_none_is_left_out(subject: Subject) -> None:
    """A tag of None is left out, because it has no known value."""

    assert {} == subject.with_tags({"k": None})


def test_a_key_of_any_type_becomes_text(subject: Subject) -> None:
    """A key of any type becomes text, and a key that is too long for a storage's column is cut."""

    assert {"1": "x", "k" * 255: "y"} == subject.with_tags({1: "x", "k" * 300: "y"})


def test_what_was_seen_of_keys_before_changes_nothing(subject: Subject) -> None:
    """A key behaves on its second span as on its first, also among known keys.

    A long key is cut, a peer becomes an endpoint, and a value becomes text.
    """
    tags = {"seen.before": "v", "k" * 300: "y", "peer.service": "db", "span.kind": "Client"}
    expected = {"seen.before": "v", "k" * 255: "y"}
    subject.with_tags({"seen.before": "v"})
    for _ in range(2):
        subject.with_tags(tags)
        seen = subject.recorder.spans[-1]

        assert (expected, "CLIENT", Endpoint("db")) == (seen.tags, seen.kind, seen.remote)
        assert {"seen.before": "1"} == subject.with_tags({"seen.before": 1})


def test_keys_without_end_cost_no_memory(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remembered keys are bounded, and the others are sent all the same."""
    monkeypatch.setattr(tags, "_plain_keys", set())
    monkeypatch.setattr(tags, "MAX_PLAIN_KEYS", 3)
    for number in range(10):
        assert {f"endless.{number}": "v"} == subject.with_tags({f"endless.{number}": "v"})

    assert {"endless.0", "endless.1", "endless.2"} == tags._plain_keys


def test_what_a_tag_was_when_it_was_set_is_what_is_sent(subject: Subject) -> None:
    """A list that changes afterwards does not change the tag."""
    items = [1]
    span = subject.tracer.start_trace("x").set_tag("k", items)
    items.append(2)

    assert {"k": "[1]"} == subject.finish(span).tags


def test_long_values_are_cut_and_many_are_counted() -> None:
    """Values have 8,192 characters by default, spans 128 tags and 128 annotations; the span counts the excess."""
    subject = Subject(max_tag_length=10)
    span = subject.tracer.start_trace("x", tags={"long": "\U0001f600" * 11, "bytes": b"x" * 50})
    for number in range(130):
        span.set_tag(f"k{number}", "v")
        span.info("m" * 20)
    span.set_tag("long", "replaced")
    seen = subject.finish(span)

    assert ("replaced", "x" * 10) == (seen.tags["long"], seen.tags["bytes"])
    assert 128 + 2 == len(seen.tags)
    assert ("4", "2") == (seen.tags["dropped_tags"], seen.tags["dropped_annotations"])
    assert [(NOW_US, "m" * 10)] * 128 == seen.annotations
    assert {"k": "\U0001f600" * 8192} == Subject().with_tags({"k": "\U0001f600" * 9000})


def raising(error: BaseException) -> Any:
    subject = Subject()
    with pytest.raises(type(error)), subject.tracer.start_trace("x"):
        raise error
    return subject.recorder.spans[-1].tags.get("error")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (ValueError(), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(1), "SystemExit: 1"),
        (SystemExit(0), None),
        (SystemExit(), None),
        (GeneratorExit(), None),
        (asyncio.CancelledError(), None),
    ],
)
def test_an_exception_leaving_the_block_is_the_error_tag(error: BaseException, expected: str | None) -> None:
    """The error tag is `Type: message`, or `Type`; a planned end of a block is no error."""

    assert expected == raising(error)


def test_an_exception_whose_text_raises_is_named() -> None:
    """An exception whose text raises is named by its type."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Unspeakable" == raising(Unspeakable())


def test_a_scope_left_by_an_exception_marks_its_span(subject: Subject) -> None:
    """A scope marks its span as `with span` does."""
    with pytest.raises(ValueError, match="boom"), subject.tracer.start_active_span("x"):
        raise ValueError("boom")

    assert {"error": "ValueError: boom"} == subject.recorder.spans[-1].tags


@pytest.mark.needs_our_api
def test_an_exception_that_leaves_a_scope_is_no_annotation(subject: Subject) -> None:
    """An exception that leaves a scope is only a tag.

    The scopes of the archived upstream package log it as well.
    """
    with pytest.raises(ValueError, match="boom"), subject.tracer.start_active_span("x"):
        raise ValueError("boom")

    assert [] == subject.recorder.spans[-1].annotations


@pytest.mark.parametrize(
    ("tags", "logged", "expected"),
    [
        ({"error": True}, None, "true"),
        ({"error": False}, None, None),
        ({"error": "own words"}, {"event": "error", "message": "logged"}, "own words"),
        ({"error": True}, {"event": "error", "message": "logged"}, "logged"),
        ({"error": True}, {"event": "error", "error.object": ValueError("x"), "message": "m"}, "ValueError: x"),
        ({"error": True}, {"event": "other", "message": "no error"}, "true"),
        ({}, {"event": "error", "message": "logged"}, None),
        ({"error": "false"}, {"event": "error", "message": "logged"}, None),
        ({"error": 0}, {"event": "error", "message": "logged"}, None),
        ({"error": ""}, {"event": "error", "message": "logged"}, ""),
    ],
)
def test_the_error_tag_says_what_is_known(
    subject: Subject, tags: dict[str, Any], logged: dict[str, Any] | None, expected: str | None
) -> None:
    """A text wins, True is replaced by the logged error, and False is never sent, because its presence would be the error."""
    span = subject.tracer.start_trace("x", tags=tags)
    if logged:
        span.log_kv(logged)

    assert expected == subject.finish(span).tags.get("error")


FALSE = [False, 0, 0.0, -0.0, "false", " False ", "FALSE", b"false", [], {}, Decimal(0), numpy.bool_(False), numpy.int64(0)]


@pytest.mark.parametrize("value", FALSE, ids=repr)
def test_a_false_error_is_none(value: Any) -> None:
    """A false error at the start, later or in default tags removes an earlier error, and a later error counts."""
    subject = Subject(default_tags={"error": value})

    assert {} == subject.with_tags({})
    assert {"k": "v"} == subject.with_tags({"error": value, "k": "v"})
    assert {} == subject.finish(subject.tracer.start_trace("x").error("failed").set_tag("error", value)).tags
    assert {} == subject.finish(subject.tracer.start_trace("x").add_tags({"error": True}).add_tags({"error": value})).tags
    assert {"error": "true"} == subject.finish(
        subject.tracer.start_trace("x", tags={"error": value}).set_tag("error", True)
    ).tags
    assert {"error": "failed"} == subject.finish(subject.tracer.start_trace("x", tags={"error": value}).error("failed")).tags
    with pytest.raises(ValueError, match="boom"), subject.tracer.start_trace("x").set_tag("error", value):
        raise ValueError("boom")
    assert {"error": "ValueError: boom"} == subject.recorder.spans[-1].tags


@pytest.mark.parametrize("value", [1, "0", "no", numpy.bool_(True), numpy.array([0, 0]), [0]], ids=repr)
def test_what_is_not_false_is_an_error(value: Any) -> None:
    """Every text is an error, except "false", and so is a value without a truth."""
    assert "error" in Subject().with_tags({"error": value})


def test_a_default_tag_of_none_is_left_out() -> None:
    """A default tag of None is left out, as any tag of None is."""
    assert {"k": "1"} == Subject(default_tags={"k": 1, "none": None}).with_tags({})


def test_error_formats_its_message_into_tag_and_annotation(subject: Subject) -> None:
    """`error(message, *args)` of version 0.5 makes a tag and an annotation."""
    seen = subject.finish(subject.tracer.start_trace("x").error("card %s declined", 7))

    assert {"error": "card 7 declined"} == seen.tags
    assert [(NOW_US, "card 7 declined")] == seen.annotations


def test_error_with_a_python_exception_is_that_exceptions_tag(subject: Subject) -> None:
    """The error that `__exit__` of version 0.5 passes becomes the exception's tag."""
    payload = {"type": ValueError, "val": ValueError("x"), "tb": None}

    assert {"error": "ValueError: x"} == subject.finish(subject.tracer.start_trace("x").error("python.exception", payload)).tags


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"event": "cache miss"}, "cache miss"),
        ({"event": "cache miss", "key": "k", "n": 1}, "cache miss key=k n=1"),
        ({"a": True, "b": None}, "a=true b=None"),
        ({"event": "error", "error.kind": ValueError, "stack": "very long"}, "error error.kind=ValueError"),
        ({"event": b"\xff", 3: Hostile()}, "\ufffd 3=<Hostile: RuntimeError in its conversion to text>"),
    ],
)
def test_a_log_record_becomes_an_annotation(subject: Subject, fields: dict[Any, Any], text: str) -> None:
    """An annotation has the event's text, then the other fields, without the stack."""

    assert [(NOW_US, text)] == subject.finish(subject.tracer.start_trace("x").log_kv(fields)).annotations


def test_info_formats_its_message(subject: Subject) -> None:
    """`info` formats its message and adds the arguments that the message does not refer to."""
    span = subject.tracer.start_trace("x").info("%s of %d", "a", 2).info("hit", "arg").info("%(id)s", {"id": 1}).info("%d", "x")

    assert ["a of 2", "hit 'arg'", "1", "%d 'x'"] == [text for _, text in subject.finish(span).annotations]


def test_a_log_record_that_is_none_is_ignored(subject: Subject) -> None:
    """An absent or empty log record raises nothing and adds nothing."""
    span = subject.tracer.start_trace("x").log_kv(None).log_kv({})  # type: ignore[arg-type]

    assert [] == subject.finish(span).annotations


def test_times_are_microseconds_of_wall_time_and_a_duration_is_one_at_least(subject: Subject) -> None:
    """An annotation has the time of its call, or the given time."""
    span = subject.tracer.start_trace("x")
    subject.clock.advance(0.25)
    span.info("then").log_kv({"event": "given"}, 1_700_000_001.5)
    subject.clock.advance(0.25)
    seen = subject.finish(span)

    assert (NOW_US, 500_000) == (seen.timestamp_us, seen.duration_us)
    assert [(NOW_US + 250_000, "then"), (NOW_US + 1_500_000, "given")] == seen.annotations
    assert 1 == subject.finish(subject.tracer.start_trace("x")).duration_us


def test_a_wall_clock_that_is_set_back_makes_no_negative_duration(subject: Subject) -> None:
    """Durations use ticks, and a trace's spans in one process share the root's reading of the wall clock."""
    root = subject.tracer.start_trace("x")
    subject.clock.set_wall(1_600_000_000)
    subject.clock._ticks += 2_000_000_000
    child = root.start_child("y")

    assert NOW_US + 2_000_000 == subject.finish(child).timestamp_us
    assert 2_000_000 == subject.finish(root).duration_us


def test_the_pairing_of_the_clocks_is_renewed_after_a_minute(subject: Subject) -> None:
    """After a minute the clocks are paired again, so that a long trace follows the wall clock."""
    root = subject.tracer.start_trace("x")
    subject.clock._ticks += 61_000_000_000
    subject.clock.set_wall(1_700_000_100)

    assert NOW_US + 100_000_000 == subject.finish(root.start_child("y")).timestamp_us


def test_given_times_are_used_as_they_are(subject: Subject) -> None:
    """If only the start is given, the end is wall time as well."""
    seen = subject.finish(subject.tracer.start_span("x", start_time=1_699_999_990.0))
    given = subject.tracer.start_span("x", start_time=100.0)
    given.finish(finish_time=100.5)

    assert (1_699_999_990_000_000, 10_000_000) == (seen.timestamp_us, seen.duration_us)
    assert (100_000_000, 500_000) == (subject.recorder.spans[-1].timestamp_us, subject.recorder.spans[-1].duration_us)


class NoFloat:
    def __float__(self) -> float:
        raise RuntimeError("no")


NO_TIMES = [
    "yesterday", "1700000000", b"1", object(), NoFloat(), 0, 0.0, -1, -1e15, 1e-9, True, 10**400, -(10**400), 1e30, 1.7e18,
    math.nan, math.inf, -math.inf, Decimal("sNaN"), 1j, [], datetime(2026, 11, 26), datetime(2026, 11, 26, tzinfo=timezone.utc),
    numpy.datetime64("2026-11-26"), numpy.array([1.0, 2.0]),
]  # fmt: skip


@pytest.mark.parametrize("given", NO_TIMES, ids=stable_repr)
def test_a_time_that_is_no_number_of_seconds_since_1970_is_now(subject: Subject, given: Any) -> None:
    """An invalid start, end or log time is now; nanoseconds would be beyond the year 2262, so they are no seconds."""
    span = subject.tracer.start_span("x", start_time=given).log_kv({"event": "e"}, given)
    span.finish(finish_time=given)
    seen = subject.recorder.spans[-1]

    assert (NOW_US, 1, [(NOW_US, "e")]) == (seen.timestamp_us, seen.duration_us, seen.annotations)


@pytest.mark.parametrize("given", [1700000000, 1700000000.0, Decimal(1700000000), Fraction(1700000000), numpy.float32(1.7e9)])
def test_any_number_of_seconds_is_a_time(subject: Subject, given: Any) -> None:
    """A time may be a number of any type."""
    seen = subject.finish(subject.tracer.start_span("x", start_time=given).log_kv({"event": "e"}, given))

    assert (NOW_US, [(NOW_US, "e")]) == (seen.timestamp_us, seen.annotations)


def test_an_end_before_the_start_makes_the_shortest_span(subject: Subject) -> None:
    """A span that ends before its start has a duration of 1 µs."""
    span = subject.tracer.start_span("x", start_time=2000.0)
    span.finish(finish_time=1000.0)

    assert (2_000_000_000, 1) == (subject.recorder.spans[-1].timestamp_us, subject.recorder.spans[-1].duration_us)


def test_what_was_dropped_is_counted_whatever_the_user_has_set(subject: Subject) -> None:
    """The counter replaces a tag of the application with the same name."""
    for value in ("mine", 5, None, [], True):
        span = subject.tracer.start_trace("x", tags={"dropped_tags": value, "dropped_annotations": value})
        for number in range(200):
            span.set_tag(f"k{number}", "v").info("e")
        seen = subject.finish(span)

        assert ("74", "72") == (seen.tags["dropped_tags"], seen.tags["dropped_annotations"])


def test_very_many_tags_at_once_are_counted(subject: Subject) -> None:
    """Very many tags are counted without looking at each."""
    span = subject.tracer.start_trace("x").add_tags({f"k{number}": "v" for number in range(100_000)})

    assert str(100_000 - 128) == subject.finish(span).tags["dropped_tags"]


def test_very_many_fields_of_a_log_record_are_cut(subject: Subject) -> None:
    """A log record with very many fields is cut as any long text is."""
    [(_, text)] = subject.finish(subject.tracer.start_trace("x").log_kv(dict.fromkeys(range(1_000_000)))).annotations

    assert "0=None 1=None 2=None" == text[:20]
    assert len(text) <= 8192


@pytest.mark.parametrize("given", [[("a", 1), ("b", "x")], iter([("a", 1), ("b", "x")]), UserDict(a=1, b="x")])
def test_tags_may_be_pairs_or_any_mapping(subject: Subject, given: Any) -> None:
    """Tags may be pairs or any mapping, and any other type gives no tag."""
    assert {"a": "1", "b": "x"} == subject.with_tags(given)
    for odd in (3, "ab", [None], object()):
        assert {} == subject.finish(subject.tracer.start_trace("x", tags=odd).add_tags(odd)).tags  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, 3, [None], [3, "x"], object()])
def test_what_is_no_reference_is_no_parent(subject: Subject, given: Any) -> None:
    """An object that is no reference is no parent, and it does not hide a valid reference."""
    parent = subject.tracer.start_trace("x")
    references = [*given, child_of(parent.context)] if isinstance(given, list) else child_of(parent.context)

    assert None is subject.tracer.start_span("x", references=given).context.parent_id
    assert parent.context.span_id == subject.tracer.start_span("x", references=references).context.parent_id


@pytest.mark.parametrize(
    ("name", "sent"),
    [("GET /Foo", "get /foo"), (None, ""), (7, "7"), ("n" * 300, "n" * 255), (Hostile(), "<hostile: runtimeerror in its conversion to text>")],
)  # fmt: skip
def test_a_name_of_any_type_is_lower_case_text_of_255_characters(subject: Subject, name: Any, sent: str) -> None:
    """A name becomes lower case, as the server keeps it, also if `set_operation_name` replaces it."""

    assert sent == subject.finish(subject.tracer.start_span(name)).name
    assert sent == subject.finish(subject.tracer.start_span("x").set_operation_name(name)).name


def test_two_threads_that_finish_a_span_record_it_once(subject: Subject) -> None:
    """If two threads finish a span, one of them is always late."""
    for _ in range(200):
        span = subject.tracer.start_trace("x")
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=lambda: (barrier.wait(), span.finish())) for _ in range(2)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert 200 == len(subject.recorder.spans)


def test_a_tag_set_while_the_span_is_being_sent_is_survived(subject: Subject) -> None:
    """If another thread sets tags meanwhile, the span is sent with the tags so far."""
    span = subject.tracer.start_trace("x")
    span.finish()
    stop = threading.Event()

    def tag() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            span.set_tag(f"k{number % 100}", "v")
            span._tags.pop(f"k{(number * 7) % 100}", None)

    thread = threading.Thread(target=tag)
    thread.start()
    try:
        for _ in range(500):
            span.to_finished()  # type: ignore[attr-defined]
    finally:
        stop.set()
        thread.join()

    assert "x" == span.to_finished().name  # type: ignore[attr-defined]


def test_priority_at_the_start_decides(subject: Subject) -> None:
    """Priority 0 prevents recording and priority above 0 forces it, whatever the sampler or the parent decides."""
    unsampled = Subject(sample_rate=0.0)

    assert False is subject.tracer.start_span("x", tags={"sampling.priority": 0}).context.sampled
    assert True is unsampled.tracer.start_span("x", tags={"sampling.priority": 1}).context.sampled
    for odd in ("?", math.nan, 10**400, None, [], numpy.array([1, 2]), Hostile()):
        assert True is subject.tracer.start_span("x", tags={"sampling.priority": odd}).context.sampled
        assert True is subject.tracer.start_span("x").set_tag("sampling.priority", odd).context.sampled
    assert True is unsampled.tracer.start_span("x", tags={"sampling.priority": 10**400}).context.sampled
    for zero in (0.0, Decimal(0), numpy.int64(0), False):
        assert False is subject.tracer.start_span("x", tags={"sampling.priority": zero}).context.sampled
        assert False is subject.tracer.start_span("x").set_tag("sampling.priority", zero).context.sampled
    parent = unsampled.tracer.start_span("x")
    child = parent.start_child("y", {"sampling.priority": 1})
    assert (False, True) == (parent.context.sampled, child.context.sampled)
    assert parent.context.span_id == unsampled.finish(child).parent_id


def test_a_later_priority_of_zero_discards_the_span_and_its_later_children(subject: Subject) -> None:
    """A decision that was propagated before stays, and a later priority above 0 is ignored."""
    span = subject.tracer.start_trace("x")
    earlier = span.start_child("earlier")
    span.set_tag("sampling.priority", 0)
    later = span.start_child("later")
    for each in (earlier, later, span):
        each.finish()

    assert ["earlier"] == [seen.name for seen in subject.recorder.spans]
    assert (False, False) == (span.context.sampled, later.context.sampled)
    assert True is subject.tracer.start_trace("x").set_tag("sampling.priority", 1).context.sampled


def test_an_unsampled_span_records_nothing_and_propagates() -> None:
    """An unsampled span has ids on demand, and its baggage is propagated."""
    subject = Subject(sample_rate=0.0)
    span = subject.tracer.start_trace("x", tags={"k": "v"}).set_baggage_item("a", "b")
    span.set_tag("k", "v").log_kv({"event": "e"}).info("m").error("e").set_operation_name("y").finish()
    child = span.start_child("y")

    assert [] == subject.recorder.spans
    assert (False, 32, 16) == (span.context.sampled, len(span.context.trace_id or ""), len(span.context.span_id or ""))
    assert (span.context.trace_id, span.context.span_id) == (child.context.trace_id, child.context.parent_id)
    assert "b" == child.get_baggage_item("a")


def test_baggage_keeps_its_spelling_and_is_replaced_in_any() -> None:
    """`get_baggage_item` looks for the exact spelling first."""
    span = Subject().tracer.start_trace("x").set_baggage_item("Kiff-loves", "Amy")

    assert {"Kiff-loves": "Amy"} == span.context.baggage
    assert "Amy" == span.get_baggage_item("Kiff-loves") == span.get_baggage_item("kiff_LOVES")
    assert {"KIFF_LOVES": "Leela"} == span.set_baggage_item("KIFF_LOVES", "Leela").context.baggage


def test_a_context_is_one_object_under_both_names(subject: Subject) -> None:
    """`trace_context` of 0.5 and `context` of 2.4 are the same object at every read."""
    span = subject.tracer.start_trace("x")

    assert span.context is span.context is span.trace_context
