"""Our settings become the Kafka client's settings, and the client's words are made fit to be shown."""

from __future__ import annotations

from typing import Any

import pytest

from opentracing_zipkin.option import check_group
from opentracing_zipkin.options import KafkaOptions
from opentracing_zipkin.senders.broker_url import kafka_url
from opentracing_zipkin.senders.kafka_client import BrokerState, client_configuration

from .certificates import Certificates

SASL = {"sasl.username": "me", "sasl.password": "x y"}


def configured(url: str = "kafka://a", **given: Any) -> dict[str, Any]:
    return client_configuration(kafka_url(url), check_group("test", KafkaOptions, given), given)


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        ("kafka://a,b:1,[::1]", {}, {"bootstrap.servers": "a:9092,b:1,[::1]:9092", "security.protocol": "plaintext"}),
        ("kafka://a", {}, {"acks": "all", "compression.type": "none", "message.timeout.ms": 15_000}),
        ("kafka://a", {"kafka_acks": "0", "kafka_compression": "zstd"}, {"acks": "0", "compression.type": "zstd"}),
        ("kafka://a", {"send_timeout": 0.001}, {"message.timeout.ms": 5_001, "topic.metadata.propagation.max.ms": 1}),
        ("kafka://a", {"kafka_tls": True}, {"security.protocol": "ssl"}),
        ("kafka://me:x%20y@a", {}, {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", **SASL}),
        ("kafka://a", {"auth": ("me", "x y"), "kafka_tls": True}, {"security.protocol": "sasl_ssl", **SASL}),
        ("kafka://other:z@a", {"auth": ("me", "x y"), "kafka_sasl_mechanism": "SCRAM-SHA-512"}, {"sasl.mechanism": "SCRAM-SHA-512", **SASL}),
    ],
)  # fmt: skip
def test_a_setting_is_the_clients(url: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each of our settings becomes the client's setting of the right name."""
    assert expected.items() <= configured(url, **given).items()


def test_certificates_turn_tls_on(certificates: Certificates) -> None:
    """Certificates turn TLS on, and the key may be in the certificate's file."""
    by_bundle = configured(ca_bundle=certificates.authority)
    by_both = configured(client_cert=certificates.client_both)
    by_two = configured(client_cert=certificates.client_cert, client_key=certificates.client_key)

    assert ("ssl", certificates.authority) == (by_bundle["security.protocol"], by_bundle["ssl.ca.location"])
    assert ("ssl", certificates.client_both) == (by_both["security.protocol"], by_both["ssl.key.location"])
    assert (certificates.client_cert, certificates.client_key) == (
        by_two["ssl.certificate.location"],
        by_two["ssl.key.location"],
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
         "Connect to ipv4#127.0.0.1:1 failed: Connection refused"),
        ("sasl_ssl://[::1]:9092/3: SASL: no (after 310ms in state AUTH_REQ, 5 identical error(s) suppressed)", "SASL: no"),
        ("no swordfish,\n\tand no \x1b[31mred", "no ***, and no \\x1b[31mred"),
        ("x" * 600, "x" * 500),
    ],
)  # fmt: skip
def test_the_clients_words_are_made_fit_to_be_shown(words: str, shown: str) -> None:
    """The client's words become one line of limited length, without the broker's name, the client's state and the password."""
    assert shown[:490] == BrokerState(("swordfish",)).shown(words)[:490]
    assert len(BrokerState(()).shown(words)) <= 500
