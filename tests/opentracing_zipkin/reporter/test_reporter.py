"""The reporter: every finished span is sent or counted, and no thread waits for it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from opentracing_zipkin import FinishedSpan, codec
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.stats import TracerStats
from opentracing_zipkin.testing import FakeSender

from ...waiting import wait_until


class Span:
    """The part of a span that the reporter uses."""

    def __init__(self, name: str = "x", broken: bool = False) -> None:
        self.name = name
        self.broken = broken

    def to_finished(self) -> FinishedSpan:
        if self.broken:
            raise RuntimeError("cannot be encoded")
        return FinishedSpan("1".zfill(16), "2".zfill(16), name=self.name)


class Gate(FakeSender):
    """A sender that lets no message through until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.opened = threading.Event()

    def send(self, body: bytes, /) -> None:
        self.reached.set()
        assert self.opened.wait(10)
        super().send(body)


Make = Callable[..., Reporter]


@pytest.fixture
def make() -> Iterator[Make]:
    made = []

    def make(sender: FakeSender, **settings: Any) -> Reporter:
        made.append(Reporter(json_v2, sender, **{"flush_interval": 0.02, **settings}))
        return made[-1]

    yield make
    for reporter in made:
        reporter.close(0.1).result(5)


def names(sender: FakeSender) -> list[str]:
    return [span.get("name", "") for body in sender.bodies for span in json.loads(body)]


def test_a_codec_module_is_an_encoder() -> None:
    """A codec module is accepted as an encoder by the type checker."""
    encoder: codec.SpanEncoder = json_v2

    assert "application/json" == encoder.media_type


def test_spans_arrive_in_order_without_being_asked_for(make: Make) -> None:
    """Spans arrive in order without a flush, because the thread wakes on its own."""
    sender = FakeSender()
    reporter = make(sender)
    for number in range(300):
        reporter.record(Span(str(number)))
    wait_until(lambda: 300 == reporter.stats().sent)

    assert [str(number) for number in range(300)] == names(sender)


def test_no_thread_runs_before_the_first_span(make: Make) -> None:
    """The thread that the first span starts has a name and is a daemon."""
    reporter = make(FakeSender())

    before = set(threading.enumerate())
    reporter.record(Span())
    wait_until(lambda: bool(set(threading.enumerate()) - before))
    [thread] = set(threading.enumerate()) - before
    assert ("zipkin-reporter", True) == (thread.name, thread.daemon)


def test_a_full_queue_drops_the_newest_and_counts_it(make: Make) -> None:
    """A full queue drops the newest span, and the caller never waits."""
    sender = Gate()
    reporter = make(sender, max_queued_spans=2)
    reporter.record(Span("on its way"))
    assert sender.reached.wait(10)
    for number in range(5):
        reporter.record(Span(str(number)))

    assert (2, 3) == (reporter.stats().queued, reporter.stats().dropped["full"])
    sender.opened.set()
    assert False is reporter.flush(5)
    assert ["on its way", "0", "1"] == names(sender)


def test_flush_says_whether_everything_was_accepted(make: Make) -> None:
    """`flush` returns True when all earlier spans are sent; False at the timeout, and if a span was dropped."""
    sender = Gate()
    reporter = make(sender)

    assert True is reporter.flush(0)
    reporter.record(Span())
    assert False is reporter.flush(0.05)
    sender.opened.set()
    assert True is reporter.flush(5)
    sender.error = SendError("no", retryable=False)
    reporter.record(Span())
    assert False is reporter.flush(5)
    assert True is reporter.flush(5)


def test_close_answers_at_once_with_the_same_future_and_drains(make: Make) -> None:
    """The Future of `close` is True when everything arrived; later spans are dropped as closed."""
    sender = Gate()
    reporter = make(sender)
    for number in range(2500):
        reporter.record(Span(str(number)))
    start = time.monotonic()
    future = reporter.close(5)

    assert Future is type(future)
    assert future is reporter.close()
    assert time.monotonic() - start < 1
    assert not future.done()
    sender.opened.set()
    assert True is future.result(10)
    assert 2500 == len(names(sender))
    reporter.record(Span("late"))
    assert (2501, 2500, 1) == (reporter.stats().finished, reporter.stats().sent, reporter.stats().dropped["closed"])


