"""The Kafka sender on a real broker: all the way to a real Zipkin server, and whatever may be wrong with a broker."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin.codec import ENCODINGS

from ..contract.sender_contract import HasAddress, HasCredentials, LimitsSize, SenderContract
from ..docs.pages import DOCS, Reader
from ..ports import free_port
from .broker_tracing import SPANS, Proxied, await_warning, check_trace_arrives, finish, numbered, settled, tracing, warnings
from .kafka_server import KafkaServer
from .kafka_topics import IDLE_S, USER, KafkaBroker, spans_in
from .toxiproxy import Toxiproxy
from .zipkin_server import ZipkinServer

PAGE = "how-to/kafka.md"
PASSWORD = "hunter22"  # not the user's


# All the way


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_trace_arrives_at_zipkin_through_the_broker(kafka: KafkaBroker, reading_zipkin: ZipkinServer, encoding: str) -> None:
    """A trace arrives in each encoding, with all its fields; Zipkin recognises the encoding by the first byte."""
    check_trace_arrives(f"kafka://{kafka.address}", encoding, reading_zipkin.url)


@pytest.mark.timeout(120)
def test_a_reader_of_the_page_sees_the_spans(kafka: KafkaBroker, reading_zipkin: ZipkinServer, tmp_path: Path) -> None:
    """The files and commands of the page, unchanged, give its traces in this Zipkin server."""
    shutil.copy(kafka.authority, tmp_path / "authority.pem")
    passwords = kafka.address_of("CLOSED").rpartition(":")[2]
    ports = {"9092": str(kafka.port), "9093": passwords, "9411": reading_zipkin.url.rpartition(":")[2]}
    reader = Reader(reading_zipkin, tmp_path, ports)
    reader.pass_over()
    reader.read_page(PAGE)

    assert 5 == reader.count


# Ways to the broker

WAYS: dict[str, tuple[str, Callable[[KafkaBroker], Mapping[str, Any]]]] = {
    "PLAIN": ("PASSWORDS", lambda broker: {"auth": USER}),
    "SCRAM-SHA-256": ("PASSWORDS", lambda broker: {"auth": USER, "kafka_sasl_mechanism": "SCRAM-SHA-256"}),
    "SCRAM-SHA-512": ("PASSWORDS", lambda broker: {"auth": USER, "kafka_sasl_mechanism": "SCRAM-SHA-512"}),
    "TLS": ("SECRET", lambda broker: {"ca_bundle": broker.authority}),
    "TLS on both sides": ("MUTUAL", lambda broker: {"ca_bundle": broker.authority, "client_cert": broker.client_cert}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_broker_is_reached_with_credentials(kafka: KafkaBroker, way: str) -> None:
    """Spans arrive with a password by each mechanism, and with certificates."""
    listener, settings = WAYS[way]
    topic = kafka.topic()
    with tracing(f"kafka://{kafka.address_of(listener)}/{topic}", send_timeout=10.0, **settings(kafka)) as tracer:
        names = finish(tracer, way.lower())
        assert settled(tracer, 1)

    assert names == spans_in(kafka.messages(topic))


def test_user_and_password_may_stand_in_the_endpoint(kafka: KafkaBroker) -> None:
    """User and password are percent-encoded in the endpoint, as in any URL."""
    topic = kafka.topic()
    with tracing(f"kafka://writer:sword%20fish%25@{kafka.address_of('PASSWORDS')}/{topic}") as tracer:
        names = finish(tracer, "span")
        assert settled(tracer, 1)

    assert names == spans_in(kafka.messages(topic))


# Wrong settings

Case = tuple[str, Callable[[KafkaBroker], str], Callable[[KafkaBroker], Mapping[str, Any]], str, str]

# By name: the listener, the topic, the settings, the cause that spans are counted by, and the words of the warning.
WRONG: dict[str, Case] = {
    "a wrong password": (
        "PASSWORDS",
        KafkaBroker.topic,
        lambda broker: {"auth": ("writer", PASSWORD)},
        "expired",
        "Authentication failed: Invalid username or password; see auth and kafka_sasl_mechanism",
    ),
    "a wrong password by SCRAM": (
        "PASSWORDS",
        KafkaBroker.topic,
        lambda broker: {"auth": ("writer", PASSWORD), "kafka_sasl_mechanism": "SCRAM-SHA-512"},
        "expired",
        "invalid credentials with SASL mechanism SCRAM-SHA-512; see auth and kafka_sasl_mechanism",
    ),
    "no password where one is wanted": (
        "PASSWORDS",
        KafkaBroker.topic,
        lambda broker: {},
        "expired",
        "perhaps the broker's listener wants TLS or a password: see kafka_tls and auth",
    ),
    "a password where none is wanted": (
        "PLAINTEXT",
        KafkaBroker.topic,
        lambda broker: {"auth": ("writer", PASSWORD)},
        "expired",
        "see auth and kafka_sasl_mechanism, and the broker's listener",
    ),
    "another authority": (
        "SECRET",
        KafkaBroker.topic,
        lambda broker: {"ca_bundle": broker.client_cert},
        "expired",
        "certificate verify failed",
    ),
    "no certificate where one is wanted": (
        "MUTUAL",
        KafkaBroker.topic,
        lambda broker: {"ca_bundle": broker.authority},
        "expired",
        "see ca_bundle, client_cert and kafka_tls, and the broker's listener",
    ),
    "TLS where it is not spoken": (
        "PLAINTEXT",
        KafkaBroker.topic,
        lambda broker: {"kafka_tls": True},
        "expired",
        "SSL handshake failed: Disconnected",
    ),
    "no TLS where it is spoken": (
        "SECRET",
        KafkaBroker.topic,
        lambda broker: {},
        "expired",
        "perhaps the broker's listener wants TLS or a password: see kafka_tls and auth",
    ),
    "a topic that nobody has made": (
        "PLAINTEXT",
        lambda broker: "nowhere",
        lambda broker: {},
        "expired",
        "Unknown topic or partition; make the topic at the broker, or name another one as the endpoint's path",
    ),
    "a topic of others": (
        "PASSWORDS",
        lambda broker: broker.forbidden_topic(),
        lambda broker: {"auth": USER},
        "expired",
        "Topic authorization failed; let this user write to the topic and describe it",
    ),
    "a compacted topic": (
        "PLAINTEXT",
        lambda broker: broker.topic(cleanup_policy="compact"),
        lambda broker: {},
        "rejected",
        "a message of spans has no key, so the topic may not be compacted",
    ),
    "a topic for short messages": (
        "PLAINTEXT",
        lambda broker: broker.topic(max_message_bytes="100"),
        lambda broker: {},
        "too_large",
        "Message size too large; a single span of this size needs a larger max.message.bytes of the topic",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_said_once_and_costs_the_spans_only(
    kafka: KafkaBroker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans are counted by cause; the log line has the broker's words and the remedy, and no password."""
    listener, topic, settings, cause, words = WRONG[name]
    endpoint = f"kafka://{kafka.address_of(listener)}/{topic(kafka)}"
    with caplog.at_level(logging.DEBUG), tracing(endpoint, retry_timeout=0, **settings(kafka)) as tracer:
        start = time.monotonic()
        for number in range(3):
            finish(tracer, f"span {number}")
        assert time.monotonic() - start < 1.0
        assert settled(tracer, 0, **{cause: 3})
        await_warning(caplog, words)
    line = warnings(caplog)[0]

    assert f"lost ({cause}): {endpoint}: " in line
    assert 1 == len(warnings(caplog))
    assert PASSWORD not in caplog.text


