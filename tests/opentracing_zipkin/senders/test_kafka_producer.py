"""Kafka through a producer of the application's: used, and otherwise left alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.kafka import KafkaSender

from ...contract.sender_contract import in_a_child
from .mock_kafka import MockKafka
from .test_kafka import refusal


class FakeProducer:
    """A producer that reports the next of `answers` when it is polled: an error, None for success, or nothing."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.produced: list[tuple[str, bytes | None]] = []
        self.others: list[str] = []
        self._waiting: list[Callable[[Any, Any], object]] = []

    def produce(self, topic: str, value: Any = None, *, on_delivery: Any = None) -> None:
        self.produced.append((topic, value))
        self._waiting.append(on_delivery)

    def poll(self, timeout: float = 0.0) -> int:
        if not self._waiting or not self.answers:
            return 0
        self._waiting.pop(0)(self.answers.pop(0), None)
        return 1

    def purge(self) -> None:
        self.others.append("purge")

    def close(self) -> None:
        self.others.append("close")

    def flush(self) -> None:
        self.others.append("flush")


def test_a_producer_of_the_applications_is_used_and_never_closed() -> None:
    """The application's producer is never closed, flushed or purged, because it may hold other messages."""
    producer = FakeProducer(None, KafkaError(-195), None)
    sender = KafkaSender(producer=producer, topic="spans")
    sender.send(b"[1]")
    refusal(sender, b"[2]")
    sender.close()
    sender.send(b"[3]")

    assert [("spans", b"[1]"), ("spans", b"[2]"), ("spans", b"[3]")] == producer.produced
    assert [] == producer.others
    assert "KafkaSender('topic spans')" == repr(sender)


def test_a_real_producer_is_taken(kafka: MockKafka) -> None:
    """A real producer can be given, whatever its settings are."""
    producer = Producer({"bootstrap.servers": kafka.address, "linger.ms": 0})
    sender = KafkaSender(producer=producer, topic="given")
    sender.send(b"[]")
    sender.close()

    assert [b"[]"] == kafka.values("given", 1)
    assert 0 == producer.flush(5)


def test_a_message_that_was_left_to_the_producer_is_not_given_to_it_twice() -> None:
    """After a timeout a retry of the same bytes waits for the first report, because the producer still has the message."""
    producer = FakeProducer()
    sender = KafkaSender(producer=producer, send_timeout=0.02)
    error = refusal(sender, b"[1]")
    refusal(sender, b"[1]")
    producer.answers = [None]
    sender.send(b"[1]")
    producer.answers = [None]
    sender.send(b"[1]")

    assert "topic zipkin: not acknowledged within 0.02 s" == str(error)
    assert True is error.retryable
    assert 2 == len(producer.produced)


def test_another_message_does_not_wait_for_the_first() -> None:
    """A late report of an earlier message does not count for a new one."""
    producer = FakeProducer()
    sender = KafkaSender(producer=producer, send_timeout=0.02)
    refusal(sender, b"[1]")
    producer.answers = [None]
    refusal(sender, b"[2]")

    assert [b"[1]", b"[2]"] == [body for _, body in producer.produced]


def test_a_function_makes_a_producer_for_the_sender_alone(kafka: MockKafka) -> None:
    """The function is called at the first message, after a failure, after closing and in a forked process."""
    made: list[int] = []

    def make() -> Any:
        made.append(os.getpid())
        return FakeProducer(KafkaError(-195) if len(made) == 1 else None)

    sender = KafkaSender(producer=make)
    assert [] == made
    refusal(sender)
    sender.send(b"[1]")
    sender.close()
    sender.send(b"[2]")

    def be_child() -> None:
        sender.renew_after_fork()
        sender.send(b"[3]")
        assert os.getpid() == made[-1]

    assert "" == in_a_child(be_child)
    assert [os.getpid()] * 3 == made


def test_a_producer_is_not_used_in_a_forked_process() -> None:
    """In a forked process a given producer has no threads, so spans are rejected at once, with the remedy."""
    producer = FakeProducer(None, None)
    sender = KafkaSender(producer=producer)
    sender.send(b"[1]")
    sender.renew_after_fork()
    error = refusal(sender, b"[2]")
    sender.close()

    assert False is error.retryable
    assert "give a function that makes one" in str(error)
    assert [b"[1]"] == [body for _, body in producer.produced]


@pytest.mark.parametrize(
    ("raised", "told", "retryable"),
    [
        (BufferError("Local: Queue full"), "topic zipkin: BufferError: Local: Queue full", True),
        (KafkaException(KafkaError(17)), "topic zipkin: Broker: Invalid topic", False),
        (RuntimeError("Producer has been closed"), "topic zipkin: RuntimeError: Producer has been closed", True),
    ],
)
def test_an_exception_of_the_producers_is_told(raised: Exception, told: str, retryable: bool) -> None:
    """An exception of the producer becomes a SendError without a chain."""

    class Raising(FakeProducer):
        def produce(self, *arguments: Any, **named: Any) -> None:
            raise raised

    error = refusal(KafkaSender(producer=Raising()))

    assert (told, retryable) == (str(error), error.retryable)


def test_an_interruption_passes_and_gives_the_client_up() -> None:
    """An interruption leaves `send`, and the client is thrown away, so that it delivers nothing later."""
    made: list[FakeProducer] = []

    class Interrupted(FakeProducer):
        def poll(self, timeout: float = 0.0) -> int:
            raise KeyboardInterrupt

    def make() -> FakeProducer:
        made.append(FakeProducer(None) if made else Interrupted())
        return made[-1]

    sender = KafkaSender(producer=make)
    with pytest.raises(KeyboardInterrupt):
        sender.send(b"[1]")
    sender.send(b"[1]")

    assert ["purge"] == made[0].others
    assert 2 == len(made)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"endpoint": "kafka://a"}, "endpoint is given beside producer, which has its own; leave out one of them"),
        ({"kafka_acks": "1"}, "kafka_acks is given beside producer, which has its own; leave out one of them"),
        ({"auth": ("me", "swordfish")}, "auth is given beside producer, which has its own; leave out one of them"),
        ({"producer": 5}, "producer is of type int; use a confluent_kafka.Producer, or a function that makes one"),
        ({"topic": ""}, "topic is ''; use the topic that the Zipkin server reads, for instance 'zipkin'"),
    ],
)
def test_a_wrong_setting_beside_a_producer_is_told(given: dict[str, Any], told: str) -> None:
    """A setting beside a producer raises in the constructor, because the producer has its own settings."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared
        KafkaSender(**{"producer": FakeProducer(), **given})

    assert told == str(caught.value)


def test_an_own_time_out_may_stand_beside_a_producer() -> None:
    """`send_timeout` may be given beside a producer, because the sender itself waits."""
    sender = KafkaSender(producer=FakeProducer(), send_timeout=0.05)

    assert isinstance(refusal(sender), SendError)
