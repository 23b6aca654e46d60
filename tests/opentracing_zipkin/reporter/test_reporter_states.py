"""Any sequence of spans, failures, times, pauses and rounds of the reporter: the account balances after every step.

The parts of the reporter are put together here without its thread; the state machine plays the thread.  The clock stands still
between the steps, so that each failure can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opentracing_zipkin import FinishedSpan
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.reporter.account import Account
from opentracing_zipkin.reporter.backlog import Backlog
from opentracing_zipkin.reporter.delivery import Delivery
from opentracing_zipkin.reporter.encoding import Encoding
from opentracing_zipkin.reporter.gil import Handover
from opentracing_zipkin.reporter.listener import Listener
from opentracing_zipkin.reporter.log import GuardedLog
from opentracing_zipkin.reporter.outbox import Outbox
from opentracing_zipkin.reporter.pace import LAST_TRY_S
from opentracing_zipkin.reporter.rounds import Rounds
from opentracing_zipkin.reporter.state import State
from opentracing_zipkin.reporter.streak import Streak
from opentracing_zipkin.senders import Sender as AnySender, SendError

CAPACITY = 12
OUTBOX = 600  # bytes; the spans that are encoded in one step may exceed it
MESSAGE = 500
MAX_SPAN = 80
RETRY_TIMEOUT = 60.0

Fault = Callable[[list[str]], SendError | Exception | None]


class Clock:
    """Monotonic seconds that the state machine moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Span:
    """A span: "fine", "broken" (cannot be encoded), "long" (does not fit into a message) or "unwanted" (a handler drops it)."""

    def __init__(self, number: int, kind: str) -> None:
        self.name = f"{number}-{kind}"
        self.kind = kind

    def to_finished(self) -> FinishedSpan:
        if self.kind == "broken":
            raise RuntimeError("cannot be encoded")
        tags = {"text": "x" * MESSAGE} if self.kind == "long" else {}
        return FinishedSpan("1".zfill(16), "2".zfill(16), name=self.name, tags=tags)


class Sender(AnySender):
    """Accepts a message, or fails as told; a message that may pass later has to come again with the same bytes."""

    max_bytes = MESSAGE

    def __init__(self, clock: Clock) -> None:
        self.fault: Fault = lambda names: None
        self.accepted: list[str] = []
        self.wrongs: list[str] = []
        self.hurried = False  # a flush waits, so the last try keeps no delay
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Expect no repetition, because the message was given up."""
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


def poisoned(names: list[str]) -> SendError | None:
    """Refuse a message with a bad span without naming it; every third span is bad."""
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


class Watching(Streak):
    """Tells the sender when a message is given up."""

    def __init__(self, sender: Sender, log: GuardedLog, now: Clock) -> None:
        self._sender = sender
        super().__init__(log, now)

    def lose(self, count: int, cause: str, error: Exception) -> None:
        self._sender.forget()
        super().lose(count, cause, error)


class Reporting(RuleBasedStateMachine):
    """The application, the collector, the clock and the reporter's thread, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.sender = Sender(self.clock)
        self.state = State()
        self._build()
        self.somebody_waits = False
        self.offered = 0
        self.kinds = {"fine": 0, "broken": 0, "long": 0, "unwanted": 0}
        self.faults: set[str] = set()

    def _build(self) -> None:
        """Make the parts of one process."""
        self.backlog = Backlog(
            CAPACITY, CAPACITY, lambda: self.state.is_open, lambda wake: None, lambda cause: self.account.count_refused(cause)
        )
        self.account = account = Account(self.backlog.__len__)
        self.outbox = Outbox(OUTBOX)
        log = GuardedLog()
        streak = Watching(self.sender, log, self.clock)
        encoding = Encoding(json_v2, [lambda span: None if "unwanted" in span.name else span], MESSAGE, account, log)
        self.delivery = Delivery(
            self.sender, json_v2.join, self.outbox, account, streak, log, self.state, RETRY_TIMEOUT, self.clock
        )
        self.rounds = Rounds(self.backlog, encoding, self.delivery, account, self.state, streak, Listener(None, log))
        self.backlog.open_fast_path()

    def teardown(self) -> None:
        """In the end the collector accepts everything, and no span is left waiting."""
        self.sender.fault = FAULTS["none"]
        for _ in range(30):
            self.clock.now += 61.0
            self._round()
        stats = self.account.stats()
        assert (0, 0) == (stats.queued, stats.in_flight)
        self._balances()
        if not self.faults & LOSSY:
            assert 0 == stats.dropped["rejected"]
        if not self.faults & {"refused", "busy"}:
            assert 0 == stats.dropped["expired"]

    def _round(self, hurried: bool = False) -> None:
        if hurried:
            self.delivery.hurry(self.clock.now + LAST_TRY_S)  # so near that a try is made at once
            self.somebody_waits = True
        self.sender.hurried = self.somebody_waits
        self.rounds.run(Handover())
        self.somebody_waits = self.somebody_waits and not self.state.may_send  # a pause is waited for, too

    @rule(kinds=st.lists(st.sampled_from(["fine"] * 5 + ["broken", "long", "unwanted"]), min_size=1, max_size=15))
    def finish(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.backlog.offer(Span(self.offered, kind))
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

    @precondition(lambda self: not self.state.is_closed)
    @rule(seconds=st.sampled_from([0.0, 40.0]), hurried=st.booleans())
    def pause(self, seconds: float, hurried: bool) -> None:
        """In a pause nothing is sent, however long it is and even if a flush waits."""
        self.state.pause()
        self.backlog.close_fast_path()
        self.sender.fault, fault = FAULTS["none"], self.sender.fault
        self.clock.now += seconds
        before = len(self.sender.accepted), self.account.stats().queued
        self._round(hurried)

        assert before == (len(self.sender.accepted), self.account.stats().queued)
        self.sender.fault = fault
        self.state.resume()
        self.backlog.open_fast_path()

    @precondition(lambda self: not self.state.is_closed and self.offered > 40)
    @rule()
    def fork(self) -> None:
        """The parent's spans stay with the parent."""
        self._build()
        self.somebody_waits = False
        self.sender.accepted.clear()
        self.sender.forget()
        self.offered, self.kinds = 0, dict.fromkeys(self.kinds, 0)
        self.faults = {name for name, fault in FAULTS.items() if fault is self.sender.fault}

    @precondition(lambda self: not self.state.is_closed and self.offered > 80)
    @rule()
    def close(self) -> None:
        """After `close` no span is taken, but the waiting ones are still sent."""
        self.state.close("closed")
        self.backlog.close_fast_path()

    @invariant()
    def _balances(self) -> None:
        stats = self.account.stats()
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
        assert self.outbox.bytes < OUTBOX + CAPACITY * MAX_SPAN


TestReporting: Any = Reporting.TestCase
TestReporting.settings = settings(max_examples=settings.default.max_examples * 3 // 2, stateful_step_count=40)
