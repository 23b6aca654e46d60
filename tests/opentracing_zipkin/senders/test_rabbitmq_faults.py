"""The RabbitMQ sender before brokers that hang, trickle, close and come back; and in processes that fork, patch and end."""

from __future__ import annotations

import datetime
import os
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count

import freezegun
import pytest
import pytest_socket
import time_machine
from pika import frame, spec

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender

from ...ports import free_port
from .certificates import Certificates
from .raw_broker import ANSWERS, Answer, Talk, raw_broker
from .test_rabbitmq import failure, refusing

DEADLINE_S = 0.5
AT_MOST_S = 3.0  # enough for a slow machine

# Each method for whose answer the client waits, and our words if no answer comes.
WAITS = {
    "greeting": "the broker did not answer the login in time",
    "Connection.StartOk": "the broker did not answer the login in time",
    "Connection.Open": "the broker did not open the virtual host in time",
    "Channel.Open": "the broker did not find the queue in time",
    "Queue.Declare": "the broker did not find the queue in time",
    "Confirm.Select": "the broker did not find the queue in time",
    "Basic.Publish": "the broker did not confirm the message in time",
}


def silence(talk: Talk) -> None:
    """Say nothing until the client goes."""
    with suppress(OSError):
        while talk.connection.recv(65536):
            pass


def heartbeats_without_end(talk: Talk) -> None:
    while True:
        talk.connection.sendall(frame.Heartbeat().marshal())
        time.sleep(0.02)


def frame_that_trickles(talk: Talk) -> None:
    for byte in frame.Method(1, spec.Basic.Return(0, "x" * 200, "", "")).marshal():
        talk.connection.sendall(bytes([byte]))
        time.sleep(0.02)


def close(talk: Talk) -> None:
    talk.connection.shutdown(socket.SHUT_RDWR)


def left_after(after: str, answer: Answer) -> tuple[str, bool, float]:
    """The error of a message, and the seconds until it came."""
    with raw_broker({after: answer}) as broker:
        start = time.monotonic()
        error = failure(broker.url, send_timeout=DEADLINE_S)
        return str(error).partition("zipkin: ")[2], error.retryable, time.monotonic() - start


@pytest.mark.parametrize("answer", [silence, heartbeats_without_end, frame_that_trickles])
def test_a_broker_that_does_not_answer_is_left_at_the_deadline(answer: Answer) -> None:
    """The timeout bounds a whole message, from the connection to the confirm, and a retry makes sense."""
    with ThreadPoolExecutor(len(WAITS)) as pool:  # together, because each waits
        found = list(pool.map(left_after, WAITS, [answer] * len(WAITS)))

    assert [(words, True) for words in WAITS.values()] == [(words, retryable) for words, retryable, _ in found]
    assert DEADLINE_S * 0.9 < min(took for _, _, took in found)
    assert min(took for _, _, took in found) < AT_MOST_S


def test_a_handshake_of_tls_that_trickles_is_left_at_the_deadline() -> None:
    """A TLS record that comes byte by byte ends at the deadline."""

    def trickle(talk: Talk) -> None:
        for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
            talk.connection.sendall(bytes([byte]))
            time.sleep(0.02)

    with raw_broker({"greeting": trickle}) as broker:
        start = time.monotonic()
        error = failure(broker.url.replace("amqp:", "amqps:"), send_timeout=DEADLINE_S)
        took = time.monotonic() - start

    assert str(error).endswith("the broker was not reached in time")
    assert took < AT_MOST_S


def test_a_flood_of_frames_on_an_idle_connection_holds_nobody() -> None:
    """After a flood of frames on an idle connection, the next message uses a new connection."""
    flooded: list[bool] = []

    def confirm_and_flood(talk: Talk) -> None:
        talk.say(spec.Basic.Ack(talk.tag))
        while not flooded:
            talk.connection.sendall(frame.Heartbeat().marshal() * 10_000)

    with raw_broker({"Basic.Publish": confirm_and_flood}) as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[0]")
        time.sleep(0.05)
        sender.send(b"[1]")
        flooded.append(True)
        sender.close()

    assert 2 == len(broker.connections)


