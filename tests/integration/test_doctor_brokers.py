"""The doctor before real brokers, with a real Zipkin server that reads from both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import pytest

from .kafka_topics import KafkaBroker
from .rabbitmq_queues import RabbitmqBroker
from .test_doctor import doctor
from .zipkin_server import ZipkinServer


class Reading(NamedTuple):
    """A server, and the name of the topic and of the queue that it reads."""

    url: str
    name: str


@pytest.fixture(scope="module")
def reading(kafka: KafkaBroker, rabbitmq: RabbitmqBroker) -> Iterator[Reading]:
    """From a topic and a queue of its own."""
    name = f"doctor-{uuid4().hex[:8]}"
    kafka.make_topic(name)
    settings = {
        **kafka.zipkin_settings,
        **rabbitmq.zipkin_settings,
        "KAFKA_TOPIC": name,
        "RABBIT_QUEUE": name,
    }
    with ZipkinServer(settings=settings) as server:
        yield Reading(server.url, name)


def endpoint_of(kind: str, kafka: KafkaBroker, rabbitmq: RabbitmqBroker, name: str) -> str:
    return f"kafka://{kafka.address}/{name}" if kind == "kafka" else rabbitmq.endpoint(name)


@pytest.mark.parametrize("encoding", ["json", "proto3"])
@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_probes_are_found_behind_a_broker(
    kafka: KafkaBroker, rabbitmq: RabbitmqBroker, reading: Reading, kind: str, encoding: str
) -> None:
    """An empty list, which comes first, does the server no harm."""
    endpoint = endpoint_of(kind, kafka, rabbitmq, reading.name)
    status, found = doctor(endpoint, "--zipkin", reading.url, ZIPKIN_ENCODING=encoding)

    assert (0, ["taken", "found", "ids-apart"]) == (status, list(found))


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_a_server_that_reads_from_elsewhere_is_told(
    kafka: KafkaBroker, rabbitmq: RabbitmqBroker, reading: Reading, kind: str
) -> None:
    """The broker has taken the probes, under another name."""
    name = f"other-{uuid4().hex[:8]}"
    kafka.make_topic(name)
    status, found = doctor(endpoint_of(kind, kafka, rabbitmq, name), "--zipkin", reading.url)

    assert (1, ["taken", "not-read"]) == (status, list(found))


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_wrong_credentials_are_told_and_not_shown(kafka: KafkaBroker, rabbitmq: RabbitmqBroker, kind: str) -> None:
    """With the broker's words."""
    kafkas, rabbits = kafka.address_of("PASSWORDS"), rabbitmq.address
    endpoint = f"kafka://me:hunter22@{kafkas}/spans" if kind == "kafka" else f"amqp://me:hunter22@{rabbits}"
    status, found = doctor(endpoint, ZIPKIN_SEND_TIMEOUT="5")
    [text] = found.values()

    assert (1, {"not-taken": "kafka", "refused-by-broker": "rabbitmq"}[next(iter(found))]) == (status, kind)
    assert "uthentication" in text
    assert "hunter22" not in text
