"""A recording of spans, with tracers that the application or the test configures."""

from __future__ import annotations

import logging
import threading
import unittest
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from unittest.mock import patch

import freezegun
import pytest
import time_machine

import opentracing
from opentracing.mocktracer import MockTracer
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.testing import InMemoryRecorder, UnfinishedWarning, ZipkinRecording, ZipkinTestCase, recording


@pytest.fixture(autouse=True)
def no_tracer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No global tracer and no remembered one, before and after."""
    monkeypatch.setattr(recording, "_configured", type(recording._configured)())
    monkeypatch.setattr(recording, "_last_name", [])
    former = opentracing.tracer
    opentracing.set_global_tracer(opentracing.Tracer())
    yield
    current = opentracing.tracer
    if isinstance(current, ZipkinTracer):
        current.close(0)
    opentracing.set_global_tracer(former)


def work(name: str, tracer: Any = None) -> None:
    (tracer or opentracing.tracer).start_span(name).finish()


def test_the_tracer_is_the_global_one_for_so_long() -> None:
    """Inside the block spans are kept; after it the former tracer is restored, and the function that sets it."""
    former, setter = opentracing.tracer, opentracing.set_global_tracer
    with ZipkinRecording() as zipkin:
        work("a")

        assert zipkin.tracer is opentracing.tracer
    assert (former, setter) == (opentracing.tracer, opentracing.set_global_tracer)
    assert ["a"] == [span.name for span in zipkin.spans]
    assert "test" == zipkin.spans.one("a").local.service_name  # type: ignore[union-attr]


def test_whether_a_tracer_was_registered_is_put_back() -> None:
    """A process that never had a tracer has none afterwards."""
    opentracing.tracer = opentracing._noop_tracer if hasattr(opentracing, "_noop_tracer") else opentracing.tracer
    opentracing.is_tracer_registered = False
    with ZipkinRecording():
        assert opentracing.is_global_tracer_registered()

    assert False is opentracing.is_global_tracer_registered()


def test_settings_are_the_tracers() -> None:
    """Settings for spans are accepted; the others are refused, because nothing is sent."""
    with ZipkinRecording("shop", default_tags={"env": "test"}, trace_id_bits=64) as zipkin:
        work("a")

    assert ("shop", {"env": "test"}, 16) == (
        zipkin.spans[0].local.service_name,  # type: ignore[union-attr]
        zipkin.spans[0].tags,
        len(zipkin.spans[0].trace_id),
    )
    with pytest.raises(ValueError, match="recorder excludes endpoint"):
        ZipkinRecording(endpoint="http://127.0.0.1:1").start()
    with pytest.raises(TypeError, match="no argument 'sample_rat'; did you mean 'sample_rate'"):
        ZipkinRecording(sample_rat=1).start()
    assert type(opentracing.tracer) is opentracing.Tracer


def test_a_tracer_configured_before_is_seen_and_put_back() -> None:
    """A module that holds the application's tracer records in the test, and afterwards reports as before."""
    with Collector() as collector:
        tracer = configure("shop", endpoint=collector.url)
        with ZipkinRecording() as zipkin:
            work("held", tracer)
            work("global")
        work("after", tracer)
        assert tracer.flush()
        [[sent]] = collector.store.traces()

    assert {"held": "shop", "global": "shop"} == {span.name: span.local.service_name for span in zipkin.spans}  # type: ignore[union-attr]
    assert "after" == sent.name
    assert tracer is opentracing.tracer


def test_a_tracer_configured_in_the_test_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    """`configure` replaces the test's tracer without a warning; its settings count, but nothing is sent."""
    with Collector() as collector, ZipkinRecording() as zipkin:
        tracer = configure("shop", endpoint=collector.url, default_tags={"region": "eu"})
        work("a")

        assert zipkin.tracer is tracer
        assert tracer.flush()
        assert [] == collector.store.traces()
    assert {"region": "eu"} == zipkin.spans.one("a", service="shop").tags
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert 1 == zipkin.stats.sent == zipkin.stats.finished


