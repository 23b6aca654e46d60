"""A program whose tests replace the time: `python -m tests.opentracing_zipkin.frozen_time REPLACEMENT before|inside URL URL`.

One span is finished while the time is replaced, and one afterwards.  This happens before a collector that accepts everything
and before one that fails at first, and it happens twice: with a sender that only keeps messages (the reporter alone) and by
HTTP (the whole).  The program prints the fate of the spans, in one line of JSON for each part.
"""

from __future__ import annotations

import datetime
import json
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import freezegun
import time_machine

THEN = datetime.datetime(2012, 1, 14, tzinfo=datetime.timezone.utc)


def replaced(name: str, *values: float) -> Callable[[], AbstractContextManager[Any]]:
    """The replacement by a mock that soon runs out of values and then raises."""
    return lambda: mock.patch(name, side_effect=values)


REPLACEMENTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "nothing": lambda: mock.patch("time.nothing", create=True),
    "freezegun": lambda: freezegun.freeze_time(THEN),
    "freezegun, tick": lambda: freezegun.freeze_time(THEN, tick=True),
    "freezegun, tz_offset": lambda: freezegun.freeze_time(THEN, tz_offset=-8),
    "time-machine": lambda: time_machine.travel(THEN),
    "time-machine, tick=False": lambda: time_machine.travel(THEN, tick=False),
    "time.monotonic": replaced("time.monotonic", 1.0, 2.0),
    "time.time": replaced("time.time", 1.0, 2.0),
    "time.time_ns": replaced("time.time_ns", 1, 2),
    "time.sleep": lambda: mock.patch("time.sleep"),
    "time.perf_counter_ns": replaced("time.perf_counter_ns", 1, 2),
}
PARTS = ("the reporter", "the whole")
COLLECTORS = ("answers", "fails first")
WITHIN_S = 5.0


def sender(fails: int) -> Any:
    """A sender that keeps messages after this number of failures."""
    from opentracing_zipkin.senders import SendError
    from opentracing_zipkin.testing import FakeSender

    class FailingFirst(FakeSender):
        def send(self, body: bytes, /) -> None:
            self.error = SendError("not yet", retryable=True) if self.tries < fails else None
            super().send(body)

    return FailingFirst()


def tracer(part: str, fails: int, url: str) -> Any:
    from opentracing_zipkin import ZipkinTracer

    if part == PARTS[0]:
        return ZipkinTracer("service", sender=sender(fails), flush_interval=0.05)
    return ZipkinTracer("service", endpoint=url, flush_interval=0.05)


def reporters() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate() if thread.name == "zipkin-reporter"}


def wait(seconds: float) -> None:
    """Wait on an event, because no replacement changes its time."""
    threading.Event().wait(seconds)


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition; if it never holds, the outcome shows it."""
    for _ in range(int(WITHIN_S / 0.02)):
        if condition():
            return
        wait(0.02)


def began_at_us(tracer: Any) -> int | None:
    """The begin of the span "after", if the tracer's sender keeps the messages that it sends."""
    for body in getattr(tracer._recorder._sender, "bodies", ()):
        for span in json.loads(body):
            if span["name"] == "after":
                return int(span["timestamp"])
    return None


def run(part: str, replacement: str, urls: list[str]) -> dict[str, Any]:
    """The outcome of one part before each of the collectors."""
    with REPLACEMENTS[replacement]() as stand_in:
        made = [tracer(part, fails, url) for fails, url in enumerate(urls)]
        for one in made:
            one.start_trace("inside").finish()
        until(lambda: len(reporters()) == len(made))
        wait(0.2)  # the tries that fail have failed by now, and the next try comes after the replacement
        threads = reporters()
        called = stand_in.call_count if isinstance(stand_in, mock.Mock) else 0
    for one in made:
        one.start_trace("after").finish()
    until(lambda: all(one.stats.sent >= 2 for one in made))
    outcome: dict[str, Any] = {
        collector: {
            "sent": one.stats.sent,
            "dropped": sum(one.stats.dropped.values()),
            "flushed": one.flush(1),
            "began_at_us": began_at_us(one),
        }
        for collector, one in zip(COLLECTORS, made, strict=True)
    }
    outcome.update(called=called, threads=len(threads), same=threads == reporters())
    for one in made:
        one.close().result(5)
    until(lambda: not reporters())  # so that the next part starts with no reporter of this one
    return outcome


def main(replacement: str, imported: str, urls: list[str]) -> None:
    if imported == "before":
        import opentracing_zipkin.testing  # noqa: F401
    for part in PARTS:
        print(json.dumps(run(part, replacement, urls)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