# Troubles that other tests of this sender meet.
ALSO_TOLD = (
    "Connection refused",
    "Failed to resolve",
    "not acknowledged within",
    "partition 0 of the topic has no leader; see whether the brokers with its replicas run",
)


def test_the_trouble_of_the_page_was_met_here() -> None:
    """A test waits for each line of the page's table of troubles."""
    table = (DOCS / PAGE).read_text("utf-8").partition("## Trouble")[2]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    told = [word for cell in cells for word in re.findall(r"`(.*?)`", cell)]
    met = [words for *_, words in WRONG.values()] + list(ALSO_TOLD)

    assert 13 == len(told)
    assert [] == [word for word in told if not any(word in words for words in met)]


def test_what_is_mended_at_the_broker_needs_no_restart(kafka: KafkaBroker, caplog: pytest.LogCaptureFixture) -> None:
    """Spans wait for a topic that is created later."""
    with tracing(f"kafka://{kafka.address}/later") as tracer:
        names = finish(tracer, *numbered("span"))
        await_warning(caplog, f"zipkin: {SPANS} spans are not accepted yet: ")
        kafka.make_topic("later")
        assert settled(tracer, SPANS)

    assert names == spans_in(kafka.messages("later"))
    assert 1 == len(warnings(caplog))


# Brokers that fail


def test_a_partition_without_a_leader_is_told(kafka: KafkaBroker, caplog: pytest.LogCaptureFixture) -> None:
    """If the broker with the only replica is gone, spans are dropped as `expired`, and the warning has the reason."""
    with KafkaServer(member_of=kafka) as second:
        topic = kafka.topic(replicas=[2])
        with tracing(f"kafka://{kafka.address}/{topic}", retry_timeout=0) as tracer:
            names = finish(tracer, "sent")
            assert settled(tracer, 1)
            assert names == spans_in(kafka.messages(topic))
            second.stop()
            finish(tracer, "lost")
            assert settled(tracer, 1, expired=1)
        # The end of the broker may have broken the first tracer's connection; then its warning has that as the reason.
        with tracing(f"kafka://{kafka.address}/{topic}", retry_timeout=0, send_timeout=1.0) as tracer:
            finish(tracer, "lost as well")
            assert settled(tracer, 0, expired=1)

    await_warning(caplog, "partition 0 of the topic has no leader; see whether the brokers with its replicas run")


