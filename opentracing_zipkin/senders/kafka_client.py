"""Kafka's client, librdkafka: its configuration, and its reports about its brokers.

Rules: the report about a message only says that its time is over.  The reason comes separately, through `error_cb` and the
client's log.  Both end here: the last reason is kept for the error of the message, and the log goes to ours at DEBUG.  Nothing
is written to stderr.  We know of no report that holds the user or the password, but the password is removed all the same.
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
from .checks import check_auth, check_cert, check_file, check_readable
from .credentials import line_without
from .kafka_errors import ALL_BROKERS_DOWN, SSL

__all__ = ["BrokerState", "Producer", "client_configuration", "make_client"]

# Added to the client's own timeout for a message, so that ours always ends first.
TIMEOUT_MARGIN_MS = 5_000
# Enough to find a partition's new leader; after other failures the reporter tries again.
MAX_RETRIES = 3
DOWN_DELAY_S = 0.5  # the client tries a broker's other addresses in this time

# A fault begins "sasl_ssl://one:9092/bootstrap: ", and ends "(after 3ms in state CONNECT, 2 identical error(s) suppressed)".
_BROKER = r"^(?:\w+://)?[^\s/]+/(?:bootstrap|\d+): "
_FAILURE = r"FAIL \[[^\]]*\] \[thrd:.*?\]: "  # the beginning of a line in the client's log; a fault follows
_STATE = r"\s*\(after \d+ms in state .*$"

_LISTENER = "; perhaps the broker's listener wants TLS or a password: see kafka_tls and auth"


class Producer(Protocol):
    """The methods of a confluent_kafka.Producer that we call."""

    def produce(self, topic: str, value: Any = None, *, on_delivery: Any = None) -> Any: ...

    def poll(self, timeout: float = ...) -> Any: ...


class BrokerState:
    """The reports of the client about its brokers since it was made; the client calls it while it is polled."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._has_sent = False
        self._code = 0
        self._fault = ""
        self._failure = ""  # a failure that is only in the client's log
        self._down_since_s: float | None = None

    def fail(self, error: Any) -> None:
        """Keep a fault of a broker, or of the connection to it."""
        if error.code() == ALL_BROKERS_DOWN:
            self._down_since_s = monotonic()
            return
        self._fault = self.shown(error.str())
        # If a broker ends the TLS handshake, the client's code is only that of a closed connection.
        self._code = SSL if "SSL" in self._fault else error.code()

    def log(self, level: int, line: str, *arguments: object) -> None:
        """Log a line of the client's log at DEBUG, whatever its level."""
        line = line % arguments if arguments else line
        failure = re.match(_FAILURE, line)
        if failure:
            self._failure = self.shown(line[failure.end() :])
        with suppress(Exception):  # raised by a log handler of the application
            log.debug("zipkin: the Kafka client: %s", self.shown(line))

    def recover(self) -> None:
        """Forget all failures, because a broker has answered."""
        self._has_sent = True
        self._code, self._fault, self._failure, self._down_since_s = 0, "", "", None

    @property
    def has_lost_all(self) -> bool:
        """Whether the connections to all brokers have failed since the last message."""
        return self._down_since_s is not None

    def is_down(self) -> bool:
        """Whether no broker can be reached, at any of its addresses.

        The client reports this after the first address of the last broker, and then tries the others: for instance the IPv4
        address of `localhost` after its IPv6 address.  So a short delay has to pass.
        """
        return self._down_since_s is not None and monotonic() - self._down_since_s > DOWN_DELAY_S

    def reason(self) -> tuple[int, str] | None:
        """Code and words of the last fault; None where there was none."""
        if self._fault:
            return self._code, self._fault
        if not self._failure:
            return None
        closed = self._failure.startswith("Disconnected") and not self._has_sent
        return 0, self._failure + (_LISTENER if closed else "")

    def shown(self, text: str) -> str:
        """The client's words on one line, without the password, the broker's name before and the client's state after them."""
        return line_without(self._secrets, re.sub(_STATE, "", re.sub(_BROKER, "", text)))


def client_configuration(url: KafkaUrl, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The client's settings; `own` has all options of the group KafkaOptions, `given` the user's.  Raises WrongSetting."""
    timeout_ms = int(own["send_timeout"] * 1000)
    tls, tls_configuration = _tls_configuration(own)
    sasl_configuration = _sasl_configuration(url, own, given)
    return {
        "bootstrap.servers": ",".join(url.brokers),
        "client.id": "opentracing-zipkin",
        "acks": own["kafka_acks"],
        "compression.type": own["kafka_compression"],
        "linger.ms": 0,
        "message.timeout.ms": timeout_ms + TIMEOUT_MARGIN_MS,
        "message.send.max.retries": MAX_RETRIES,
        # How long a topic may be unknown: a broker that makes a topic at its first use needs some time.
        "topic.metadata.propagation.max.ms": min(max(timeout_ms // 2, 1), 30_000),
        # Otherwise the client would send statistics of its own to the broker.
        "enable.metrics.push": False,
        "security.protocol": ("sasl_" if sasl_configuration else "") + ("ssl" if tls else "plaintext"),
        **tls_configuration,
        **sasl_configuration,
    }


def _tls_configuration(own: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    cert = check_cert(own["client_cert"], own["client_key"])
    ca_bundle = None if own["ca_bundle"] is None else check_file("ca_bundle", own["ca_bundle"])
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


def _sasl_configuration(url: KafkaUrl, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    auth = check_auth(own["auth"], "UTF-8")
    if auth is None and url.user is not None:
        auth = url.user, url.password or ""
    if auth is not None and not all(auth):
        raise WrongSetting("auth", "has no user or no password; give both, or leave it out")
    if auth is None:
        if given.get("kafka_sasl_mechanism") is not None:
            raise WrongSetting("kafka_sasl_mechanism", "is given without user and password; give auth=('user', 'password')")
        return {}
    return {"sasl.mechanism": own["kafka_sasl_mechanism"], "sasl.username": auth[0], "sasl.password": auth[1]}


def make_client() -> Callable[[Mapping[str, Any], BrokerState], Producer]:
    """The function that makes clients; raises ImportError that names the extra to install."""
    try:
        import confluent_kafka
    except ImportError as error:
        raise ImportError(
            "an endpoint with kafka:// needs confluent-kafka: install the extra 'kafka' of the distribution 'opentracing', "
            "or confluent-kafka"
        ) from error

    def make(configuration: Mapping[str, Any], watch: BrokerState) -> Producer:
        client: Producer = confluent_kafka.Producer({**configuration, "error_cb": watch.fail}, logger=watch)
        return client

    return make
