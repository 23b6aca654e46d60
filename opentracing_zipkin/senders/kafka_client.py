"""Kafka's client, librdkafka: how it is set up, and its words about its brokers.

Rules: the client tells at a message only that its time is over; why, it tells apart, to `error_cb` and to its log.  Both come
here: the one is kept for the error of the message, the other goes to our log at DEBUG.  Nothing is written to stderr.  Neither
user nor password is in the client's words, so far as we know; they are searched for the password all the same.
Source: librdkafka 2.16, CONFIGURATION.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from ..clock import monotonic
from ..log import log
from ..option import WrongSetting
from .broker_url import KafkaUrl
from .checks import check_readable, checked_auth, checked_cert, checked_file
from .credentials import line_without
from .kafka_errors import ALL_BROKERS_DOWN, SSL

__all__ = ["Producer", "Watch", "checked_configuration", "make_client"]

# More than one message ever waits for; ours is over earlier.
MARGIN_MS = 5_000
# A leader that has moved is found within these; other failures are the reporter's to repeat.
RETRIES = 3
OTHER_ADDRESSES_S = 0.5  # in which the client connects several times

# "sasl_ssl://one:9092/bootstrap: ", "(after 3ms in state CONNECT, 2 identical error(s) suppressed)"
_BROKER = r"^(?:\w+://)?[^\s/]+/(?:bootstrap|\d+): "
_FAILURE = r"FAIL \[[^\]]*\] \[thrd:.*?\]: "  # and then as in a fault
_STATE = r"\s*\(after \d+ms in state .*$"

_LISTENER = "; perhaps the broker's listener wants TLS or a password: see kafka_tls and auth"


class Producer(Protocol):
    """A confluent_kafka.Producer, as much of it as we call."""

    def produce(self, topic: str, value: Any = None, *, on_delivery: Any = None) -> Any: ...

    def poll(self, timeout: float = ...) -> Any: ...


class Watch:
    """The client's words since it was made; called by the client, while it is polled."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._has_sent = False
        self._code = 0
        self._fault = ""
        self._failure = ""  # in the client's log only
        self._down_since_s: float | None = None

    def fail(self, error: Any) -> None:
        """A fault of a broker's, or of the way to it."""
        if error.code() == ALL_BROKERS_DOWN:
            self._down_since_s = monotonic()
            return
        self._fault = self.shown(error.str())
        # The client knows a broker that ends the handshake as one that ends a connection.
        self._code = SSL if "SSL" in self._fault else error.code()

    def log(self, level: int, line: str, *arguments: object) -> None:
        """A line of the client's log, whatever level it has there."""
        line = line % arguments if arguments else line
        failure = re.match(_FAILURE, line)
        if failure:
            self._failure = self.shown(line[failure.end() :])
        with suppress(Exception):  # of a log handler of the application's
            log.debug("zipkin: the Kafka client: %s", self.shown(line))

    def recover(self) -> None:
        """What has failed before counts no more."""
        self._has_sent = True
        self._code, self._fault, self._failure, self._down_since_s = 0, "", "", None

    @property
    def has_lost_all(self) -> bool:
        """Whether the connections to all brokers have failed since the last message."""
        return self._down_since_s is not None

    def is_down(self) -> bool:
        """Whether no broker can be reached, at any of its addresses.

        The client says so at the first address of the last broker, and then tries others, as IPv4 where `localhost` was IPv6.
        """
        return self._down_since_s is not None and monotonic() - self._down_since_s > OTHER_ADDRESSES_S

    def reason(self) -> tuple[int, str] | None:
        """The last fault, by code and words; None where there was none."""
        if self._fault:
            return self._code, self._fault
        if not self._failure:
            return None
        closed = self._failure.startswith("Disconnected") and not self._has_sent
        return 0, self._failure + (_LISTENER if closed else "")

    def shown(self, text: str) -> str:
        """The client's words on one line, without the password, the broker's name in front and the client's state behind."""
        return line_without(self._secrets, re.sub(_STATE, "", re.sub(_BROKER, "", text)))


def checked_configuration(url: KafkaUrl, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The client's settings; `own` are all of the group KafkaOptions, `given` those that were given.  Raises WrongSetting."""
    timeout_ms = int(own["send_timeout"] * 1000)
    tls, tls_configuration = _checked_tls(own)
    sasl_configuration = _checked_sasl(url, own, given)
    return {
        "bootstrap.servers": ",".join(url.brokers),
        "client.id": "opentracing-zipkin",
        "acks": own["kafka_acks"],
        "compression.type": own["kafka_compression"],
        "linger.ms": 0,
        "message.timeout.ms": timeout_ms + MARGIN_MS,
        "message.send.max.retries": RETRIES,
        # How long a topic may be unknown: a broker that makes topics as they are asked for takes some time.
        "topic.metadata.propagation.max.ms": min(max(timeout_ms // 2, 1), 30_000),
        # Figures of its own that the client would send to the broker.
        "enable.metrics.push": False,
        "security.protocol": ("sasl_" if sasl_configuration else "") + ("ssl" if tls else "plaintext"),
        **tls_configuration,
        **sasl_configuration,
    }


def _checked_tls(own: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    cert = checked_cert(own["client_cert"], own["client_key"])
    ca_bundle = None if own["ca_bundle"] is None else checked_file("ca_bundle", own["ca_bundle"])
    wanted = own["kafka_tls"]
    if wanted is False and (cert or ca_bundle):
        name = "ca_bundle" if ca_bundle else "client_cert"
        raise WrongSetting("kafka_tls", f"is False, and {name} is given; leave out one of them")
    if ca_bundle is not None or cert is not None:
        check_readable(ca_bundle, cert)
    configuration = {}
    if ca_bundle is not None:
        configuration["ssl.ca.location"] = ca_bundle
    if cert is not None:
        certificate, key = (cert, cert) if isinstance(cert, str) else cert
        configuration |= {"ssl.certificate.location": certificate, "ssl.key.location": key}
    return bool(configuration) if wanted is None else wanted, configuration


def _checked_sasl(url: KafkaUrl, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    auth = checked_auth(own["auth"], "UTF-8")
    if auth is None and url.user is not None:
        auth = url.user, url.password or ""
    if auth is not None and not all(auth):
        raise WrongSetting("auth", "has no user or no password; give both, or leave it out")
    if auth is None:
        if given.get("kafka_sasl_mechanism") is not None:
            raise WrongSetting("kafka_sasl_mechanism", "is given without user and password; give auth=('user', 'password')")
        return {}
    return {"sasl.mechanism": own["kafka_sasl_mechanism"], "sasl.username": auth[0], "sasl.password": auth[1]}


def make_client() -> Callable[[Mapping[str, Any], Watch], Producer]:
    """The function that makes clients; raises ImportError that names the extra to install."""
    try:
        import confluent_kafka
    except ImportError as error:
        raise ImportError(
            "an endpoint with kafka:// needs confluent-kafka: install the extra 'kafka' of the distribution 'opentracing', "
            "or confluent-kafka"
        ) from error

    def make(configuration: Mapping[str, Any], watch: Watch) -> Producer:
        client: Producer = confluent_kafka.Producer({**configuration, "error_cb": watch.fail}, logger=watch)
        return client

    return make