@pytest.mark.parametrize("after", WAITS)
def test_a_broker_that_closes_without_a_word_may_come_back(after: str) -> None:
    """A broker that closes at any moment of the conversation causes a failure that allows a retry."""
    with raw_broker({after: close}) as broker:
        error = failure(broker.url)

    assert "the broker has closed the connection" in str(error) or "ConnectionReset" in str(error)
    assert True is error.retryable


def test_a_port_for_tls_is_guessed_where_the_broker_closes_at_once() -> None:
    """A port for TLS cannot read our greeting and closes, so the error suggests amqps://."""
    with raw_broker({"greeting": close}) as broker:
        error = failure(broker.url)

    assert str(error).endswith("; a port for TLS needs amqps://")


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\x00\x01\x00\x00", b"\x01\x00\x00\xff\xff\xff\xff", b"SSH-2.0-OpenSSH_9.2\r\n"],
)
def test_a_server_of_another_kind_is_shown_as_such(said: bytes) -> None:
    """The error shows only the beginning of the answer of a server that does not speak AMQP."""

    def say(talk: Talk) -> None:
        talk.connection.sendall(said)
        silence(talk)

    with raw_broker({"greeting": say}) as broker:
        error = failure(broker.url)

    assert "it does not speak AMQP 0-9-1" in str(error)
    assert True is error.retryable


@pytest.mark.parametrize("seed", range(12))
def test_a_spoiled_frame_is_a_failure_that_may_pass(seed: int) -> None:
    """Whatever bytes come in place of an answer, `send` raises SendError, or a whole answer was left among them."""
    dice = random.Random(seed)
    after = dice.choice(list(WAITS))

    def spoil(talk: Talk) -> None:
        record: list[bytes] = []
        original, talk.connection = talk.connection, Recording(talk.connection, record)  # type: ignore[assignment]
        ANSWERS[after](talk)
        talk.connection = original
        data = bytearray(b"".join(record))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        original.sendall(bytes(data))

    with raw_broker({after: spoil}) as broker:
        sender = RabbitmqSender(broker.url, send_timeout=0.1)
        with suppress(SendError):
            sender.send(b"[]")
        sender.close()

    assert 1 <= len(broker.connections)


class Recording:
    """A connection that keeps the bytes that would be sent."""

    def __init__(self, connection: socket.socket, record: list[bytes]) -> None:
        self.sendall = record.append


def test_a_broker_that_is_away_may_come_back() -> None:
    """A refused connection allows a retry, and the error has the system's words."""
    error = failure(f"amqp://127.0.0.1:{free_port()}")

    assert "Connection refused" in str(error)
    assert True is error.retryable


# Connections that were kept


@pytest.mark.parametrize(
    "end",
    [close, refusing(320, "CONNECTION_FORCED - shutdown"), lambda talk: talk.connection.sendall(b"?" * 20)],
    ids=["closed", "shut down", "out of step"],
)
def test_a_connection_that_the_broker_has_closed_is_made_anew_within_the_message(end: Answer) -> None:
    """A connection that the broker has closed is replaced within `send`, and the message is sent once."""

    def confirm_and_end(talk: Talk) -> None:
        talk.say(spec.Basic.Ack(talk.tag))
        end(talk)

    with raw_broker({"Basic.Publish": confirm_and_end}) as broker:
        sender = RabbitmqSender(broker.url)
        for number in range(3):
            sender.send(b"[%d]" % number)
            time.sleep(0.05)
        sender.close()

    assert [b"[0]", b"[1]", b"[2]"] == [message.body for message in broker.messages]
    assert 3 == len(broker.connections)


def test_a_connection_that_ends_under_a_message_is_made_anew_once() -> None:
    """A connection that ends under a message, as behind a load balancer, is replaced once; if the new one ends, too, `send` fails."""
    numbers = count()

    def end_from_the_second_on(talk: Talk) -> None:
        if next(numbers) in (1, 3, 4):
            close(talk)
        else:
            talk.say(spec.Basic.Ack(talk.tag))

    with raw_broker({"Basic.Publish": end_from_the_second_on}) as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[0]")
        sender.send(b"[1]")
        with pytest.raises(SendError) as caught:
            sender.send(b"[2]")
        sender.close()

    assert True is caught.value.retryable
    assert [b"[0]", b"[1]", b"[1]", b"[2]", b"[2]"] == [message.body for message in broker.messages]