def test_a_connection_that_the_broker_has_closed_is_made_anew_without_a_word(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Brokers close an idle connection after ten minutes; the next span opens a new one, and no line is logged."""
    topic = kafka.topic()
    with tracing(f"kafka://{kafka.address}/{topic}") as tracer:
        names = finish(tracer, "before")
        assert settled(tracer, 1)
        time.sleep(2 * IDLE_S)
        names += finish(tracer, "after")
        assert settled(tracer, 2)

    assert names == spans_in(kafka.messages(topic))
    assert [] == warnings(caplog)


def test_a_broker_that_hangs_costs_nothing_but_time(kafka: KafkaBroker, caplog: pytest.LogCaptureFixture) -> None:
    """While the broker answers nothing, the application goes on; then all spans arrive, at most one message twice."""
    topic = kafka.topic()
    with tracing(f"kafka://{kafka.address}/{topic}", send_timeout=1.0) as tracer:
        names = finish(tracer, *numbered("before"))
        assert settled(tracer, SPANS)
        kafka.pause()
        try:
            start = time.monotonic()
            names += finish(tracer, *numbered("while it hangs"))
            took = time.monotonic() - start
            await_warning(caplog, "not acknowledged within 1 s")
            time.sleep(3)  # so that it is tried again
        finally:
            kafka.resume()
        assert settled(tracer, 2 * SPANS)
    found = spans_in(kafka.messages(topic))

    assert set(names) == set(found)
    assert SPANS == sum(name.startswith("before") for name in found)
    assert len(found) <= 3 * SPANS
    assert took < 1.0


def test_the_end_of_a_process_does_not_wait_for_a_broker_that_hangs(kafka: KafkaBroker) -> None:
    """`close` returns within its timeout, and the spans that are left are counted."""
    with tracing(f"kafka://{kafka.address}/{kafka.topic()}", send_timeout=6.0) as tracer:
        finish(tracer, "before")
        assert settled(tracer, 1)
        kafka.pause()
        try:
            finish(tracer, "left")
            start = time.monotonic()
            assert False is tracer.close(1.0).result(20)
            assert time.monotonic() - start < 5.0
            assert settled(tracer, 1, closed=1)
        finally:
            kafka.resume()


def test_a_broker_that_is_killed_and_comes_back_has_and_gets_all_spans(
    kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Acknowledged spans survive, and the others wait; nobody has to do anything."""
    topic = kafka.topic()
    with tracing(f"kafka://{kafka.address}/{topic}") as tracer:
        names = finish(tracer, *numbered("before"))
        assert settled(tracer, SPANS)
        kafka.kill()
        try:
            names += finish(tracer, *numbered("while it is away"))
            await_warning(caplog, f"zipkin: {SPANS} spans are not accepted yet: kafka://{kafka.address}/{topic}: ")
        finally:
            kafka.start()
        assert settled(tracer, 2 * SPANS)

    assert sorted(names) == sorted(spans_in(kafka.messages(topic)))
    assert 1 == len(warnings(caplog))
    assert "Connection refused" in warnings(caplog)[0]


# The contract of all senders


class Topic(Proxied[KafkaBroker]):
    """The test's own topic, behind a proxy."""

    limit_bytes = 300_000

    def __init__(self, broker: KafkaBroker, proxy: Toxiproxy) -> None:
        super().__init__(broker, proxy)
        self._name = broker.topic(max_message_bytes=str(self.limit_bytes + 200))  # with the record's own fields

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": f"kafka://{self._broker.proxied}/{self._name}"}

    def refusals(self, password: str, password_in_url: str) -> Mapping[str, Mapping[str, Any]]:
        there, away = self._broker.address_of("PASSWORDS"), f"127.0.0.1:{free_port()}"
        scram = {"kafka_sasl_mechanism": "SCRAM-SHA-256"}
        return {
            "as a setting": {"endpoint": f"kafka://{there}", "auth": ("writer", password)},
            "in the URL": {"endpoint": f"kafka://writer:{password_in_url}@{there}", **scram},
            "as a setting, away": {"endpoint": f"kafka://{away}", "auth": ("writer", password)},
            "in the URL, away": {"endpoint": f"kafka://writer:{password_in_url}@{away}"},
            "in the URL, no TLS there": {"endpoint": f"kafka://writer:{password_in_url}@{there}", "kafka_tls": True},
        }

    def received(self) -> list[bytes]:
        return self._broker.messages(self._name)


@pytest.fixture(scope="module")
def proxy(kafka: KafkaBroker) -> Iterator[Toxiproxy]:
    with Toxiproxy(kafka.address_of("PROXIED"), kafka.proxied) as proxy:
        yield proxy


class TestKafka(SenderContract, HasAddress, LimitsSize, HasCredentials):
    """A topic of a real broker."""

    @pytest.fixture
    def receiver(self, kafka: KafkaBroker, proxy: Toxiproxy) -> Iterator[Topic]:
        proxy.heal()
        yield Topic(kafka, proxy)
        proxy.heal()
