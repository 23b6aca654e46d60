"""Any sequence of spans, failures, time, pauses and rounds of the reporter: the account balances after every step.

The thread is played by the machine and the clock stands still between its steps, so that each failure can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opentracing_zipkin import FinishedSpan
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.senders import SendError

CAPACITY = 12
OUTBOX = 600  # bytes; what is encoded at once may go over it
MESSAGE = 500
LONGEST_SPAN = 80
RETRY_TIMEOUT = 60.0

Fault = Callable[[list[str]], SendError | Exception | None]


class Clock:
    """In place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Span:
    """`kind`: "fine", "broken" (cannot be encoded), "long" (does not fit into a message), "unwanted" (a handler drops it)."""

    def __init__(self, number: int, kind: str) -> None:
        self.name = f"{number}-{kind}"
        self.kind = kind

    def to_finished(self) -> FinishedSpan:
        if self.kind == "broken":
            raise RuntimeError("cannot be encoded")
        tags = {"text": "x" * MESSAGE} if self.kind == "long" else {}
        return FinishedSpan("1".zfill(16), "2".zfill(16), name=self.name, tags=tags)


class Sender:
    """Accepts a message, or fails as it is told; what failed and may pass has to come again in the same bytes."""

    max_bytes = MESSAGE

    def __init__(self, clock: Clock) -> None:
        self.fault: Fault = lambda names: None
        self.accepted: list[str] = []
        self.wrongs: list[str] = []
        self.hurried = False  # somebody waits, or it is closed, so no delay is kept
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """The message that is to come again was given up."""
        self._again: bytes | None = None
        self._not_before = 0.0

    def send(self, body: bytes, /) -> None:
        if len(body) > self.max_bytes:
            self.wrongs.append("too long")
        if self._again not in (None, body):
            self.wrongs.append("other bytes than those that failed")
        if not self.hurried and self._clock.now < self._not_before:
            self.wrongs.append("sooner than the collector asked for")
        names = [span["name"] for span in json.loads(body)]
        error = self.fault(names)
        self.forget()
        if isinstance(error, SendError) and error.retryable:
            self._again, self._not_before = body, self._clock.now + error.retry_after
        if error is not None:
            raise error
        self.accepted += names

    def close(self) -> None:
        pass


def poisoned(names: list[str]) -> SendError | None:
    """The server names no span: every third is to blame."""
    to_blame = any(int(name.partition("-")[0]) % 3 == 0 for name in names)
    return SendError("bad", retryable=False, divisible=True) if to_blame else None


FAULTS: dict[str, Fault] = {
    "none": lambda names: None,
    "refused": lambda names: SendError("refused", retryable=True),
    "busy": lambda names: SendError("busy", retryable=True, retry_after=20.0),
    "not found": lambda names: SendError("404", retryable=False),
    "poisoned": poisoned,
    "too large": lambda names: SendError("413", retryable=False, too_large=True) if len(names) > 2 else None,
    "a fault of the sender's": lambda names: RuntimeError("no"),
}
LOSSY = {"not found", "poisoned", "a fault of the sender's"}


class Watched(Reporter):
    """Tells the sender when a message is given up."""

    def __init__(self, watcher: Sender, *args: Any, **settings: Any) -> None:
        self._watcher = watcher
        super().__init__(*args, **settings)

    def _drop_first(self, cause: str, error: SendError) -> None:
        self._watcher.forget()
        super()._drop_first(cause, error)