def test_a_queue_that_was_deleted_is_declared_again_within_the_message() -> None:
    """If a message comes back, `send` opens a new connection, which declares the queue."""
    numbers = count()

    def give_back_once(talk: Talk) -> None:
        if next(numbers) == 1:
            talk.say(spec.Basic.Return(312, "NO_ROUTE", "", "zipkin"))
        talk.say(spec.Basic.Ack(talk.tag))

    with raw_broker({"Basic.Publish": give_back_once}) as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[0]")
        sender.send(b"[1]")
        sender.close()

    assert [b"[0]", b"[1]", b"[1]"] == [message.body for message in broker.messages]
    assert 2 == broker.said().count("Queue.Declare")


def test_the_answer_to_an_earlier_message_is_not_taken_for_that_of_a_later_one() -> None:
    """A connection with an unconfirmed message is not used for another message."""
    with raw_broker({"Basic.Publish": lambda talk: talk.tag > 1 and talk.say(spec.Basic.Ack(1))}) as broker:  # type: ignore[dict-item]
        sender = RabbitmqSender(broker.url, send_timeout=DEADLINE_S)
        for body in (b"[0]", b"[1]"):
            with pytest.raises(SendError, match="did not confirm"):
                sender.send(body)
        sender.close()

    assert 2 == len(broker.connections)


# A broker with an alarm


def block(talk: Talk) -> None:
    talk.say(spec.Connection.Blocked("low on memory"), channel=0)


def test_a_broker_with_an_alarm_is_waited_for_and_gets_the_message_once() -> None:
    """A broker with an alarm gets a message once: further copies would all be accepted when the alarm ends."""
    talks: list[Talk] = []

    def block_first(talk: Talk) -> None:
        talks.append(talk)
        if talk.tag > 1:
            talk.say(spec.Basic.Ack(talk.tag))
        else:
            block(talk)

    with raw_broker({"Basic.Publish": block_first}) as broker:
        sender = RabbitmqSender(broker.url, send_timeout=DEADLINE_S)
        for _ in range(2):
            with pytest.raises(SendError, match=r"takes no messages for now \(connection.blocked: low on memory\)") as caught:
                sender.send(b"[0]")
        talks[0].say(spec.Connection.Unblocked(), channel=0)
        talks[0].say(spec.Basic.Ack(1), channel=1)
        sender.send(b"[0]")
        sender.send(b"[1]")
        sender.close()

    assert True is caught.value.retryable
    assert [b"[0]", b"[1]"] == [message.body for message in broker.messages]
    assert 1 == len(broker.connections)


def test_another_message_does_not_wait_behind_one_that_a_broker_has_half_taken() -> None:
    """Another message uses a new connection, and the one with the abandoned message is closed."""
    numbers = count()
    with raw_broker(
        {"Basic.Publish": lambda talk: talk.say(spec.Basic.Ack(talk.tag)) if next(numbers) else block(talk)}
    ) as broker:
        sender = RabbitmqSender(broker.url, send_timeout=DEADLINE_S)
        with pytest.raises(SendError, match="low on memory"):
            sender.send(b"[0]")
        sender.send(b"[1]")
        sender.close()

    assert 2 == len(broker.connections)


