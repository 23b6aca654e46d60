"""Kafka: one message at a time, acknowledged or refused, on the mock cluster of the client's own library."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders import SendError, kafka_client
from opentracing_zipkin.senders.kafka import KafkaSender

from ...contract.sender_contract import in_a_child
from .certificates import Certificates
from .mock_kafka import MockKafka

PASSWORD = "swordfish"
# The longest time of a send with a limit of half a second: the client may finish one more piece of work on a slow machine.
BOUNDED_S = 10.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The brokers of these tests have one address, so the delay for other addresses is left out."""
    monkeypatch.setattr(kafka_client, "DOWN_DELAY_S", 0.1)


@contextmanager
def silent_listener() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def unused_address() -> str:
    with silent_listener() as address:
        return address


def refusal(sender: KafkaSender, body: bytes = b"[]") -> SendError:
    with pytest.raises(SendError) as caught:
        sender.send(body)
    assert caught.value.__cause__ is None is caught.value.__context__
    return caught.value


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def in_a_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    preamble = "import os, sys, time\nfrom opentracing_zipkin.senders.kafka import KafkaSender\n"
    command = [sys.executable, "-W", "error", "-c", preamble + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


# Accepted


def test_a_message_is_there_when_send_returns(kafka: MockKafka) -> None:
    """The message is in the topic of the endpoint's path, byte for byte and without a key."""
    sender = KafkaSender(f"kafka://{kafka.address}/accepted")
    body = bytes(range(256)) * 2048
    assert sender.max_bytes == len(body)
    sender.send(body)
    sender.close()
    [message] = kafka.messages("accepted", 1)

    assert (body, None, None) == (message.value(), message.key(), message.headers())


@pytest.mark.parametrize("acks", ["all", "1", "0"])
@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_and_acknowledgement_is_taken(kafka: MockKafka, acks: str, compression: str) -> None:
    """The installed client supports every compression, and messages arrive with every `kafka_acks`."""
    topic = f"{compression}-{acks}"
    sender = KafkaSender(f"kafka://{kafka.address}/{topic}", kafka_acks=acks, kafka_compression=compression)
    sender.send(b"x" * 10_000)
    sender.close()

    assert [b"x" * 10_000] == kafka.values(topic, 1)


def test_a_tracers_spans_arrive(kafka: MockKafka) -> None:
    """A tracer with an endpoint of kafka:// sends its spans to Kafka."""
    tracer = ZipkinTracer("shop", endpoint=f"kafka://{kafka.address}/spans")
    tracer.start_span("buy").finish()
    assert True is tracer.flush(10)
    tracer.close().result()
    [message] = kafka.messages("spans", 1)

    assert b'"name":"buy"' in (message.value() or b"")


# Refused


def test_brokers_that_are_away_are_told_by_the_reason() -> None:
    """The error has the reason and allows a retry, and it comes soon after the first try of all brokers."""
    sender = KafkaSender(f"kafka://{unused_address()},{unused_address()}")
    error = refusal(sender)

    assert (True, 0.0) == (error.retryable, error.retry_after)
    assert "Connection refused" in str(error)
    assert str(error).startswith("kafka://127.0.0.1:")


@pytest.mark.usefixtures("impatient")
def test_a_name_that_is_none_is_told() -> None:
    """A broker's name without an address fails with the client's own words."""
    error = refusal(KafkaSender("kafka://no-such-broker.invalid"))

    assert True is error.retryable
    assert "Failed to resolve 'no-such-broker.invalid:9092'" in str(error)


def test_the_next_address_of_a_name_is_tried(kafka: MockKafka) -> None:
    """If nobody listens at the IPv6 address of `localhost`, the IPv4 address is tried, and the message does not fail."""
    port = kafka.address.rpartition(":")[2]
    sender = KafkaSender(f"kafka://localhost:{port}/localhost")
    sender.send(b"[]")
    sender.close()

    assert [b"[]"] == kafka.values("localhost", 1)


def test_time_out_and_limit_bound_a_message_to_a_broker_that_says_nothing() -> None:
    """The error names the time and allows a retry, and the client is thrown away."""
    with silent_listener() as address:
        before = threads()
        sender = KafkaSender(f"kafka://{address}", send_timeout=0.5)
        begin = time.monotonic()
        error = refusal(sender)
        assert 0.4 < time.monotonic() - begin < BOUNDED_S
        assert "not acknowledged within 0.5 s" in str(error)
        assert True is error.retryable
        assert threads() <= before  # threads of earlier tests may end meanwhile
        patient = KafkaSender(f"kafka://{address}", send_timeout=100.0)
        patient.limit(0.3)
        patient.limit(50.0)
        begin = time.monotonic()
        refusal(patient)
        assert 0.2 < time.monotonic() - begin < BOUNDED_S


def test_a_message_over_the_clients_limit_is_too_large(kafka: MockKafka) -> None:
    """A message of more than the client's limit, a million bytes, is `too_large`, and the connection is kept."""
    sender = KafkaSender(f"kafka://{kafka.address}/large")
    sender.send(b"[]")
    error = refusal(sender, bytes(1_000_001))
    assert (False, True, True) == (error.retryable, error.divisible, error.too_large)
    sender.send(b"[2]")
    sender.close()

    assert {b"[]", b"[2]"} == set(kafka.values("large", 2))


def test_a_certificate_that_was_spoilt_is_told(certificates: Certificates, tmp_path: Path) -> None:
    """A certificate file that was damaged, for instance at its renewal, fails with the setting's name and allows a retry."""
    path = tmp_path / "authority.pem"
    path.write_bytes(Path(certificates.authority).read_bytes())
    sender = KafkaSender("kafka://localhost", ca_bundle=str(path))
    path.write_bytes(b"none")
    error = refusal(sender)

    assert (True, 30.0) == (error.retryable, error.retry_after)
    assert "see ca_bundle" in str(error)


def test_an_error_can_be_pickled(kafka: MockKafka) -> None:
    """The error and all its attributes survive pickling, which a pool of processes does."""
    error = refusal(KafkaSender(f"kafka://{kafka.address}"), bytes(1_000_001))

    assert vars(error) == vars(pickle.loads(pickle.dumps(error)))


@pytest.mark.usefixtures("impatient")
def test_the_password_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """The password is neither in an error, nor in the client's log, nor in a repr."""
    told = []
    with caplog.at_level(logging.DEBUG):
        for url, given in (
            (f"kafka://me:{PASSWORD}@{unused_address()}", {}),
            (f"kafka://{unused_address()}", {"auth": ("me", PASSWORD)}),
        ):
            sender = KafkaSender(url, **given)  # type: ignore[arg-type]
            told += [str(refusal(sender)), repr(sender), repr(sender._state.shown(f"broker: bad {PASSWORD}!"))]
            sender.close()
    told += caplog.messages

    assert [] == [one for one in told if PASSWORD in one]
    assert any("zipkin: the Kafka client: FAIL" in one and "Connection refused" in one for one in caplog.messages)


def test_the_client_writes_nothing_on_stderr() -> None:
    """The lines that the client would write to stderr are in our log, at DEBUG."""
    done = in_a_process(
        "try:\n    KafkaSender(sys.argv[1]).send(b'[]')\nexcept Exception as error:\n    print(error)",
        f"kafka://{unused_address()}",
    )

    assert ("", 0) == (done.stderr, done.returncode)
    assert "Connection refused" in done.stdout


@pytest.mark.usefixtures("impatient")
def test_a_log_handler_that_raises_does_no_harm() -> None:
    """A log handler that raises, while the client sends, does not fail the message."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("a handler of the application's")

    handler, log = Raising(), logging.getLogger("opentracing_zipkin")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        error = refusal(KafkaSender(f"kafka://{unused_address()}"))
    finally:
        log.removeHandler(handler)
        log.setLevel(level)

    assert "Connection refused" in str(error)


# Closing, forking, ending


def test_closing_ends_the_clients_threads(kafka: MockKafka) -> None:
    """`close` ends the client's threads; the sender may be closed several times, and used again after that."""
    sender = KafkaSender(f"kafka://{kafka.address}/closing")
    before = threads()
    sender.close()
    sender.send(b"[1]")
    assert before < threads()
    sender.close()
    sender.close()
    assert threads() <= before  # threads of earlier tests may end meanwhile
    sender.send(b"[2]")
    sender.close()

    assert threads() <= before  # threads of earlier tests may end meanwhile
    assert {b"[1]", b"[2]"} == set(kafka.values("closing", 2))


def test_a_forked_process_has_a_client_of_its_own(kafka: MockKafka) -> None:
    """Parent and child each send their messages once, and the parent keeps its client."""
    sender = KafkaSender(f"kafka://{kafka.address}/forked")
    sender.send(b"[1]")

    def be_child() -> None:
        sender.renew_after_fork()
        sender.send(b"[2]")
        sender.close()

    assert "" == in_a_child(be_child)
    sender.send(b"[3]")
    sender.close()

    assert {b"[1]", b"[2]", b"[3]"} == set(kafka.values("forked", 3))


def test_a_forked_process_ends_in_time(kafka: MockKafka) -> None:
    """A forked child does not end the parent's client, so its exit takes no time and writes nothing."""
    code = (
        "sender = KafkaSender(sys.argv[1])\nsender.send(b'[]')\n"
        "import warnings\nwarnings.simplefilter('ignore')\n"
        "if os.fork():\n"
        "    begin = time.monotonic()\n"
        "    print(os.wait()[1], time.monotonic() - begin < 10)\n"
        "else:\n"
        "    sender.renew_after_fork()\n"
        "    del sender\n"
    )
    done = in_a_process(code, f"kafka://{kafka.address}/forked-exit")

    assert ("0 True\n", "") == (done.stdout, done.stderr)


def test_a_message_is_sent_while_the_interpreter_shuts_down(kafka: MockKafka) -> None:
    """An exit handler can make a client and send a message, although Python starts no thread any more."""
    code = "import atexit\nsender = KafkaSender(sys.argv[1])\natexit.register(lambda: (sender.send(b'[]'), print('sent')))"
    done = in_a_process(code, f"kafka://{kafka.address}/exit")

    assert ("sent\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert [b"[]"] == kafka.values("exit", 1)


def test_a_tracers_last_spans_are_sent_at_exit(kafka: MockKafka) -> None:
    """The tracer's thread makes its client at exit, and sends the last spans."""
    code = (
        "from opentracing_zipkin import configure\n"
        "tracer = configure('shop', endpoint=sys.argv[1], flush_interval=60)\n"
        "for number in range(100): tracer.start_span(f'span {number}').finish()\n"
    )
    done = in_a_process(code, f"kafka://{kafka.address}/last")
    [message] = kafka.messages("last", 1)

    assert ("", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert 100 == (message.value() or b"").count(b'"name":"span ')


def test_greenlets_go_on_while_a_message_waits(kafka: MockKafka) -> None:
    """Other greenlets go on while a message waits, because the client is only polled and never waited for."""
    code = (
        "from gevent import monkey, spawn\nmonkey.patch_all()\n"
        "ticks = []\n"
        "def tick():\n    while True: ticks.append(1); time.sleep(0.01)\n"
        "spawn(tick)\n"
        "KafkaSender(sys.argv[1]).send(b'[]')\n"
        "try:\n    KafkaSender(sys.argv[2], send_timeout=1.0).send(b'[]')\nexcept Exception as error:\n    print(error)\n"
        "print(len(ticks) > 10)\n"
    )
    with silent_listener() as address:
        done = in_a_process(
            code.replace("import os, sys, time", ""), f"kafka://{kafka.address}/greenlets", f"kafka://{address}"
        )

    assert f"kafka://{address}/zipkin: not acknowledged within 1 s\nTrue\n" == done.stdout
    assert [b"[]"] == kafka.values("greenlets", 1)


# Setting up


def test_the_client_is_imported_where_it_is_chosen() -> None:
    """An application that posts to a collector does not import the Kafka client."""
    code = "import opentracing_zipkin as z; z.ZipkinTracer('x'); import sys; print('confluent_kafka' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)

    assert "False\n" == done.stdout


def test_a_missing_client_is_told_by_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the client the constructor raises ImportError with the extra's name; a given producer needs no client."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)

    with pytest.raises(ImportError, match="install the extra 'kafka' of the distribution 'opentracing'"):
        KafkaSender("kafka://localhost")


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no endpoint": (None, {}, "endpoint is None, and no producer is given; use its brokers"),
    "topic beside an endpoint": ("kafka://a", {"topic": "x"}, "topic is for a producer; use its brokers and the topic"),
    "http": ("http://a", {}, "endpoint is 'http://a'; use its brokers"),
    "acks": ("kafka://a", {"kafka_acks": "2"}, "kafka_acks is '2'; use 'all', '1' or '0'"),
    "compression": ("kafka://a", {"kafka_compression": "brotli"}, "kafka_compression is 'brotli'; use"),
    "mechanism without a user": (
        "kafka://a",
        {"kafka_sasl_mechanism": "SCRAM-SHA-256"},
        "kafka_sasl_mechanism is given without user and password; give auth",
    ),
    "plain text and a bundle": (
        "kafka://a",
        {"kafka_tls": False, "ca_bundle": __file__},
        "kafka_tls is False, and ca_bundle is given",
    ),
    "plain text and a certificate": (
        "kafka://a",
        {"kafka_tls": False, "client_cert": __file__},
        "kafka_tls is False, and client_cert is given",
    ),
    "bundle that is not there": (
        "kafka://a",
        {"ca_bundle": "/no/file"},
        "ca_bundle is '/no/file'; use the path of an existing PEM",
    ),
    "bundle that is none": ("kafka://a", {"ca_bundle": __file__}, "ca_bundle cannot be read; use certificates in PEM form"),
    "certificate that is none": (
        "kafka://a",
        {"client_cert": __file__},
        "client_cert cannot be read; use a certificate and its key in PEM form, not encrypted",
    ),
    "no user": ("kafka://a", {"auth": ("", PASSWORD)}, "auth has no user or no password; give both"),
    "no password": ("kafka://a", {"auth": ("me", "")}, "auth has no user or no password; give both"),
    "key alone": ("kafka://a", {"client_key": __file__}, "client_key is given without client_cert"),
    "timeout": ("kafka://a", {"send_timeout": 0}, "send_timeout is 0; use"),
}


@pytest.mark.parametrize(("endpoint", "given", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_told_with_the_remedy(endpoint: Any, given: dict[str, Any], told: str) -> None:
    """A wrong setting raises in the constructor, with its name and the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared
        KafkaSender(endpoint, **given)

    assert str(caught.value).startswith(told), str(caught.value)


def test_a_setting_of_another_sender_is_none_of_this_one() -> None:
    """A setting of another sender, or a misspelt one, raises TypeError."""
    with pytest.raises(TypeError, match="proxy"):
        KafkaSender("kafka://a", proxy="http://b")  # type: ignore[call-arg]