def test_a_tracer_configured_in_one_test_is_seen_in_the_next() -> None:
    """A module that was imported in one test holds its tracer in all later tests."""
    with ZipkinRecording():
        tracer = configure("shop")
    with ZipkinRecording() as zipkin:
        work("held", tracer)
        work("global")

    assert ["shop", "shop"] == [span.local.service_name for span in zipkin.spans]  # type: ignore[union-attr]
    tracer.close(0)


@pytest.mark.parametrize("is_global", [True, False], ids=["configured before", "configured in another test"])
def test_the_applications_tracer_and_the_global_one_are_one(is_global: bool) -> None:
    """The application's tracer and the global one share a trace, whichever is used first."""
    if is_global:
        tracer = configure("shop")
    else:
        with ZipkinRecording():
            tracer = configure("shop")
    left_open = tracer.start_active_span("left open before")
    with ZipkinRecording() as zipkin:
        with tracer.start_active_span("held"), opentracing.tracer.start_active_span("global"):
            work("held again", tracer)
        with opentracing.tracer.start_active_span("global first"):
            work("held", tracer)
        zipkin.assert_tree("""
            held
              global
                held again
            global first
              held
        """)
    is_put_back = tracer.active_span is left_open.span
    left_open.close()
    opentracing.set_global_tracer(opentracing.Tracer())
    tracer.close(0)

    assert is_put_back
    assert tracer.active_span is None


def test_a_recording_that_does_not_begin_changes_nothing() -> None:
    """After a wrong setting the application's tracer still has its active span."""
    tracer = configure("shop")
    with tracer.start_active_span("open") as scope:
        with pytest.raises(TypeError, match="no argument"):
            ZipkinRecording(sample_rat=1).start()
        with pytest.raises(ValueError, match="sample_rate"):
            ZipkinRecording(sample_rate=5).start()

        assert scope.span is tracer.active_span is opentracing.tracer.active_span
    opentracing.set_global_tracer(opentracing.Tracer())
    tracer.close(0)


def test_a_tracer_made_by_hand_sends() -> None:
    """A tracer that is not the global one sends its spans."""
    with Collector() as collector, ZipkinRecording() as zipkin:
        tracer = ZipkinTracer("other", endpoint=collector.url)
        work("sent", tracer)
        assert tracer.flush()
        [[span]] = collector.store.traces()
    tracer.close(0)

    assert ("sent", []) == (span.name, zipkin.spans)


def failure(zipkin: ZipkinRecording) -> str:
    with pytest.raises(AssertionError) as caught:
        zipkin.spans.one("a")
    return str(caught.value)


def test_the_reason_for_missing_spans_is_said() -> None:
    """A failed question names the reason: another tracer, one that is off, or unfinished spans."""
    with ZipkinRecording() as zipkin:
        opentracing.set_global_tracer(ZipkinTracer("mine", recorder=InMemoryRecorder()))
        work("a")
        assert "the global tracer is now ZipkinTracer('mine'" in failure(zipkin)
    with ZipkinRecording() as zipkin:
        opentracing.tracer = MockTracer()
        assert "whose spans are not recorded here; set it with opentracing.set_global_tracer" in failure(zipkin)
    with ZipkinRecording() as zipkin:
        configure("shop", enabled=False)
        work("a")
        assert "the tracer of 'shop' is switched off (enabled=False or ZIPKIN_ENABLED=false)" in failure(zipkin)
    with ZipkinRecording() as zipkin:
        span = opentracing.tracer.start_span("a")
        assert "not finished: span 'a' was never finished; it was started at " in failure(zipkin)
        assert __file__ in failure(zipkin)
        span.finish()


NO_TRACE = "samples no trace (sample_rate, sampler)"
SOME_TRACES = "samples some traces only (sample_rate, sampler)"
EFFECTS: dict[str, tuple[dict[str, Any], str]] = {
    "rate 0": ({"sample_rate": 0.0}, NO_TRACE),
    "rate 0.5": ({"sample_rate": 0.5}, SOME_TRACES),
    "rate 1": ({"sample_rate": 1.0}, ""),
    "sampler": ({"sampler": lambda _: False}, "has a sampler that may leave traces out (sampler, sampling_rules)"),
    "off": ({"enabled": False}, "is switched off (enabled=False or ZIPKIN_ENABLED=false)"),
}