@pytest.mark.parametrize("tls", [False, True])
def test_a_message_that_is_half_sent_goes_on_where_it_was(certificates: Certificates, tls: bool) -> None:
    """If a broker with an alarm stops reading in the middle of a message, the next try sends only the rest."""
    body = b"[" + b"x" * 12_000_000 + b"]"
    goes_on: list[bool] = []

    def stop_reading(talk: Talk) -> None:
        talk.say(spec.Confirm.SelectOk())
        block(talk)
        while not goes_on:
            time.sleep(0.01)
        talk.say(spec.Connection.Unblocked(), channel=0)

    with raw_broker({"Confirm.Select": stop_reading}, certificates.server if tls else None) as broker:
        url = broker.url.replace("amqp:", "amqps:") if tls else broker.url
        sender = RabbitmqSender(url, send_timeout=0.5, ca_bundle=certificates.authority)
        with pytest.raises(SendError, match="low on memory"):
            sender.send(body)
        goes_on.append(True)
        for _ in range(20):  # a busy machine may need more than one deadline for so much
            with suppress(SendError):
                sender.send(body)
                break
        sender.close()

    assert [True] == [body == message.body for message in broker.messages]


# Several brokers


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        ("greeting", silence),
        ("greeting", close),
        ("Basic.Publish", close),
        ("Basic.Publish", block),
        ("Basic.Publish", refusing(320, "CONNECTION_FORCED")),
    ],
)
def test_the_next_broker_is_tried_where_one_fails(after: str, fault: Answer) -> None:
    """A message goes to the next broker if one fails, and the broker that took the last message is asked first."""
    with raw_broker({after: fault}) as bad, raw_broker() as good:
        sender = RabbitmqSender([bad.url, f"{good.url}?queue=other"], send_timeout=DEADLINE_S)
        sender.send(b"[0]")
        sender.send(b"[1]")
        sender.close()

    assert 1 == len(bad.connections)
    assert [b"[0]", b"[1]"] == [message.body for message in good.messages]
    assert {"other"} == {message.publish.routing_key for message in good.messages}


def test_a_message_that_one_broker_refuses_for_good_is_not_shown_to_the_next() -> None:
    """A refusal for good, for instance of a password, is raised, although another broker would take the message."""
    with raw_broker({"Connection.StartOk": refusing(403, "ACCESS_REFUSED")}) as bad, raw_broker() as good:
        error = failure([bad.url, good.url])  # type: ignore[arg-type]

    assert False is error.retryable
    assert [] == good.messages


# Ends


def test_while_the_process_ends_all_brokers_together_take_no_longer_than_the_limit() -> None:
    """With a limit, all brokers together take no longer than it, whatever `send_timeout` is."""
    with raw_broker({"greeting": silence}) as one, raw_broker({"Basic.Publish": silence}) as other:
        sender = RabbitmqSender([one.url, other.url], send_timeout=60)
        sender.limit(DEADLINE_S)
        sender.limit(50)
        start = time.monotonic()
        with pytest.raises(SendError):
            sender.send(b"[]")
        took = time.monotonic() - start
        sender.close()

    assert took < AT_MOST_S


def test_a_farewell_that_is_not_answered_is_not_waited_for() -> None:
    """The answer to a farewell is waited for half a second at most."""
    with raw_broker({"Connection.Close": silence}) as broker:
        sender = RabbitmqSender(broker.url, send_timeout=60)
        sender.send(b"[]")
        start = time.monotonic()
        sender.close()
        took = time.monotonic() - start

    assert took < AT_MOST_S


def test_a_closed_sender_may_be_used_again() -> None:
    """A closed sender opens a new connection at the next message."""
    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        for _ in range(2):
            sender.send(b"[]")
            sender.close()
        sender.close()

    assert 2 == len(broker.messages) == len(broker.connections)


def test_an_interruption_leaves_no_connection_with_half_a_message() -> None:
    """SystemExit, a cancellation or gevent's Timeout passes through `send`, and the connection is closed."""

    class Interruption(BaseException):
        pass

    def interrupt() -> None:
        raise Interruption

    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[0]")
        assert sender._publisher is not None
        sender._publisher._stream.receive = interrupt  # type: ignore[method-assign]
        with pytest.raises(Interruption):
            sender.send(b"[1]")
        sender.send(b"[2]")
        sender.close()

    assert 2 == len(broker.connections)


