"""Kafka without Java: the mock cluster inside librdkafka, which speaks the real protocol on loopback.

Source: librdkafka 2.16, CONFIGURATION.md, `test.mock.num.brokers`; the client that asks for it hosts it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition

__all__ = ["MockKafka"]


class MockKafka:
    """Brokers that live as long as this object, and make a topic at its first use."""

    def __init__(self) -> None:
        self._log: list[str] = []
        self._host = Producer({"test.mock.num.brokers": 1}, logger=self)
        self._host.poll(0)
        [self.address] = re.findall(r"replaced with (\S+)", " ".join(self._log))

    def log(self, level: int, line: str, *arguments: object) -> None:
        self._log.append(line % arguments)

    def messages(self, topic: str, count: int) -> Sequence[Message]:
        """Up to so many messages of the topic, those that come within 10 s."""
        settings: dict[str, Any] = {"bootstrap.servers": self.address, "group.id": uuid.uuid4().hex}
        consumer = Consumer(settings, logger=self)
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            return consumer.consume(count, timeout=10)
        finally:
            consumer.close()

    def values(self, topic: str, count: int) -> Sequence[bytes | None]:
        return [message.value() for message in self.messages(topic, count)]
