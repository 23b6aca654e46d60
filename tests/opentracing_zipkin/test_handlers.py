"""Handlers: functions that see each span on the reporter's thread before it is sent."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from opentracing_zipkin import FinishedSpan, ZipkinTracer
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder


def run(*handlers: Any, names: tuple[str, ...] = ("a", "b", "c")) -> tuple[ZipkinTracer, list[dict[str, Any]]]:
    """The tracer, and the spans that arrived."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, handlers=handlers)
    for name in names:
        tracer.start_trace(name).finish()
    tracer.flush(5)
    tracer.close().result(5)
    return tracer, [span for body in sender.bodies for span in json.loads(body)]


def test_handlers_change_spans_in_turn() -> None:
    """Off the application's threads; one may return another span."""

    def redact(span: FinishedSpan) -> FinishedSpan:
        assert "zipkin-reporter" == threading.current_thread().name
        span.tags["card"] = "***"
        return span

    def rename(span: FinishedSpan) -> FinishedSpan:
        return FinishedSpan(span.trace_id, span.span_id, name=span.name * 2, tags=span.tags)

    tracer, sent = run(redact, rename)

    assert [("aa", "***"), ("bb", "***"), ("cc", "***")] == [(span["name"], span["tags"]["card"]) for span in sent]
    assert (3, 3) == (tracer.stats.finished, tracer.stats.sent)


def test_a_span_for_which_a_handler_returns_none_is_dropped_and_counted() -> None:
    """The handlers after it do not see it."""
    seen = []

    def keep_all_but_b(span: FinishedSpan) -> FinishedSpan | None:
        return None if span.name == "b" else span

    def look(span: FinishedSpan) -> FinishedSpan:
        seen.append(span.name)
        return span

    tracer, sent = run(keep_all_but_b, look)

    assert ["a", "c"] == [span["name"] for span in sent] == seen
    assert (3, 2, 1) == (tracer.stats.finished, tracer.stats.sent, tracer.stats.dropped["handler"])


def test_a_span_whose_handler_fails_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    """What it was to remove might be in there; counted as the handler's, and said once with the traceback."""

    def fail(span: FinishedSpan) -> FinishedSpan:
        if span.name != "a":
            raise KeyError("card")
        return span

    with caplog.at_level(logging.WARNING):
        tracer, sent = run(fail)

    assert ["a"] == [span["name"] for span in sent]
    assert 2 == tracer.stats.dropped["handler"]
    [record] = caplog.records
    assert "the span is dropped" in record.getMessage()
    assert record.exc_info is not None


def test_a_span_that_a_handler_spoils_costs_only_itself() -> None:
    """No handler sees a span twice."""
    seen = []

    def spoil(span: FinishedSpan) -> Any:
        seen.append(span.name)
        return "no span" if span.name == "b" else span

    tracer, sent = run(spoil)

    assert ["a", "c"] == [span["name"] for span in sent]
    assert ["a", "b", "c"] == seen
    assert (2, 1) == (tracer.stats.sent, tracer.stats.dropped["too_large"])


@pytest.mark.parametrize("handlers", [[3], print, "abc"])
def test_handlers_are_a_list_of_functions(handlers: Any) -> None:
    """ValueError that shows how; a recorder of one's own has no use for them."""
    with pytest.raises(ValueError, match=r"handlers is .*; use a list of functions"):
        ZipkinTracer("service", handlers=handlers)
    with pytest.raises(ValueError, match="recorder excludes handlers; give it to the recorder"):
        ZipkinTracer("service", recorder=InMemoryRecorder(), handlers=[print])
