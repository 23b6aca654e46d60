"""The RabbitMQ sender on a real broker: all the way to a real Zipkin server, and whatever may be wrong with a broker."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from opentracing_zipkin.codec import ENCODINGS

from ..contract.sender_contract import HasAddress, HasCredentials, LimitsSize, SenderContract
from ..docs.pages import Reader, blocks
from ..ports import free_port
from . import broker_tracing
from .broker_tracing import SPANS, Proxied, await_warning, check_trace_arrives, finish, numbered, settled, warnings
from .rabbitmq_queues import MAX_MESSAGE_BYTES, RabbitmqBroker, spans_in, taken
from .test_outages import FAULTS
from .toxiproxy import Toxiproxy
from .zipkin_server import ZipkinServer

PAGE = "how-to/rabbitmq.md"
tracing = partial(broker_tracing.tracing, send_timeout=1.0)
AGAIN = "zipkin: the collector accepts spans again"


@pytest.fixture
def queue() -> str:
    """The name of a queue that nobody reads."""
    return f"spans-{uuid4().hex[:8]}"


# All the way


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_trace_arrives_at_zipkin_through_the_broker(
    rabbitmq: RabbitmqBroker, reading_zipkin: ZipkinServer, encoding: str
) -> None:
    """A trace arrives in each encoding, with all its fields; Zipkin recognises the encoding by the first byte."""
    check_trace_arrives(rabbitmq.url, encoding, reading_zipkin.url)


def test_the_page_on_rabbitmq_ends_with_the_traces_that_its_reader_sees(
    rabbitmq: RabbitmqBroker, reading_zipkin: ZipkinServer, tmp_path: Path
) -> None:
    """All examples of the page, also with TLS and with a broker that is away, give its traces."""
    shutil.copy(rabbitmq.authority, tmp_path / "authority.pem")
    ports = {"5672": str(rabbitmq.port), "5671": str(rabbitmq.tls_port), "9411": reading_zipkin.url.rpartition(":")[2]}
    reader = Reader(reading_zipkin, tmp_path, ports)
    reader.pass_over()
    reader.read_page(PAGE)

    assert 4 == reader.count


def test_the_permissions_of_the_page_are_enough(rabbitmq: RabbitmqBroker) -> None:
    """The page's permissions also suffice to declare the queue; the test uses a new virtual host, where it is missing."""
    [commands] = [text for language, text in blocks(PAGE) if "rabbitmqctl" in text]
    rabbitmq.ctl("add_vhost", "page")
    assert " -p / " in commands
    for command in commands.replace(" -p / ", " -p page ").splitlines():
        rabbitmq.ctl(*shlex.split(command)[1:])
    user, password = commands.split()[2:4]
    with tracing(rabbitmq.endpoint("zipkin", f"{user}:{password}", "page")) as tracer:
        finish(tracer, "span")

        assert settled(tracer, 1)


# Wrong settings

# By name: the settings beside the queue, and the words of the warning.
WRONG: dict[str, tuple[Callable[[RabbitmqBroker, str], Mapping[str, Any]], str]] = {
    "a wrong password": (
        lambda broker, queue: {"endpoint": broker.endpoint(queue, "guest:hunter22")},
        "Login was refused using authentication mechanism PLAIN. For details see the broker logfile; give user and password",
    ),
    "a user that is unknown": (
        lambda broker, queue: {"endpoint": broker.endpoint(queue), "auth": ("nobody", "hunter22")},
        "ACCESS_REFUSED - Login was refused",
    ),
    "a virtual host that is unknown": (
        lambda broker, queue: {"endpoint": broker.endpoint(queue, vhost="nowhere")},
        "NOT_ALLOWED - vhost nowhere not found; name a virtual host that exists and that the user may access",
    ),
    "a virtual host that is not for the user": (
        lambda broker, queue: {"endpoint": broker.endpoint(queue, "stranger:hunter22")},
        "NOT_ALLOWED - access to vhost '/' refused for user 'stranger'; name a virtual host",
    ),
    "no permission to write": (
        lambda broker, queue: {"endpoint": broker.endpoint(queue, "reader:hunter22")},
        "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'reader'; let the user write",
    ),
}


