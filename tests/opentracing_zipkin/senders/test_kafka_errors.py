"""Kafka's error codes, by the names that its client has for them."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from opentracing_zipkin.senders import kafka_errors
from opentracing_zipkin.senders.kafka_errors import send_error

TOO_LARGE, REJECTED, SOON, SELDOM = (False, True, 0.0), (False, False, 0.0), (True, False, 0.0), (True, False, 30.0)

CODES = {
    "MSG_SIZE_TOO_LARGE": (TOO_LARGE, "max.message.bytes"),
    "INVALID_RECORD": (REJECTED, "cleanup.policy"),
    "TOPIC_EXCEPTION": (REJECTED, ""),
    "POLICY_VIOLATION": (REJECTED, ""),
    "INVALID_REQUIRED_ACKS": (REJECTED, ""),
    "_AUTHENTICATION": (SELDOM, "see auth and kafka_sasl_mechanism"),
    "SASL_AUTHENTICATION_FAILED": (SELDOM, "see auth and kafka_sasl_mechanism"),
    "UNSUPPORTED_SASL_MECHANISM": (SELDOM, "see auth and kafka_sasl_mechanism"),
    "ILLEGAL_SASL_STATE": (SELDOM, "see auth and kafka_sasl_mechanism"),
    "_SSL": (SELDOM, "see ca_bundle, client_cert and kafka_tls"),
    "_INVALID_ARG": (SELDOM, "see ca_bundle, client_cert and kafka_tls"),
    "TOPIC_AUTHORIZATION_FAILED": (SELDOM, "let this user write to the topic"),
    "CLUSTER_AUTHORIZATION_FAILED": (SELDOM, "let this user write to this cluster"),
    "UNKNOWN_TOPIC_OR_PART": (SELDOM, "make the topic at the broker"),
    "_UNKNOWN_TOPIC": (SELDOM, "make the topic at the broker"),
    "LEADER_NOT_AVAILABLE": (SOON, "whether the brokers with its replicas run"),
    "NOT_ENOUGH_REPLICAS": (SOON, "min.insync.replicas"),
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": (SOON, "min.insync.replicas"),
    "NOT_LEADER_FOR_PARTITION": (SOON, ""),
    "REQUEST_TIMED_OUT": (SOON, ""),
    "_MSG_TIMED_OUT": (SOON, ""),
    "_TRANSPORT": (SOON, ""),
    "_RESOLVE": (SOON, ""),
    "NO_ERROR": (SOON, ""),
}


@pytest.mark.parametrize(("name", "fate", "remedy"), [(name, *row) for name, row in CODES.items()], ids=CODES)
def test_a_code_decides_what_becomes_of_the_message(name: str, fate: tuple[bool, bool, float], remedy: str) -> None:
    """A code decides whether a message is tried again soon or seldom, rejected or divided, and has its remedy."""
    error = send_error(getattr(KafkaError, name), "reason")

    assert fate == (error.retryable, error.too_large, error.retry_after)
    reason, mark, told = str(error).partition("; ")
    assert ("reason", bool(remedy)) == (reason, bool(mark))
    assert remedy in told


def test_the_codes_are_the_clients() -> None:
    """Our numbers are the library's codes; they are numbers, because with a given producer the library may be missing."""
    assert KafkaError._ALL_BROKERS_DOWN == kafka_errors.ALL_BROKERS_DOWN
    assert KafkaError.LEADER_NOT_AVAILABLE == kafka_errors.LEADER_NOT_AVAILABLE
    assert KafkaError._SSL == kafka_errors.SSL
    assert "RECORD_LIST_TOO_LARGE" == KafkaError(18).name()
    assert "UNSUPPORTED_COMPRESSION_TYPE" == KafkaError(76).name()
