"""The contract of senders: one suite, whichever receiver they send to.

A kind of sender is a class with a `receiver` fixture, in a file of tests, for instance in tests/integration for a broker:

    from ..contract.sender_contract import HasAddress, HasCredentials, LimitsSize, SenderContract

    class TestKafka(SenderContract, HasAddress, LimitsSize, HasCredentials):
        @pytest.fixture
        def receiver(self) -> Iterator[KafkaReceiver]:
            with KafkaReceiver() as receiver:
                yield receiver

Rules: a Receiver gives settings, never a sender, because the scheme of the endpoint chooses it.  Each test has a receiver that
works and has got nothing yet (a topic or a queue of its own, on a server of the whole session).  The mixins say what a kind has
beside the rest: an address on the network, a limit for a message, credentials.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders import Sender, SendError
from opentracing_zipkin.senders.chosen import chosen_sender

__all__ = ["HasAddress", "HasCredentials", "LimitsSize", "Receiver", "SenderContract", "in_a_child", "json_message", "spans_of"]

SECRET = "hunter22$x"
SECRET_IN_URL = "hunter22%24x"
FORK_TIMEOUT_S = 30.0
# The longest time of a send with a limit of half a second: a client may finish one more piece of work on a slow machine.
MAX_SEND_S = 10.0
# The longest time until a receiver is back, or until a client library has released its resources.
RECOVERY_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 10.0

_V2, _JSON = "/api/v2/spans", "application/json"


class Receiver(Protocol):
    """The other end of a sender: a collector, a topic, a queue, a file."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of a sender or tracer that sends here: `endpoint`, and others that it needs."""

    def message(self, name: str, size: int = 0) -> bytes:
        """A message that may be sent, of at least `size` bytes; messages of different names differ."""

    def received(self) -> list[bytes]:
        """The messages received since the test began, in order; waits until no more arrive."""

    def spans(self) -> list[Mapping[str, Any]]:
        """The spans of all messages, which a tracer has sent as JSON."""

    def stop(self) -> None:
        """Go away: nobody answers."""

    def start(self) -> None:
        """Come back at the same address, with the same messages."""

    def hung(self) -> AbstractContextManager[object]:
        """Inside the block the receiver is reachable, but accepts nothing and answers nothing."""


class Limited(Receiver, Protocol):
    """A receiver that refuses some messages."""

    @property
    def limit_bytes(self) -> int:
        """The receiver refuses a longer message; at most 400,000, so that a sender's own limit is not reached first."""


class Guarded(Receiver, Protocol):
    """A receiver that wants credentials."""

    def refusals(self, password: str, password_in_url: str) -> Mapping[str, Mapping[str, Any]]:
        """Settings that contain this password and with which no message is accepted, by name.

        For instance a wrong password, in `auth` or in the URL, and a receiver that is away.
        """


def sender_of(settings: Mapping[str, Any], **more: Any) -> Sender:
    """The sender that the scheme of the endpoint chooses."""
    return chosen_sender({**settings, **more}, _V2, _JSON)


@contextmanager
def tracing(settings: Mapping[str, Any], **more: Any) -> Iterator[ZipkinTracer]:
    """A tracer of its own, closed at the end."""
    tracer = ZipkinTracer("contract", **{**settings, **more})
    try:
        yield tracer
    finally:
        tracer.close(0).result(10)


def refused(sender: Sender, body: bytes) -> SendError:
    """The error of a message that is not accepted."""
    with pytest.raises(SendError) as caught:
        sender.send(body)
    return caught.value


def accepted_at_last(sender: Sender, body: bytes) -> None:
    """Send as the reporter does: repeat the same bytes while the error may pass, because a server needs time to come back."""
    deadline = time.monotonic() + RECOVERY_TIMEOUT_S
    while True:
        try:
            return sender.send(body)
        except SendError as error:
            if not error.retryable or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def in_a_child(action: Callable[[], object]) -> str:
    """The traceback of an action in a forked process, or "" if it raised nothing."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:
            os.write(writing, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + FORK_TIMEOUT_S
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "it hangs"
        time.sleep(0.01)
    with os.fdopen(reading, "rb") as stream:
        return stream.read().decode()


def json_message(name: str, size: int = 0) -> bytes:
    """A receiver's `message`: a list of one span, which any collector takes."""
    number = int.from_bytes(name.encode()[-8:], "big") or 1
    span = {"traceId": f"{number:016x}", "id": f"{number:016x}", "name": name, "tags": {"x": "x" * size}}
    return json.dumps([span]).encode()


