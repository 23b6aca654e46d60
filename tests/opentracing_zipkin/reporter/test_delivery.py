"""Delivery alone: messages are sent to a collector, by a clock that stands still."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from opentracing_zipkin.reporter.account import Account
from opentracing_zipkin.reporter.delivery import MAX_REFUSALS, Delivery
from opentracing_zipkin.reporter.log import GuardedLog
from opentracing_zipkin.reporter.outbox import Outbox
from opentracing_zipkin.reporter.pace import LAST_TRY_S, MAX_RETRY_AFTER_S
from opentracing_zipkin.reporter.progress import await_sent
from opentracing_zipkin.reporter.state import State
from opentracing_zipkin.reporter.streak import Streak
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender
from opentracing_zipkin.testing import FakeSender

from ..senders.raw_server import answer, raw_server, saying

AWAY = SendError("away", retryable=True)


class Rig:
    """A delivery of messages whose spans are single letters."""

    def __init__(self, retry_timeout: float = 300.0, sender: FakeSender | None = None) -> None:
        self.now = 1000.0
        self.waiting = 0
        self.sender = sender or FakeSender()
        self.state = State()
        self.account = Account(lambda: self.waiting)
        log = GuardedLog()
        streak = Streak(log, self.clock)
        self.delivery = Delivery(
            self.sender, self.join, Outbox(1000), self.account, streak, log, self.state, retry_timeout, self.clock
        )

    def clock(self) -> float:
        return self.now

    @staticmethod
    def join(spans: Sequence[bytes]) -> bytes:
        return b"".join(spans)

    exit_timeouts = (2.0, 10.0)

    @property
    def accepted(self) -> int:
        return self.account.sent

    @property
    def accepted_at(self) -> float:
        return self.account.sent_at

    @property
    def remaining(self) -> int:
        return self.account.pending

    def put(self, spans: str) -> None:
        self.waiting = len(spans)
        self.account.put_in_flight(len(spans), lambda count: None)
        self.waiting = 0
        self.delivery.put([letter.encode() for letter in spans])

    def send(self, after: float = 0.0) -> None:
        self.now += after
        self.delivery.send()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_messages_leave_in_their_order(rig: Rig) -> None:
    """Messages are sent one at a time, in order, until none is left."""
    rig.put("ab")
    rig.put("c")
    rig.send()

    assert [b"ab", b"c"] == rig.sender.bodies
    assert (3, True, None) == (rig.account.stats().sent, rig.delivery.is_empty, rig.delivery.delay_s())


def test_delays_grow_and_are_kept(rig: Rig) -> None:
    """The delay grows from 0.25 s to at most 30 s, each with jitter, and no message is tried earlier."""
    rig.sender.error = AWAY
    rig.put("a")
    rig.send()
    delays = []
    for tries in range(1, 12):
        delay = rig.delivery.delay_s()
        assert delay is not None
        delays.append(delay)
        rig.send(delay / 2)
        assert tries == rig.sender.tries
        rig.send(delay / 2 + 0.001)

    assert 0.125 <= delays[0] <= 0.25
    assert 15 <= delays[-1] <= 30
    assert all(0.125 * 2**number <= delay <= 0.25 * 2**number for number, delay in enumerate(delays[:7]))


@pytest.mark.parametrize(("asked", "kept"), [(20.0, 20.0), (9999.0, MAX_RETRY_AFTER_S)])
def test_the_collector_may_ask_for_a_delay(rig: Rig, asked: float, kept: float) -> None:
    """The delay that a collector asks for is kept, up to a minute."""
    rig.sender.error = SendError("busy", retryable=True, retry_after=asked)
    rig.put("a")
    rig.send()

    assert kept == rig.delivery.delay_s()


def test_whoever_waits_gets_one_try_at_once(rig: Rig) -> None:
    """`hurry` makes one try at once; then the pauses are short until the deadline, and as before after it."""
    rig.sender.error = AWAY
    rig.put("a")
    rig.send()
    rig.delivery.hurry(rig.now + 3)
    assert 0.0 == rig.delivery.delay_s()
    rig.send()
    rig.send()

    assert 2 == rig.sender.tries
    assert 0.025 <= (rig.delivery.delay_s() or 0) <= 0.05


def test_at_the_end_there_is_one_last_try(rig: Rig) -> None:
    """At the end of the process the delay is short if the collector asks for more time than is left."""
    rig.state.close("closed")
    rig.sender.error = SendError("busy", retryable=True, retry_after=20.0)
    rig.put("a")
    rig.delivery.hurry(rig.now + 2)
    rig.send()

    assert pytest.approx(2 - LAST_TRY_S) == rig.delivery.delay_s()


WAITERS = {"a flush of 3 s": 3.0, "an exit": 2.0, "a flush of 0.2 s": 0.2}


@pytest.mark.parametrize("seconds", WAITERS.values(), ids=WAITERS)
@pytest.mark.parametrize("asked", [None, 0, 1, 2, 30, 100_000])
@pytest.mark.parametrize("status", [302, 303, 307, 408, 429, 500, 502, 503, 504])
def test_a_collector_is_not_flooded_while_a_caller_waits(status: int, asked: int | None, seconds: float) -> None:
    """Whatever status says "later": `Retry-After` is kept if it ends in time; if not, one last try is made."""
    rig = Rig()
    rig.sender.error = refusal(status, {} if asked is None else {"Retry-After": str(asked)})
    rig.put("a")
    deadline = rig.now + seconds
    while rig.now < deadline:
        rig.delivery.hurry(deadline)
        rig.send()
        rig.now += 0.01

    tries = rig.sender.tries
    if not asked:
        assert min(3, seconds / 0.05) <= tries <= 7 + seconds / 0.25
    else:
        assert (2 if seconds > 0.5 else 1) <= tries <= 2 + seconds // asked


def refusal(status: int, headers: dict[str, str]) -> SendError:
    """The error of our HTTP sender if the collector answers so."""
    with raw_server(saying(answer(status, headers=headers))) as server, pytest.raises(SendError) as caught:
        HttpSender(f"http://127.0.0.1:{server.port}", "/api/v2/spans", "application/json").send(b"[]")
    return caught.value


def test_a_message_expires_when_it_is_tried_too_late() -> None:
    """A message expires `retry_timeout` after it was put; the next message has its own time."""
    rig = Rig(retry_timeout=60.0)
    rig.sender.error = AWAY
    rig.put("ab")
    rig.send()
    rig.now += 50
    rig.put("c")
    rig.send(after=40)

    assert (2, 1) == (rig.account.stats().dropped["expired"], rig.account.stats().in_flight)


def test_what_is_given_up_is_dropped_for_its_cause(rig: Rig) -> None:
    """After `give_up` every message is dropped without another try."""
    rig.put("ab")
    rig.put("c")
    rig.state.give_up("closed")
    rig.send()

    assert (0, 3) == (rig.sender.tries, rig.account.stats().dropped["closed"])


def test_paused_nothing_is_sent_and_nothing_is_lost(rig: Rig) -> None:
    """In a pause nothing is sent and nothing is lost."""
    rig.put("a")
    rig.state.pause()
    rig.send()
    assert (0, 1) == (rig.sender.tries, rig.account.stats().in_flight)
    rig.state.resume()
    rig.send()

    assert [b"a"] == rig.sender.bodies


class Picky(FakeSender):
    """Refuses a message that contains an `x`."""

    def send(self, body: bytes, /) -> None:
        self.tries += 1
        if b"x" in body:
            raise SendError("bad", retryable=False, divisible=True)
        self.bodies.append(body)


def test_a_refused_message_is_halved_until_the_culprit_is_alone() -> None:
    """The other spans of a refused message arrive, in their order."""
    sender = Picky()
    rig = Rig(sender=sender)
    rig.put("abcdexfg")
    rig.send()

    assert b"abcdefg" == b"".join(sender.bodies)
    assert (7, 1) == (rig.account.stats().sent, rig.account.stats().dropped["rejected"])


def test_a_collector_that_refuses_everything_is_asked_a_bounded_number_of_times() -> None:
    """After `MAX_REFUSALS` refusals in a row whole messages are dropped."""
    sender = Picky()
    rig = Rig(sender=sender)
    for _ in range(5):
        rig.put("x" * 100)
    rig.send()

    assert 500 == rig.account.stats().dropped["rejected"]
    assert sender.tries <= 2 * MAX_REFUSALS + 5


def test_a_streak_is_said_once_in_a_while(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure, another one after 30 s, and the recovery are logged; one span is "1 span"."""
    caplog.set_level(logging.INFO, "opentracing_zipkin")
    rig.sender.error = AWAY
    rig.put("a")
    rig.put("bc")
    for _ in range(40):
        rig.delivery.hurry(rig.now + 0.1)
        rig.send()
        rig.now += 1.0
    rig.sender.error = None
    rig.delivery.hurry(rig.now + 0.1)
    rig.send()

    assert [
        "zipkin: 1 span is not accepted yet: away",
        "zipkin: 1 span is not accepted yet: away",
        "zipkin: the collector accepts spans again",
    ] == caplog.messages


@pytest.mark.parametrize(
    ("accepted_at", "lasts"),
    [([], 2), ([1], 3), ([1, 2, 4, 5, 7], 9), (list(range(60)), 10)],
    ids=["nothing", "one", "some", "all the time"],
)
def test_an_end_waits_while_spans_are_accepted(accepted_at: list[int], lasts: int) -> None:
    """The end waits 2 s after the last accepted span, and at most 10 s."""
    rig = Rig()
    rig.put("a" * 100)
    start = rig.now

    def wait(deadline: float) -> None:
        rig.now += 0.1
        if round(rig.now - start, 1) in accepted_at:
            rig.account.count_sent(1)

    await_sent([rig], rig.clock, wait)

    assert lasts <= rig.now - start <= lasts + 0.3