def reasons(zipkin: ZipkinRecording) -> list[str]:
    """The reasons in a failure's text: its last lines."""
    with pytest.raises(AssertionError) as caught:
        zipkin.spans.one("no such name")
    return [line.strip() for line in str(caught.value).splitlines() if "the tracer of" in line or "global tracer" in line]


@pytest.mark.parametrize(("settings", "effect"), EFFECTS.values(), ids=list(EFFECTS))
def test_settings_that_prevent_spans_are_said_as_they_are(settings: dict[str, Any], effect: str) -> None:
    """A failure says whether the tracer is off, samples no trace or some; the default settings are no reason."""
    with ZipkinRecording("shop", **settings) as zipkin:
        pass
    with ZipkinRecording() as after:
        configure("bank", **settings)

    assert ([f"the tracer of 'shop' {effect}"] if effect else []) == reasons(zipkin)
    assert ([f"the tracer of 'bank' {effect}"] if effect else []) == reasons(after)


@pytest.mark.parametrize(("settings", "effect"), EFFECTS.values(), ids=list(EFFECTS))
@pytest.mark.parametrize("is_global", [True, False], ids=["configured before", "configured in another test"])
def test_an_earlier_tracer_is_a_reason_where_it_is_used(settings: dict[str, Any], effect: str, is_global: bool) -> None:
    """A tracer configured before the test is a reason if the test uses it, and else none."""
    if is_global:
        tracer = configure("shop", **settings)
    else:
        with ZipkinRecording():
            tracer = configure("shop", **settings)
    with ZipkinRecording() as unused:
        work("a")
    with ZipkinRecording() as used, tracer.start_active_span("held"):
        pass
    with ZipkinRecording() as set_again:
        opentracing.set_global_tracer(tracer)
    opentracing.set_global_tracer(opentracing.Tracer())
    tracer.close(0)
    expected = [f"the tracer of 'shop', which was configured before this test, {effect}"] if effect else []

    assert [] == reasons(unused)
    assert expected == reasons(used)
    assert expected == reasons(set_again)


def test_the_reasons_are_those_at_the_end_of_the_recording() -> None:
    """The global tracer that a recording restores at its end is no reason; one that replaced ours before the end is one."""
    with ZipkinRecording() as zipkin:
        work("a")
    with ZipkinRecording() as replaced:
        opentracing.set_global_tracer(MockTracer())

    assert [] == reasons(zipkin)
    [reason] = reasons(replaced)
    assert "MockTracer" in reason


def test_what_is_left_unfinished_is_told_with_its_place() -> None:
    """Unfinished spans, dropped or not, and open scopes are listed with their places."""
    with ZipkinRecording() as zipkin:
        opentracing.tracer.start_span("dropped")
        held = opentracing.tracer.start_span("held")
        scope = opentracing.tracer.start_active_span("active")
        scope.span.finish()
    texts = zipkin.unfinished

    assert ["span 'dropped'", "span 'held'", "scope of 'active'"] == [text.partition(" was never")[0] for text in texts]
    assert all(__file__ in text for text in texts)
    held.finish()
    scope.close()


def test_finished_spans_leave_nothing() -> None:
    """Finished spans are not listed, even if an application's tracer or a thread finishes them a moment later."""
    with ZipkinRecording() as zipkin:
        work("a", configure("shop"))
        late = opentracing.tracer.start_span("late")
        thread = threading.Timer(0.05, late.finish)
        thread.start()

    assert [] == zipkin.unfinished
    assert 2 == len(zipkin.spans)
    thread.join()


def test_a_scope_left_open_is_no_parent_in_the_next_test() -> None:
    """Each recording has its own tracer and active span, so an open scope is no parent in the next test."""
    with ZipkinRecording():
        open_scope = opentracing.tracer.start_active_span("left open")
    with ZipkinRecording() as zipkin:
        work("a")
        zipkin.assert_tree("a")
    open_scope.close()


def test_recordings_may_be_nested() -> None:
    """An inner recording has only its own spans, and the outer one goes on afterwards."""
    with ZipkinRecording() as outer:
        work("a")
        with ZipkinRecording() as inner:
            work("b")
        work("c")

    assert (["a", "c"], ["b"]) == ([span.name for span in outer.spans], [span.name for span in inner.spans])