def test_close_is_done_at_the_deadline(make: Make) -> None:
    """If the collector hangs, the Future of `close` is False at the deadline, and never an exception."""
    sender = Gate()
    reporter = make(sender)
    reporter.record(Span())
    future = reporter.close(0.1)

    assert False is future.result(5)
    sender.opened.set()


def test_closing_a_reporter_that_was_never_used_is_done_at_once(make: Make) -> None:
    """Closing an unused reporter is done at once, because nothing waits."""

    assert True is make(FakeSender()).close().result(0)


def test_a_refused_message_is_dropped_at_once_and_counted(make: Make) -> None:
    """A message that the collector will never take is not sent again."""
    sender = FakeSender(SendError("404", retryable=False))
    reporter = make(sender)
    reporter.record(Span())

    assert False is reporter.flush(5)
    assert (1, 1) == (reporter.stats().dropped["rejected"], sender.tries)


def test_what_may_be_accepted_later_is_sent_again_in_the_same_bytes(make: Make) -> None:
    """A message that failed is sent again with the same bytes, because storages recognise copies by their content."""
    sender = Flaky(failures=3)
    reporter = make(sender)
    for number in range(5):
        reporter.record(Span(str(number)))

    wait_until(lambda: 5 == reporter.stats().sent)
    assert (4, 1) == (len(sender.seen), len(set(sender.seen)))
    assert {} == {cause: count for cause, count in reporter.stats().dropped.items() if count}


class Flaky(FakeSender):
    """Refuses the first few messages, and remembers all."""

    def __init__(self, failures: int, retry_after: float = 0.0) -> None:
        super().__init__()
        self.failures = failures
        self.retry_after = retry_after
        self.seen: list[bytes] = []

    def send(self, body: bytes, /) -> None:
        self.seen.append(body)
        if len(self.seen) <= self.failures:
            raise SendError("503", retryable=True, retry_after=self.retry_after)
        super().send(body)


def test_the_time_that_a_collector_asks_for_is_kept(make: Make) -> None:
    """The delay of `Retry-After` is kept; spans gather meanwhile, and a flush makes one try before it ends."""
    sender = Flaky(failures=1, retry_after=30.0)
    reporter = make(sender)
    reporter.record(Span("a"))
    wait_until(lambda: 1 == len(sender.seen))
    reporter.record(Span("b"))
    time.sleep(0.2)

    assert (1, 2) == (len(sender.seen), reporter.stats().in_flight + reporter.stats().queued)
    assert True is reporter.flush(0.5)
    assert ["a", "b"] == names(sender)


def test_what_is_not_accepted_in_time_is_counted_as_expired(make: Make) -> None:
    """A message that is not accepted within `retry_timeout` is counted as expired."""
    sender = FakeSender(SendError("connection refused", retryable=True))
    reporter = make(sender, retry_timeout=0.3)
    reporter.record(Span())

    assert False is reporter.flush(5)
    assert 1 == reporter.stats().dropped["expired"]
    assert sender.tries > 1


def test_the_outbox_is_bounded_and_then_the_queue_is(make: Make) -> None:
    """In an outage memory does not grow: spans that do not fit are dropped as `full`, and the others arrive."""
    sender = FakeSender(SendError("connection refused", retryable=True))
    sender.max_bytes = 1000
    reporter = make(sender, max_outbox_bytes=2000, max_queued_spans=100)
    for _ in range(50):
        for _ in range(20):
            reporter.record(Span("n" * 50))
        time.sleep(0.005)
    kept = reporter.stats().queued + reporter.stats().in_flight

    assert reporter.stats().dropped["full"] == 1000 - kept > 0
    assert 100 <= kept <= 100 + 100 + 40
    sender.error = None
    reporter.flush(10)
    assert kept == len(names(sender)) == reporter.stats().sent


class Picky(FakeSender):
    """Refuses every message that contains a certain text."""

    def __init__(self, poison: bytes, **kind: Any) -> None:
        super().__init__()
        self.poison = poison
        self.kind = kind

    def send(self, body: bytes, /) -> None:
        self.tries += 1
        if self.poison in body:
            raise SendError("400: this span", retryable=False, **self.kind)
        self.bodies.append(body)