def test_a_forked_child_says_nothing_on_its_parents_connection() -> None:
    """A forked child closes its descriptor without a word, and opens a connection of its own."""
    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[0]")
        child = os.fork()
        if not child:
            try:
                sender.renew_after_fork()
                sender.send(b"[1]")
                sender.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        said = broker.said()
        sender.send(b"[2]")
        sender.close()

    assert [b"[0]", b"[1]", b"[2]"] == [message.body for message in broker.messages]
    assert 1 == said.count("Connection.Close")
    assert 2 == len(broker.connections)


def test_a_process_that_is_forked_during_the_login_inherits_no_connection() -> None:
    """A process that is forked during the login closes its copy of the connection, which would otherwise stay open with it."""
    with raw_broker({"Connection.StartOk": silence}) as broker:
        sender = RabbitmqSender(broker.url, send_timeout=1)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(sender.send, b"[]")
            broker.await_said("Connection.StartOk")
            child = os.fork()
            if not child:
                before = os.listdir("/proc/self/fd")
                sender.renew_after_fork()
                os._exit(len(before) - len(os.listdir("/proc/self/fd")))
            _, status = os.waitpid(child, 0)
            assert isinstance(sending.exception(), SendError)

    assert 1 == os.waitstatus_to_exitcode(status)


THEN = datetime.datetime(2012, 1, 14, tzinfo=datetime.timezone.utc)
FROZEN = {
    "freezegun": lambda: freezegun.freeze_time(THEN),
    "time-machine": lambda: time_machine.travel(THEN, tick=False),
}


@pytest.mark.parametrize("tool", FROZEN)
def test_the_deadline_holds_while_an_applications_test_has_frozen_time(tool: str) -> None:
    """Only our own clock is read, so a frozen time changes neither the deadline nor the message."""
    with raw_broker() as good, raw_broker({"Basic.Publish": silence}) as bad:
        taken, left = RabbitmqSender(good.url), RabbitmqSender(bad.url, send_timeout=DEADLINE_S)
        with FROZEN[tool]():
            taken.send(b"[]")
            with pytest.raises(SendError, match="did not confirm the message in time"):
                left.send(b"[]")
        taken.close()
        left.close()

    assert 1 == len(good.messages)


def test_sockets_that_an_applications_test_has_blocked_are_a_failure_that_may_pass() -> None:
    """An exception of pytest-socket, which is no OSError, becomes a failure that allows a retry."""
    pytest_socket.disable_socket()
    try:
        error = failure("amqp://127.0.0.1:1")
    finally:
        pytest_socket.enable_socket()

    assert True is error.retryable


PROGRAM = """
import sys
patch, port = sys.argv[1:]
if patch == "first":
    from gevent import monkey
    monkey.patch_all()
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", endpoint=f"amqp://127.0.0.1:{port}", flush_interval=0.01)
tracer.start_trace("before").finish()
if patch == "later":
    tracer.flush()
    from gevent import monkey
    monkey.patch_all()
tracer.start_trace("after").finish()
"""


@pytest.mark.parametrize("patch", ["never", "first", "later"])
def test_spans_that_wait_when_the_interpreter_ends_are_sent(patch: str) -> None:
    """Spans are sent while the interpreter ends, without a new thread, also in a greenlet."""
    with raw_broker() as broker:
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, patch, str(broker.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        deadline = time.monotonic() + 10
        while broker.said().count("Connection.Close") < len(broker.connections) and time.monotonic() < deadline:
            time.sleep(0.01)
    sent = b"".join(message.body for message in broker.messages)

    assert (0, "") == (done.returncode, done.stderr)
    assert (1, 1) == (sent.count(b'"before"'), sent.count(b'"after"'))
    assert len(broker.connections) == broker.said().count("Connection.Close")


def test_threads_are_started_by_nobody() -> None:
    """The sender starts no thread, because an ending interpreter refuses it."""
    code = """
import sys, threading
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender
started = []
threading.Thread.start = lambda self: started.append(self)
sender = RabbitmqSender(f"amqp://localhost:{sys.argv[1]}")
sender.send(b"[]")
sender.close()
print(started)
"""
    with raw_broker() as broker:
        command = [sys.executable, "-c", code, str(broker.port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ("[]\n", "") == (done.stdout, done.stderr)
    assert 1 == len(broker.messages)