def test_spans_may_be_forgotten_in_between() -> None:
    """`clear` forgets the spans so far."""
    with ZipkinRecording() as zipkin:
        work("a")
        zipkin.clear()
        work("b")
        zipkin.assert_tree("test: b")


def test_another_outline_is_an_assertion_error() -> None:
    """Another outline raises AssertionError with both trees and the possible reasons."""
    with ZipkinRecording() as zipkin:
        span = opentracing.tracer.start_span("open")
        work("a")
        with pytest.raises(AssertionError, match=r"^the spans differ \(- expected, \+ recorded\):\n- b\n\+ test: a\nnot fin"):
            zipkin.assert_tree("b")
        with pytest.raises(ValueError, match="line 1 of the outline"):
            zipkin.assert_tree("a  b c")
        span.finish()


def time_module_mocked() -> Any:
    return patch.multiple("time", time=lambda: 1.0, time_ns=lambda: 1, perf_counter_ns=lambda: 1)


FROZEN: dict[str, tuple[Any, bool]] = {
    "freezegun": (lambda: freezegun.freeze_time("2012-01-14"), False),
    "mock": (time_module_mocked, False),
    "time-machine": (lambda: time_machine.travel("2012-01-14", tick=False), True),
}


@pytest.mark.parametrize(("freeze", "is_seen"), FROZEN.values(), ids=list(FROZEN))
def test_a_trace_begins_in_frozen_time_under_time_machine_alone(freeze: Any, is_seen: bool) -> None:
    """A trace that begins in frozen time has it until its end, others have not, and each duration is real."""
    with ZipkinRecording() as zipkin:
        before = opentracing.tracer.start_span("before")
        with freeze():
            opentracing.tracer.start_span("child of before", child_of=before).finish()
            inside = opentracing.tracer.start_span("inside")
        opentracing.tracer.start_span("later child", child_of=inside).finish()
        work("next trace")
        inside.finish()
        before.finish()
    frozen = {span.name for span in zipkin.spans if span.timestamp_us < 1_400_000_000_000_000}  # 2014
    duration_us = zipkin.spans.one("inside").duration_us

    assert ({"inside", "later child"} if is_seen else set()) == frozen
    assert 0 < duration_us < 60_000_000


# unittest


def outcome(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


class Right(ZipkinTestCase, unittest.TestCase):
    zipkin_settings: ClassVar[Mapping[str, Any]] = {"service_name": "shop"}

    def test_a(self) -> None:
        work("a")
        self.zipkin.spans.one("a", service="shop")

    def test_b(self) -> None:
        work("b")
        self.zipkin.assert_tree("shop: b")


class RightAsync(ZipkinTestCase, unittest.IsolatedAsyncioTestCase):
    async def test_a(self) -> None:
        work("a")
        self.zipkin.assert_tree("a")


class Forgetful(ZipkinTestCase, unittest.TestCase):
    zipkin_unfinished = "error"

    def test_open(self) -> None:
        opentracing.tracer.start_span("open")


Right.__test__ = RightAsync.__test__ = Forgetful.__test__ = False  # type: ignore[attr-defined]  # they are run below


def test_a_test_case_of_unittest_records_each_test() -> None:
    """The mixin works with TestCase and IsolatedAsyncioTestCase."""
    former = opentracing.tracer
    for case, count in ((Right, 2), (RightAsync, 1)):
        result = outcome(case)

        assert (count, [], []) == (result.testsRun, result.failures, result.errors)
    assert former is opentracing.tracer


def test_a_test_case_fails_for_unfinished_spans_if_asked() -> None:
    """Unfinished spans fail the test, warn or do nothing, for "error", "warn" or "ignore"; any other word is refused."""
    [(_, text)] = outcome(Forgetful).failures
    assert "span 'open' was never finished; it was started at " in text

    Forgetful.zipkin_unfinished = "warn"
    with pytest.warns(UnfinishedWarning, match="span 'open' was never finished"):
        assert [] == outcome(Forgetful).failures
    Forgetful.zipkin_unfinished = "ignore"
    assert outcome(Forgetful).wasSuccessful()
    Forgetful.zipkin_unfinished = "fail"
    [(_, text)] = outcome(Forgetful).errors
    assert "zipkin_unfinished is 'fail'; use error, warn, ignore" in text
    Forgetful.zipkin_unfinished = "error"