def test_of_a_refused_message_only_the_poisoned_span_is_lost(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A refused message is halved until the faulty span is alone; the log has the server's reason."""
    sender = Picky(b"poison", divisible=True)
    reporter = make(sender)
    for number in range(1000):
        reporter.record(Span("poison" if number == 617 else str(number)))

    assert False is reporter.flush(10)
    assert [str(number) for number in range(1000) if number != 617] == names(sender)
    assert (999, 1) == (reporter.stats().sent, reporter.stats().dropped["rejected"])
    assert ["zipkin: 1 span is lost (rejected): 400: this span"] == [
        r.message for r in caplog.records if r.levelname == "WARNING"
    ]


def test_a_collector_that_refuses_everything_is_not_asked_for_every_span(make: Make) -> None:
    """After some refusals in a row whole messages are dropped."""
    sender = Picky(b"[", divisible=True)
    reporter = make(sender)
    for number in range(1000):
        reporter.record(Span(str(number)))

    assert False is reporter.flush(10)
    assert 1000 == reporter.stats().dropped["rejected"]
    assert sender.tries < 150


def test_a_message_that_is_too_large_for_the_server_is_split(make: Make) -> None:
    """A message that is too large is split; a span that is too large alone is counted as such."""

    class Narrow(FakeSender):
        def send(self, body: bytes, /) -> None:
            if len(body) > 5000:
                raise SendError("413", retryable=False, too_large=True)
            super().send(body)

    sender = Narrow()
    reporter = make(sender)
    for number in range(200):
        reporter.record(Span("n" * 6000 if number == 7 else str(number)))

    assert False is reporter.flush(10)
    assert (199, 1) == (len(names(sender)), reporter.stats().dropped["too_large"])


def test_a_sender_that_raises_anything_costs_its_message_and_not_the_account(make: Make) -> None:
    """After any exception of a sender the thread lives on, and the spans are counted."""

    class Broken(FakeSender):
        def send(self, body: bytes, /) -> None:
            if self.tries == 0:
                self.tries += 1
                raise UnicodeError("not foreseen")
            super().send(body)

    sender = Broken()
    reporter = make(sender)
    reporter.record(Span())

    assert False is reporter.flush(5)
    reporter.record(Span())
    assert True is reporter.flush(5)
    assert (1, 1, 0) == (reporter.stats().sent, reporter.stats().dropped["rejected"], reporter.stats().in_flight)


def test_closing_in_an_outage_counts_what_is_left(make: Make) -> None:
    """Spans that wait at the deadline of `close` are counted as `closed`."""
    reporter = make(FakeSender(SendError("connection refused", retryable=True)))
    for _ in range(10):
        reporter.record(Span())

    assert False is reporter.close(0.3).result(5)
    wait_until(lambda: 10 == reporter.stats().dropped["closed"])
    assert (0, 0) == (reporter.stats().queued, reporter.stats().in_flight)


def test_a_failing_collector_costs_one_log_line_and_its_recovery_another(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure of a streak is a warning with the reason, and the recovery is another line."""
    sender = FakeSender(SendError("connection refused", retryable=True))
    reporter = make(sender)
    with caplog.at_level(logging.INFO, "opentracing_zipkin"):
        for _ in range(3):
            reporter.record(Span())
            reporter.flush(0.2)
        sender.error = None
        reporter.record(Span())
        reporter.flush(5)
        wait_until(lambda: 2 <= len(caplog.records))

    assert [
        ("WARNING", "zipkin: 1 span is not accepted yet: connection refused"),
        ("INFO", "zipkin: the collector accepts spans again"),
    ] == [(record.levelname, record.message) for record in caplog.records]


def test_a_full_queue_is_said_by_the_reporters_thread(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The reporter's thread logs how many spans a full queue has dropped."""
    sender = Gate()
    reporter = make(sender, max_queued_spans=1)
    reporter.record(Span())
    assert sender.reached.wait(10)
    for _ in range(4):
        reporter.record(Span())

    assert [] == caplog.messages
    sender.opened.set()
    wait_until(lambda: bool(caplog.messages))
    assert ["zipkin: 3 spans were dropped, because the queue was full: 1 was waiting"] == caplog.messages
    assert caplog.records[0].threadName == "zipkin-reporter"


def test_a_span_finished_by_the_garbage_collector_inside_the_account_is_no_deadlock(make: Make) -> None:
    """A refused span is counted without the lock, so a span that the garbage collector finishes causes no deadlock."""
    reporter = make(FakeSender())
    with reporter._account._lock:
        reporter._account.count_refused("full")

    assert 1 == reporter.stats().dropped["full"]


def test_a_span_that_cannot_be_encoded_costs_only_itself(make: Make) -> None:
    """A span that cannot be encoded costs only itself: its neighbours arrive, and the thread lives on."""
    sender = FakeSender()
    reporter = make(sender)
    for span in (Span("a"), Span(broken=True), Span("b")):
        reporter.record(span)
    reporter.flush(5)
    reporter.record(Span("c"))
    reporter.flush(5)

    assert ["a", "b", "c"] == names(sender)
    assert 1 == reporter.stats().dropped["too_large"]


def test_messages_are_no_longer_than_the_sender_takes(make: Make) -> None:
    """Spans are packed up to the sender's limit; one that is longer alone is dropped and counted."""
    sender = FakeSender()
    sender.max_bytes = 300
    reporter = make(sender)
    for number in range(20):
        reporter.record(Span("n" * number))
    reporter.record(Span("n" * 400))

    assert False is reporter.flush(5)
    assert 20 == len(names(sender))
    assert 300 >= max(map(len, sender.bodies)) > 200
    assert {"too_large": 1} == {cause: count for cause, count in reporter.stats().dropped.items() if count}


def test_the_account_balances_under_many_threads(make: Make) -> None:
    """The spans that eight threads finished are exactly those that were sent and dropped."""
    sender = FakeSender()
    reporter = make(sender, max_queued_spans=500)

    def work() -> None:
        for _ in range(2000):
            reporter.record(Span())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.flush(10)
    stats = reporter.stats()

    assert (16_000, 0, 0) == (stats.finished, stats.queued, stats.in_flight)
    assert 16_000 == stats.sent + stats.dropped["full"]
    assert stats.sent == len(names(sender))


def test_a_forked_child_reports_its_own_spans_and_none_of_its_parents(make: Make) -> None:
    """A forked child reports only its own spans, with a thread of its own; the parent goes on."""
    sender = Gate()
    reporter = make(sender)
    reporter.record(Span("parent's"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sender.opened.set()
            empty = reporter.stats().finished
            reporter.record(Span("child's"))
            sent = reporter.flush(5)
            os.write(write, f"{empty} {sent} {names(sender)}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    sender.opened.set()

    assert '0 True ["child\'s"]' == os.read(read, 200).decode()
    assert True is reporter.flush(5)
    assert ["parent's"] == names(sender)


def test_an_offer_to_a_full_queue_may_wait_for_room(make: Make) -> None:
    """With `queue_full_timeout` the finishing thread waits until the reporter has taken a span, and nothing is lost."""
    sender = Gate()
    reporter = make(sender, max_queued_spans=1, queue_full_timeout=10.0, max_outbox_bytes=1)
    reporter.record(Span("first"))
    assert sender.reached.wait(10)
    reporter.record(Span("second"))
    late = threading.Thread(target=reporter.record, args=(Span("third"),))
    late.start()
    time.sleep(0.1)
    assert late.is_alive()
    sender.opened.set()
    late.join(10)

    assert True is reporter.flush(10)
    assert ["first", "second", "third"] == names(sender)


@pytest.mark.parametrize("closing", [False, True])
def test_waiting_for_room_ends_in_time_and_is_counted_once(make: Make, closing: bool) -> None:
    """After the wait the newest span is dropped, as without a wait; closing the reporter ends the wait, too."""
    sender = Gate()
    reporter = make(sender, max_queued_spans=1, queue_full_timeout=0.2, max_outbox_bytes=1)
    reporter.record(Span("first"))
    assert sender.reached.wait(10)
    reporter.record(Span("second"))
    threads = [threading.Thread(target=reporter.record, args=(Span("late"),)) for _ in range(4)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    if closing:
        reporter.close(0.0)
    for thread in threads:
        thread.join(10)
    dropped = reporter.stats().dropped

    assert 4 == dropped["full"] + dropped["closed"] - (1 if closing else 0)
    assert time.monotonic() - start < 5
    sender.opened.set()


def test_paused_it_takes_and_sends_nothing_and_keeps_what_waits(make: Make) -> None:
    """In a pause new spans are counted as closed; afterwards the waiting spans are sent."""
    sender = Gate()
    reporter = make(sender, max_outbox_bytes=1)
    reporter.record(Span("on its way"))
    assert sender.reached.wait(10)
    reporter.record(Span("waiting"))
    reporter.pause(True)
    sender.opened.set()
    reporter.record(Span("meanwhile"))
    assert False is reporter.flush(0.2)
    assert (["on its way"], 1, 1) == (names(sender), reporter.stats().queued, reporter.stats().dropped["closed"])
    assert "paused" in repr(reporter)

    reporter.pause(False)
    reporter.record(Span("afterwards"))
    wait_until(lambda: 3 == reporter.stats().sent)
    assert ["on its way", "waiting", "afterwards"] == names(sender)


def test_a_paused_reporter_closes_in_time_and_without_haste(make: Make) -> None:
    """Closing a paused reporter counts the waiting spans, and the thread does not loop at full speed meanwhile."""
    reporter = make(Gate(), max_outbox_bytes=1)
    reporter.record(Span())
    reporter._sender.reached.wait(10)  # type: ignore[attr-defined]
    reporter.record(Span())
    reporter.pause(True)
    reporter._sender.opened.set()  # type: ignore[attr-defined]
    wait_until(lambda: 1 == reporter.stats().sent)
    used = time.process_time()

    reporter.close(0.5).result(5)
    assert (1, 1) == (reporter.stats().sent, reporter.stats().dropped["closed"])
    assert time.process_time() - used < 0.4


def test_the_account_is_told_when_it_changes(make: Make) -> None:
    """`on_stats` is called on the reporter's thread with a snapshot that balances; after an exception not any more."""
    told: list[TracerStats] = []

    def tell(stats: TracerStats) -> None:
        told.append(stats)
        assert "zipkin-reporter" == threading.current_thread().name
        if len(told) == 2:
            raise RuntimeError("no")

    reporter = make(FakeSender(), on_stats=tell)
    for count in (1, 2, 3):
        reporter.record(Span())
        wait_until(lambda count=count: count == reporter.stats().sent)  # type: ignore[misc]
        time.sleep(0.1)

    assert [1, 2] == [stats.sent for stats in told]
    assert 3 == reporter.stats().sent


def test_the_state_shows_in_repr(make: Make) -> None:
    """The repr of a reporter shows its state: idle, reporting, failing or closed."""
    sender = FakeSender()
    reporter = make(sender)
    states = [repr(reporter)]
    reporter.record(Span())
    reporter.flush(5)
    states.append(repr(reporter))
    sender.error = SendError("no", retryable=True)
    reporter.record(Span())
    wait_until(lambda: "failing" in repr(reporter))
    reporter.close(1).result(5)
    states.append(repr(reporter))

    assert ["idle", "reporting", "closed"] == [state.removeprefix("Reporter(").split(",")[0] for state in states]


EXIT = """
    import json, sys, threading
    from opentracing_zipkin.codec import json_v2
    from opentracing_zipkin import FinishedSpan
    from opentracing_zipkin.reporter import Reporter
    from opentracing_zipkin import senders

    class Span:
        def to_finished(self):
            return FinishedSpan("1".zfill(16), "2".zfill(16))

    class Sender(senders.Sender):
        max_bytes = 2000
        hang = {hang}
        def send(self, body):
            if self.hang:
                threading.Event().wait()
            print(len(json.loads(body)), flush=True)
        def close(self):
            pass

    reporter = Reporter(json_v2, Sender(), flush_interval=60, exit_stall_timeout=0.3)
    for _ in range(900):
        reporter.record(Span())
    {end}
"""


def run(hang: bool, end: str = "") -> tuple[subprocess.CompletedProcess[str], float]:
    start = time.monotonic()
    code = textwrap.dedent(EXIT).format(hang=hang, end=end)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    return result, time.monotonic() - start


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise KeyError"])
def test_what_waits_is_sent_when_the_interpreter_exits(end: str) -> None:
    """Waiting spans are sent at the exit without a `close`, in as many messages as they need."""
    result, _ = run(hang=False, end=end)

    assert 900 == sum(map(int, result.stdout.split()))
    assert {"": 0, "sys.exit(3)": 3, "raise KeyError": 1}[end] == result.returncode


def test_exit_does_not_wait_for_a_collector_that_accepts_nothing() -> None:
    """The exit gives up without progress, and logs in one line how many spans were lost."""
    result, seconds = run(hang=True)

    assert 0 == result.returncode
    assert ["zipkin: 900 spans were not accepted before the process ended and are lost"] == result.stderr.splitlines()
    assert seconds < 15