def spans_of(messages: Sequence[bytes]) -> list[Mapping[str, Any]]:
    """A receiver's `spans`: those in JSON messages."""
    return [span for message in messages for span in json.loads(message)]


class SenderContract:
    """The promises of every sender."""

    @pytest.fixture
    def receiver(self) -> Any:
        """A Receiver that works and has got nothing yet."""
        raise NotImplementedError

    # Accepted messages

    def test_accepted_messages_arrive_once_and_byte_for_byte(self, receiver: Receiver) -> None:
        """Messages arrive in order, and so does the longest one that a sender takes."""
        sender = sender_of(receiver.settings)
        room = min(sender.max_bytes, getattr(receiver, "limit_bytes", sender.max_bytes))
        messages = [receiver.message(f"m{number}", size) for number, size in enumerate((0, 0, 3000, 70_000, 0, room - 1000))]
        assert room >= max(map(len, messages))
        for message in messages:
            sender.send(message)
        sender.close()

        assert messages == receiver.received()

    def test_an_empty_list_is_accepted(self, receiver: Receiver) -> None:
        """An empty list is accepted: it is the probe for a collector that takes spans."""
        sender = sender_of(receiver.settings)
        sender.send(b"[]" if receiver.message("x").startswith(b"[") else b"")
        sender.close()

    # A receiver that is away

    def test_a_receiver_that_is_away_at_first_may_come(self, receiver: Receiver) -> None:
        """The error has a reason and is retryable; the same sender sends as soon as the receiver is there."""
        receiver.stop()
        sender = sender_of(receiver.settings)
        message = receiver.message("m")
        error = refused(sender, message)
        assert (True, False, False) == (error.retryable, error.divisible, error.too_large)
        assert len(str(error)) > 10
        receiver.start()
        accepted_at_last(sender, message)
        sender.close()

        assert {message} == set(receiver.received())

    def test_a_receiver_that_goes_away_may_come_back(self, receiver: Receiver) -> None:
        """The error is retryable; the same sender goes on, and messages accepted before are still there."""
        sender = sender_of(receiver.settings)
        before, message, after = (receiver.message(name) for name in ("before", "while away", "after"))
        sender.send(before)
        receiver.stop()
        assert True is refused(sender, message).retryable
        assert True is refused(sender, message).retryable
        receiver.start()
        accepted_at_last(sender, message)
        sender.send(after)
        sender.close()
        received = receiver.received()

        assert [before, message, after] == list(dict.fromkeys(received))
        assert (1, 1) == (received.count(before), received.count(after))

    # Time

    def test_a_limit_bounds_a_send_to_a_receiver_that_hangs(self, receiver: Receiver) -> None:
        """`limit` bounds a send while the process ends; later the same sender sends again."""
        sender = sender_of(receiver.settings)
        message = receiver.message("m", 200_000)
        with receiver.hung():
            sender.limit(0.5)
            begin = time.monotonic()
            error = refused(sender, message)
            seconds = time.monotonic() - begin
        assert True is error.retryable
        assert seconds < MAX_SEND_S
        accepted_at_last(sender_of(receiver.settings), receiver.message("other"))
        sender.close()

    def test_a_limit_is_never_raised(self, receiver: Receiver) -> None:
        """The lowest limit counts, and 0 does not mean "no limit"."""
        sender = sender_of(receiver.settings)
        with receiver.hung():
            for seconds in (0.3, 60.0, 0.0):
                sender.limit(seconds)
            begin = time.monotonic()
            refused(sender, receiver.message("m", 200_000))
        assert time.monotonic() - begin < MAX_SEND_S
        sender.close()

    # Closing and forking

    def test_closing_gives_back_what_is_held_and_is_no_end(self, receiver: Receiver) -> None:
        """A sender may be closed several times, and before its first message; a message sent afterwards arrives."""
        sender = sender_of(receiver.settings)
        sender.close()
        sender.close()
        first, second = receiver.message("first"), receiver.message("second")
        sender.send(first)
        sender.close()
        sender.close()
        sender.send(second)
        sender.close()

        assert [first, second] == receiver.received()

    def test_a_sender_that_is_closed_holds_no_descriptor(self, receiver: Receiver) -> None:
        """A closed sender has no open descriptor, so a process that replaces its tracer often does not run out of them."""

        def open_ones() -> int:
            return len(os.listdir("/proc/self/fd"))

        before = 0
        for number in range(9):  # the first one has what is made once in a process
            sender = sender_of(receiver.settings)
            sender.send(receiver.message(f"m{number}"))
            sender.close()
            before = before or open_ones()
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while open_ones() > before + 2 and time.monotonic() < deadline:  # the other side may be in this process
            time.sleep(0.01)

        assert open_ones() <= before + 2

    def test_a_closed_sender_that_nobody_can_reach_closes_soon(self, receiver: Receiver) -> None:
        """Closing returns soon, because a process must not wait for a receiver that hangs."""
        sender = sender_of(receiver.settings)
        sender.send(receiver.message("m"))
        sender.limit(0.5)
        with receiver.hung():
            begin = time.monotonic()
            sender.close()
            assert time.monotonic() - begin < MAX_SEND_S

    def test_a_forked_process_sends_by_itself_and_its_parent_goes_on(self, receiver: Receiver) -> None:
        """Each message arrives once, whether the connection was there before the fork or not."""
        used, unused = sender_of(receiver.settings), sender_of(receiver.settings)
        messages = {name: receiver.message(name) for name in ("before", "child", "grandchild", "other child", "after", "last")}
        used.send(messages["before"])

        def be_grandchild() -> None:
            used.renew_after_fork()
            used.send(messages["grandchild"])

        def be_child() -> None:
            used.renew_after_fork()
            unused.renew_after_fork()
            used.send(messages["child"])
            unused.send(messages["other child"])
            assert "" == in_a_child(be_grandchild)

        assert "" == in_a_child(be_child)
        used.send(messages["after"])
        unused.send(messages["last"])
        used.close()
        unused.close()

        assert sorted(messages.values()) == sorted(receiver.received())

    # A whole tracer

    def test_a_tracers_account_balances_with_what_has_arrived(self, receiver: Receiver) -> None:
        """Every span that counts as sent has arrived exactly once, as its name shows."""
        names = [f"span {number}" for number in range(500)]
        with tracing(receiver.settings) as tracer:
            for name in names:
                tracer.start_span(name).finish()
            assert True is tracer.flush(30)
            stats = tracer.stats

        assert (500, 500, 0, 0) == (stats.finished, stats.sent, stats.queued, stats.in_flight)
        assert {0} == set(stats.dropped.values())
        assert sorted(names) == sorted(span["name"] for span in receiver.spans())

    def test_spans_wait_while_the_receiver_is_away(self, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
        """One warning is logged; when the receiver is back, every span is sent, and one line says so."""
        receiver.stop()
        with caplog.at_level(logging.INFO), tracing(receiver.settings, flush_interval=0.05) as tracer:
            for number in range(20):
                tracer.start_span(f"span {number}").finish()
            assert False is tracer.flush(0.3)
            assert (20, 0) == (tracer.stats.finished, tracer.stats.sent)
            assert {0} == set(tracer.stats.dropped.values())
            deadline = time.monotonic() + RECOVERY_TIMEOUT_S
            while not any("not accepted yet" in line for line in caplog.messages) and time.monotonic() < deadline:
                time.sleep(0.01)  # some clients look for other addresses first
            receiver.start()
            deadline = time.monotonic() + RECOVERY_TIMEOUT_S
            again = "zipkin: the collector accepts spans again"
            while again not in caplog.messages and time.monotonic() < deadline:
                tracer.flush(0.1)
                time.sleep(0.01)
            assert (20, 20) == (tracer.stats.finished, tracer.stats.sent)

        assert {f"span {number}" for number in range(20)} == {span["name"] for span in receiver.spans()}
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert 1 == len([line for line in warnings if "not accepted yet" in line])
        assert again in caplog.messages

    def test_what_is_given_up_is_counted_as_expired(self, receiver: Receiver) -> None:
        """If the receiver stays away, the spans are dropped as `expired`, and nothing else happens."""
        receiver.stop()
        with tracing(receiver.settings, retry_timeout=0, flush_interval=0.05) as tracer:
            for number in range(20):
                tracer.start_span(f"span {number}").finish()
            deadline = time.monotonic() + RECOVERY_TIMEOUT_S
            while tracer.stats.dropped["expired"] < 20 and time.monotonic() < deadline:
                tracer.flush(1)
            stats = tracer.stats
        receiver.start()

        assert (20, 0, 20) == (stats.finished, stats.sent, stats.dropped["expired"])
        assert 20 == sum(stats.dropped.values())

    def test_what_is_left_at_the_close_is_counted_as_closed(self, receiver: Receiver) -> None:
        """`close` returns within its timeout, and counts the spans that are left as `closed`."""
        receiver.stop()
        tracer = ZipkinTracer("contract", **receiver.settings)
        for number in range(20):
            tracer.start_span(f"span {number}").finish()
        begin = time.monotonic()
        assert False is tracer.close(0.5).result(MAX_SEND_S)
        assert time.monotonic() - begin < MAX_SEND_S
        tracer.start_span("later").finish()
        deadline = time.monotonic() + 30
        while tracer.stats.dropped["closed"] < 21 and time.monotonic() < deadline:
            time.sleep(0.05)
        receiver.start()

        assert (21, 0, 21) == (tracer.stats.finished, tracer.stats.sent, tracer.stats.dropped["closed"])


class HasAddress:
    """The promises of a sender whose receiver is reached over the network."""

    def test_a_time_out_bounds_a_send_to_a_receiver_that_hangs(self, receiver: Receiver) -> None:
        """`send_timeout` bounds connecting, sending and the answer together; the error is retryable."""
        sender = sender_of(receiver.settings, send_timeout=0.5)
        with receiver.hung():
            begin = time.monotonic()
            error = refused(sender, receiver.message("m"))
            seconds = time.monotonic() - begin
        assert True is error.retryable
        assert seconds < MAX_SEND_S
        sender.close()

    def test_a_connection_that_hangs_is_not_used_again(self, receiver: Receiver) -> None:
        """When the receiver answers again, the same sender goes on, and a late answer counts for no other message."""
        sender = sender_of(receiver.settings, send_timeout=1.0)
        first, second, third = (receiver.message(name) for name in ("first", "second", "third"))
        sender.send(first)
        with receiver.hung():
            assert True is refused(sender, second).retryable
        accepted_at_last(sender, third)
        sender.close()

        assert {first, third} <= set(receiver.received()) <= {first, second, third}


class LimitsSize:
    """The promises of a sender whose receiver refuses long messages."""

    def test_a_message_that_is_too_large_is_told_apart(self, receiver: Limited) -> None:
        """The error says that a retry makes no sense and the size is the reason; the same sender sends shorter messages."""
        sender = sender_of(receiver.settings)
        before, large, after = receiver.message("a"), receiver.message("b", receiver.limit_bytes + 5000), receiver.message("c")
        sender.send(before)
        error = refused(sender, large)
        assert (False, True, True) == (error.retryable, error.divisible, error.too_large)
        sender.send(after)
        sender.close()

        assert [before, after] == receiver.received()

    def test_only_the_span_that_is_too_large_is_lost(self, receiver: Limited) -> None:
        """Its message is divided until the span is alone; then the span is dropped as `too_large`."""
        with tracing(receiver.settings, max_tag_length=1_000_000) as tracer:
            for number in range(30):
                tags = {"text": "x" * (receiver.limit_bytes + 5000)} if number == 17 else {}
                tracer.start_span(f"span {number}", tags=tags).finish()
            assert False is tracer.flush(30)
            stats = tracer.stats

        assert (30, 29, 1) == (stats.finished, stats.sent, stats.dropped["too_large"])
        assert {f"span {number}" for number in range(30) if number != 17} == {span["name"] for span in receiver.spans()}


class HasCredentials:
    """The promises of a sender whose receiver wants a user and a password."""

    def test_credentials_are_shown_nowhere(self, receiver: Guarded, caplog: pytest.LogCaptureFixture) -> None:
        """Neither an error, nor a chained one, a log line or a repr shows a password of the URL or of a setting."""
        refusals = receiver.refusals(SECRET, SECRET_IN_URL)
        assert refusals
        with caplog.at_level(logging.DEBUG):
            for name, settings in refusals.items():
                assert any(one in repr(settings) for one in (SECRET, SECRET_IN_URL)), name
                sender = sender_of(settings)
                error = refused(sender, receiver.message("m"))
                assert error.__cause__ is None is error.__context__
                told = [str(error), repr(error), repr(pickle.loads(pickle.dumps(error)).args), repr(sender)]
                told += traceback.format_exception(error)
                sender.close()
                with tracing(settings, retry_timeout=0) as tracer:
                    tracer.start_span("x").finish()
                    tracer.flush(30)
                    told += [repr(tracer), repr(tracer.stats)]
                    assert (1, 0) == (tracer.stats.finished, tracer.stats.sent), name
                told += [repr((record.getMessage(), record.args, record.exc_text)) for record in caplog.records]
                for one in (SECRET, SECRET_IN_URL):
                    assert [] == [text for text in told if one in text], name
        assert any("zipkin: 1 span is" in line for line in caplog.messages)