class Reporting(RuleBasedStateMachine):
    """The application, the collector, the clock and the reporter's thread, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patches = [
            mock.patch("opentracing_zipkin.reporter.time", self.clock),
            mock.patch.object(Reporter, "_start", lambda reporter: reporter._backlog.attended()),
        ]
        for patch in self.patches:
            patch.start()
        self.sender = Sender(self.clock)
        self.reporter = Watched(
            self.sender,
            json_v2,
            self.sender,
            max_queued_spans=CAPACITY,
            max_outbox_bytes=OUTBOX,
            retry_timeout=RETRY_TIMEOUT,
            handlers=[lambda span: None if "unwanted" in span.name else span],
        )
        self.offered = 0
        self.kinds = {"fine": 0, "broken": 0, "long": 0, "unwanted": 0}
        self.closed = False
        self.faults: set[str] = set()

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            for patch in reversed(self.patches):
                patch.stop()

    def _settle(self) -> None:
        """In the end the collector accepts everything, and nothing is left waiting."""
        self.sender.fault = FAULTS["none"]
        for _ in range(30):
            self.clock.now += 61.0
            self._round()
        stats = self.reporter.stats()
        assert (0, 0) == (stats.queued, stats.in_flight)
        self._balances()
        if not self.faults & LOSSY:
            assert 0 == stats.dropped["rejected"]
        if not self.faults & {"refused", "busy"}:
            assert 0 == stats.dropped["expired"]

    def _round(self, hurried: bool = False) -> None:
        self.reporter._hurried = hurried
        self.sender.hurried = hurried or self.closed
        self.reporter._report()

    @rule(kinds=st.lists(st.sampled_from(["fine"] * 5 + ["broken", "long", "unwanted"]), min_size=1, max_size=15))
    def finish(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.reporter.record(Span(self.offered, kind))
            self.offered += 1
            self.kinds[kind] += 1

    @rule(kinds=st.lists(st.just("fine"), min_size=4, max_size=12))
    def finish_and_report(self, kinds: list[str]) -> None:
        self.finish(kinds)
        self._round()

    @rule(fault=st.sampled_from(["none", "refused", "busy"] * 2 + sorted(FAULTS)))
    def fail(self, fault: str) -> None:
        self.sender.fault = FAULTS[fault]
        self.faults.add(fault)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def report(self) -> None:
        self._round()

    @rule()
    def report_at_once(self) -> None:
        self._round(hurried=True)

    @rule(seconds=st.sampled_from([0.0, 40.0]), hurried=st.booleans())
    def pause(self, seconds: float, hurried: bool) -> None:
        """However long, and whoever waits: nothing is sent."""
        self.reporter.pause(True)
        self.sender.fault, fault = FAULTS["none"], self.sender.fault
        self.clock.now += seconds
        before = len(self.sender.accepted), self.reporter.stats().queued
        self._round(hurried)

        assert before == (len(self.sender.accepted), self.reporter.stats().queued)
        self.sender.fault = fault
        self.reporter.pause(False)

    @precondition(lambda self: not self.closed and self.offered > 40)
    @rule()
    def fork(self) -> None:
        """The parent's spans stay with the parent."""
        self.reporter.renew_after_fork()
        self.sender.accepted.clear()
        self.sender.forget()
        self.offered, self.kinds = 0, dict.fromkeys(self.kinds, 0)
        self.faults = {name for name, fault in FAULTS.items() if fault is self.sender.fault}

    @precondition(lambda self: not self.closed and self.offered > 80)
    @rule()
    def close(self) -> None:
        """Nothing is taken any more; what waits is still sent."""
        self.closed = True
        self.reporter._closed = True
        self.reporter._backlog.unattended()

    @invariant()
    def _balances(self) -> None:
        stats = self.reporter.stats()
        gone = stats.sent + sum(stats.dropped.values())

        assert self.offered == stats.finished == stats.queued + stats.in_flight + gone
        assert len(self.sender.accepted) == stats.sent
        assert stats.queued <= CAPACITY
        assert stats.dropped["handler"] <= self.kinds["unwanted"]
        if "too large" not in self.faults:
            assert stats.dropped["too_large"] <= self.kinds["broken"] + self.kinds["long"]

    @invariant()
    def each_span_arrives_at_most_once_and_in_order(self) -> None:
        numbers = [int(name.partition("-")[0]) for name in self.sender.accepted]

        assert sorted(set(numbers)) == numbers
        assert all(name.endswith("-fine") for name in self.sender.accepted)

    @invariant()
    def the_sender_was_used_as_it_may_be(self) -> None:
        assert [] == self.sender.wrongs

    @invariant()
    def the_outbox_is_bounded(self) -> None:
        assert self.reporter._outbox._bytes < OUTBOX + CAPACITY * LONGEST_SPAN


TestReporting: Any = Reporting.TestCase
TestReporting.settings = settings(max_examples=settings.default.max_examples * 3 // 2, stateful_step_count=40)
