"""The doctor before real brokers, with a real Zipkin server that reads from both."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .kafka_topics import KafkaBroker
from .rabbitmq_queues import RabbitmqBroker
from .test_doctor import doctor
from .zipkin_server import ZipkinServer


def endpoint_of(kind: str, kafka: KafkaBroker, rabbitmq: RabbitmqBroker, name: str) -> str:
    return f"kafka://{kafka.address}/{name}" if kind == "kafka" else rabbitmq.endpoint(name)


@pytest.mark.parametrize("encoding", ["json", "proto3"])
@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_probes_are_found_behind_a_broker(
    kafka: KafkaBroker, rabbitmq: RabbitmqBroker, reading_zipkin: ZipkinServer, kind: str, encoding: str
) -> None:
    """The probes are found, and the empty list that comes before them does the server no harm."""
    endpoint = endpoint_of(kind, kafka, rabbitmq, "zipkin")
    status, found = doctor(endpoint, "--zipkin", reading_zipkin.url, ZIPKIN_ENCODING=encoding)

    assert (0, ["taken", "found", "ids-apart"]) == (status, list(found))


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_a_server_that_reads_from_elsewhere_is_told(
    kafka: KafkaBroker, rabbitmq: RabbitmqBroker, reading_zipkin: ZipkinServer, kind: str
) -> None:
    """If the server reads another topic or queue, the broker takes the probes, and the finding is that nobody reads them."""
    name = f"other-{uuid4().hex[:8]}"
    kafka.make_topic(name)
    status, found = doctor(endpoint_of(kind, kafka, rabbitmq, name), "--zipkin", reading_zipkin.url)

    assert (1, ["taken", "not-read"]) == (status, list(found))


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_wrong_credentials_are_told_and_not_shown(kafka: KafkaBroker, rabbitmq: RabbitmqBroker, kind: str) -> None:
    """A broker that cannot be used is a fault, which has the broker's words."""
    kafkas, rabbits = kafka.address_of("PASSWORDS"), rabbitmq.address
    endpoint = f"kafka://me:hunter22@{kafkas}/spans" if kind == "kafka" else f"amqp://me:hunter22@{rabbits}"
    status, found = doctor(endpoint, ZIPKIN_SEND_TIMEOUT="5")
    [text] = found.values()

    assert (1, {"not-taken": "kafka", "refused-by-broker": "rabbitmq"}[next(iter(found))]) == (status, kind)
    assert "uthentication" in text
    assert "hunter22" not in text