@pytest.fixture(scope="module")
def users(rabbitmq: RabbitmqBroker) -> None:
    """Users who lack some permissions."""
    calls = []
    for user, permissions in {"stranger": (), "reader": (".*", "", ".*"), "writer": ("", ".*", "")}.items():
        calls.append(("add_user", user, "hunter22", "tests"))
        if permissions:
            calls.append(("set_permissions", user, "/", *permissions, "tests"))
    # All calls go into one command, because each command takes a second.
    terms = (f"{name}({', '.join(f'<<{quoted(one)}>>' for one in arguments)})" for name, *arguments in calls)
    rabbitmq.ctl("eval", ", ".join(f"rabbit_auth_backend_internal:{term}" for term in terms) + ".")


def quoted(text: str) -> str:
    """The text as an Erlang string."""
    return f'"{text}"'


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.usefixtures("users")
def test_a_wrong_setting_is_said_once_and_costs_the_spans_only(
    rabbitmq: RabbitmqBroker, queue: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans count as `rejected`; the log line has the broker's words and the remedy, and no password."""
    settings, words = WRONG[name]
    with tracing(**settings(rabbitmq, queue)) as tracer:
        for number in range(3):
            finish(tracer, f"span {number}")
            tracer.flush(1)
        assert settled(tracer, 0, rejected=3)
        await_warning(caplog, words)  # which is written after it is counted
    [line] = warnings(caplog)

    assert line.startswith("zipkin: 1 span is lost (rejected): ")
    assert words in line
    assert "hunter22" not in caplog.text
    assert [] == taken(rabbitmq, queue)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [("amqp", "the port speaks TLS, so it needs amqps://"), ("amqps", "a port without TLS needs amqp://")],
)
def test_a_wrong_scheme_is_said_with_the_right_one(
    rabbitmq: RabbitmqBroker, queue: str, scheme: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`amqp` at the port with TLS and `amqps` at the port without: the warning names the right scheme."""
    port = rabbitmq.tls_port if scheme == "amqp" else rabbitmq.port
    with tracing(f"{scheme}://guest:guest@127.0.0.1:{port}?queue={queue}", retry_timeout=0) as tracer:
        finish(tracer, "lost")
        assert settled(tracer, 0, expired=1)
        await_warning(caplog, words)
    [line] = warnings(caplog)

    assert line.endswith(words)


def test_a_certificate_of_another_authority_is_said_with_the_remedy(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning has the remedy, and with the right authority the same spans arrive."""
    endpoint = f"amqps://guest:guest@127.0.0.1:{rabbitmq.tls_port}?queue={queue}"
    with tracing(endpoint, retry_timeout=0) as tracer:
        finish(tracer, "lost")
        assert settled(tracer, 0, expired=1)
        await_warning(caplog, "CERTIFICATE_VERIFY_FAILED")
    with tracing(endpoint, ca_bundle=rabbitmq.authority, send_timeout=10.0) as tracer:
        finish(tracer, "sent")
        assert settled(tracer, 1)
    [line] = warnings(caplog)

    assert line.endswith("; give the authority's certificate as ca_bundle")
    assert ["sent"] == spans_in(taken(rabbitmq, queue))


@pytest.mark.usefixtures("users")
def test_a_user_without_permission_to_configure_needs_a_queue_that_is_there(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans wait for the queue, and arrive as soon as somebody has declared it."""
    with tracing(rabbitmq.endpoint(queue, "writer:hunter22")) as tracer:
        names = finish(tracer, *numbered("span"))
        await_warning(caplog, f"access to queue '{queue}' in vhost '/' refused for user 'writer'; declare the queue")
        assert [] == taken(rabbitmq, queue)  # which has declared it
        assert settled(tracer, SPANS)

    assert names == spans_in(taken(rabbitmq, queue))


@pytest.mark.parametrize(
    ("durable", "arguments"),
    [(True, {"x-queue-type": "quorum"}), (True, {"x-max-length": 1000, "x-message-ttl": 60_000}), (False, {})],
    ids=["quorum", "with limits", "not durable"],
)
def test_a_queue_of_another_kind_takes_spans_as_well(
    rabbitmq: RabbitmqBroker, queue: str, durable: bool, arguments: Mapping[str, Any]
) -> None:
    """An existing queue is used as it is, although Zipkin's own would be durable and without arguments."""
    with rabbitmq.channel() as channel:
        channel.queue_declare(queue, durable=durable, arguments=arguments)
        with tracing(rabbitmq.endpoint(queue)) as tracer:
            finish(tracer, "span")
            assert settled(tracer, 1)
        _, _, body = channel.basic_get(queue, auto_ack=True)

    assert ["span"] == spans_in([body])


# Queues and messages that change


def test_a_queue_that_is_deleted_is_declared_again_without_a_word(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that finds no queue comes back, the queue is declared, and the message is sent again at once."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        finish(tracer, "before")
        assert settled(tracer, 1)
        with rabbitmq.channel() as channel:
            channel.queue_delete(queue)
        finish(tracer, "after")
        assert settled(tracer, 2)

    assert ["after"] == spans_in(taken(rabbitmq, queue))
    assert [] == warnings(caplog)


def test_a_queue_that_is_full_keeps_spans_waiting(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the policy `reject-publish` spans wait; without it, RabbitMQ silently drops the oldest messages."""
    with rabbitmq.channel() as channel:
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare(queue, durable=True, arguments=arguments)
        with tracing(rabbitmq.endpoint(queue)) as tracer:
            finish(tracer, "first")
            assert settled(tracer, 1)
            finish(tracer, "second")
            await_warning(caplog, "zipkin: 1 span is not accepted yet: ")
            bodies = [channel.basic_get(queue, auto_ack=True)[2]]
            assert settled(tracer, 2)
            bodies.append(channel.basic_get(queue, auto_ack=True)[2])

    assert ["first", "second"] == spans_in(bodies)
    assert warnings(caplog)[0].endswith("the broker did not take the message (basic.nack); the queue may be full")


# The broker, the network


def test_a_connection_that_the_operator_has_closed_is_made_anew_without_a_word(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The next span opens a new connection; no span is lost, and no line is logged."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        finish(tracer, "before")
        assert settled(tracer, 1)
        rabbitmq.ctl("close_all_connections", "maintenance")
        finish(tracer, "after")
        assert settled(tracer, 2)

    assert ["before", "after"] == spans_in(taken(rabbitmq, queue))
    assert [] == warnings(caplog)


def test_a_connection_that_is_idle_for_longer_than_the_heartbeat_is_kept(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker closes connections that miss its heartbeat of a second; ours stays, because it has no heartbeat."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        finish(tracer, "before")
        assert settled(tracer, 1)
        time.sleep(4)
        finish(tracer, "after")
        assert settled(tracer, 2)

    assert ["before", "after"] == spans_in(taken(rabbitmq, queue))
    assert [] == warnings(caplog)
    assert "missed heartbeats" not in rabbitmq.logged()


def test_an_end_in_order_leaves_no_warning_in_the_brokers_log(rabbitmq: RabbitmqBroker, queue: str) -> None:
    """RabbitMQ logs a warning for each client that closes only its socket; we close the connection first."""
    logged = len(rabbitmq.logged())
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        finish(tracer, "span")
        assert settled(tracer, 1)
    taken(rabbitmq, queue)  # one more connection, so that what is said of the last one has been written

    assert "closed TCP connection" not in rabbitmq.logged()[logged:]


def test_a_memory_alarm_keeps_spans_waiting_and_each_arrives_once(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The message that the broker has already is not sent again; the log line says why spans wait."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        rabbitmq.ctl("set_vm_memory_high_watermark", "0")
        try:
            names = finish(tracer, *numbered("span"))
            await_warning(caplog, "the broker takes no messages for now (connection.blocked: low on memory)")
            time.sleep(2)  # so that it is tried again
            assert 0 == tracer.stats.sent
        finally:
            rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "512MB")
        assert settled(tracer, SPANS)

    assert names == spans_in(taken(rabbitmq, queue))
    assert 1 == len(warnings(caplog))


def test_a_broker_that_hangs_costs_nothing_but_time(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While the broker answers nothing, the application goes on; then all spans arrive, some perhaps twice."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        names = finish(tracer, *numbered("before"))
        assert settled(tracer, SPANS)
        rabbitmq.pause()
        try:
            start = time.monotonic()
            names += finish(tracer, *numbered("while it hangs"))
            took = time.monotonic() - start
            await_warning(caplog, "the broker did not confirm the message in time")
        finally:
            rabbitmq.resume()
        assert settled(tracer, 2 * SPANS)
    found = spans_in(taken(rabbitmq, queue))

    assert set(names) == set(found)
    assert SPANS == sum(name.startswith("before") for name in found)
    assert took < 1.0


def test_a_broker_that_is_killed_and_comes_back_has_and_gets_all_spans(
    rabbitmq: RabbitmqBroker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Confirmed spans survive, and the others wait; nobody has to do anything."""
    with tracing(rabbitmq.endpoint(queue)) as tracer:
        names = finish(tracer, *numbered("before"))
        assert settled(tracer, SPANS)
        rabbitmq.kill()
        try:
            names += finish(tracer, *numbered("while it is away"))
            await_warning(caplog, f"zipkin: {SPANS} spans are not accepted yet: amqp://{rabbitmq.address} queue {queue}: ")
        finally:
            rabbitmq.start()
        assert settled(tracer, 2 * SPANS)

    assert sorted(names) == sorted(spans_in(taken(rabbitmq, queue)))
    assert 1 == len(warnings(caplog))
    assert "Connection refused" in warnings(caplog)[0]


@pytest.fixture(scope="module")
def proxy(rabbitmq: RabbitmqBroker) -> Iterator[Toxiproxy]:
    with Toxiproxy(rabbitmq.address) as proxy:
        yield proxy


@pytest.mark.parametrize(
    "fault",
    ["answers trickle", "messages trickle", "half of a message gets through", "connections are reset in the middle"],
)
def test_spans_of_before_during_and_after_a_fault_of_the_network_arrive(
    rabbitmq: RabbitmqBroker, proxy: Toxiproxy, queue: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each span arrives at least once; a message that is not confirmed at its deadline is sent again."""
    proxy.heal()
    with tracing(rabbitmq.endpoint(queue).replace(rabbitmq.address, proxy.url.removeprefix("http://"))) as tracer:
        names = finish(tracer, *numbered("before"))
        assert settled(tracer, SPANS)
        FAULTS[fault](proxy)
        names += finish(tracer, *numbered("during"))
        await_warning(caplog, f"zipkin: {SPANS} spans are not accepted yet: ")
        proxy.heal()
        names += finish(tracer, *numbered("after"))
        assert settled(tracer, 3 * SPANS)

    assert set(names) == set(spans_in(taken(rabbitmq, queue)))


# The contract of all senders


class Queue(Proxied[RabbitmqBroker]):
    """The test's own queue, behind a proxy."""

    limit_bytes = MAX_MESSAGE_BYTES

    def __init__(self, broker: RabbitmqBroker, proxy: Toxiproxy) -> None:
        super().__init__(broker, proxy)
        self._name = f"contract-{uuid4().hex[:8]}"
        self._received: list[bytes] = []

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"endpoint": f"{self._url()}?queue={self._name}"}

    def _url(self, user: str = "guest:guest@") -> str:
        return f"amqp://{user}{self._proxy.url.removeprefix('http://')}"

    def refusals(self, password: str, password_in_url: str) -> Mapping[str, Mapping[str, Any]]:
        away = f"127.0.0.1:{free_port()}"
        return {
            "as a setting": {"endpoint": self._url(""), "auth": ("guest", password)},
            "in the URL": {"endpoint": self._url(f"guest:{password_in_url}@")},
            "as a setting, away": {"endpoint": f"amqp://{away}", "auth": ("guest", password)},
            "in the URL, away": {"endpoint": f"amqp://guest:{password_in_url}@{away}"},
            "in the URL, to a server that has no TLS": {"endpoint": f"amqps://guest:{password_in_url}@{self._broker.address}"},
        }

    def received(self) -> list[bytes]:
        self._received += taken(self._broker, self._name)
        return list(self._received)


class TestRabbitmq(SenderContract, HasAddress, LimitsSize, HasCredentials):
    """A queue of a real broker."""

    @pytest.fixture
    def receiver(self, rabbitmq: RabbitmqBroker, proxy: Toxiproxy) -> Iterator[Queue]:
        proxy.heal()
        yield Queue(rabbitmq, proxy)
        proxy.heal()
