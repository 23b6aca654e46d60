"""The RabbitMQ sender's settings, its words on the wire, and its words about failures."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from typing import Any

import pytest
from pika import spec

from opentracing_zipkin.option import WrongSetting
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.rabbitmq import RabbitmqSender

from .certificates import Certificates
from .raw_broker import Answer, Talk, raw_broker

SECRET = "pa$$/wörd?1"
ESCAPED = "pa%24%24%2Fw%C3%B6rd%3F1"


def refusing(code: int, text: str, channel: bool = False) -> Answer:
    def refuse(talk: Talk) -> None:
        close = (spec.Channel if channel else spec.Connection).Close(code, text, 0, 0)
        talk.say(close, channel=None if channel else 0)

    return refuse


def failure(broker_url: str, body: bytes = b"[]", **options: Any) -> SendError:
    sender = RabbitmqSender(broker_url, **{"send_timeout": 5, **options})
    with pytest.raises(SendError) as caught:
        sender.send(body)
    sender.close()
    return caught.value


# On the wire


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'[{"id":"1"}]', "application/json"),
        (b"\x0c\x00\x00\x00\x01", "application/x-thrift"),
        (b"\n\x02ab", "application/x-protobuf"),
        (b"?", "application/octet-stream"),
    ],
)
def test_a_message_is_persistent_mandatory_and_goes_to_the_queue(body: bytes, content_type: str) -> None:
    """A message is sent through the default exchange, with the content type of its encoding."""
    with raw_broker() as broker:
        sender = RabbitmqSender(f"{broker.url}/tracing?queue=spans")
        sender.send(body)
        sender.close()
    [message] = broker.messages
    [opened] = [method for method in broker.methods if isinstance(method, spec.Connection.Open)]

    assert body == message.body
    assert ("", "spans", True) == (message.publish.exchange, message.publish.routing_key, message.publish.mandatory)
    assert (content_type, 2) == (message.properties.content_type, message.properties.delivery_mode)
    assert "tracing" == opened.virtual_host


def test_a_long_message_is_cut_into_frames_that_the_broker_takes() -> None:
    """No frame is longer than the broker's limit, because RabbitMQ would close the connection."""
    body = b"[" + b"x" * 300_000 + b"]"
    longest: list[int] = []

    def count(talk: Talk) -> None:
        talk.say(spec.Connection.Tune(2047, 4096, 60))
        read = talk.read

        def counted() -> Any:
            found = read()
            longest.append(len(getattr(found, "fragment", b"")) + 8)
            return found

        talk.read = counted  # type: ignore[method-assign]

    with raw_broker({"Connection.StartOk": count}) as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(body)
        sender.close()

    assert [body] == [message.body for message in broker.messages]
    assert 4096 == max(longest)


def test_messages_share_a_connection_which_ends_with_a_farewell() -> None:
    """Messages share a connection, and it ends with a farewell, so that the broker logs no warning."""
    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        for _ in range(5):
            sender.send(b"[]")
        sender.close()
        broker.await_said("Connection.Close")

    assert (5, 1) == (len(broker.messages), len(broker.connections))
    assert "Connection.Close" == broker.said()[-1]


def test_no_heartbeats_are_asked_for() -> None:
    """No heartbeats are asked for, because an idle application would not send them, and the broker would close the connection."""
    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[]")
        sender.close()
    [tuned] = [method for method in broker.methods if isinstance(method, spec.Connection.TuneOk)]

    assert 0 == tuned.heartbeat


def test_a_queue_that_is_there_is_looked_at_only() -> None:
    """An existing queue is not declared, so that any arguments and a user without permissions will do."""
    with raw_broker() as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[]")
        sender.close()
    [declared] = [method for method in broker.methods if isinstance(method, spec.Queue.Declare)]

    assert ("zipkin", True) == (declared.queue, declared.passive)


def test_a_queue_that_is_missing_is_declared_as_zipkin_declares_it() -> None:
    """A missing queue is declared durable, not exclusive, not auto-deleted and without arguments."""

    def miss(talk: Talk) -> None:
        if talk.channel == 1:
            talk.say(spec.Channel.Close(404, "NOT_FOUND - no queue 'zipkin' in vhost '/'", 50, 10))
        else:
            talk.say(spec.Queue.DeclareOk("zipkin", 0, 0))

    with raw_broker({"Queue.Declare": miss}) as broker:
        sender = RabbitmqSender(broker.url)
        sender.send(b"[]")
        sender.close()
    [_, declared] = [method for method in broker.methods if isinstance(method, spec.Queue.Declare)]

    assert 1 == len(broker.messages)
    assert ("zipkin", False, True) == (declared.queue, declared.passive, declared.durable)
    assert (False, False, {}) == (declared.exclusive, declared.auto_delete, declared.arguments)


# Logging in


@pytest.mark.parametrize(
    ("userinfo", "auth", "mechanisms", "expected"),
    [
        ("", None, "PLAIN", ("PLAIN", "\0guest\0guest")),
        ("ann:word@", None, "AMQPLAIN PLAIN", ("PLAIN", "\0ann\0word")),
        (f"a%40b:{ESCAPED}@", None, "PLAIN", ("PLAIN", f"\0a@b\0{SECRET}")),
        ("ann@", ("bob", "other"), "PLAIN", ("PLAIN", "\0bob\0other")),
        ("ann:word@", ("bob", "other"), "PLAIN EXTERNAL", ("PLAIN", "\0bob\0other")),
        ("", None, "PLAIN EXTERNAL", ("EXTERNAL", "")),
    ],
)
def test_user_and_password_come_from_the_endpoint_or_from_auth(
    userinfo: str, auth: tuple[str, str] | None, mechanisms: str, expected: tuple[str, str]
) -> None:
    """`auth` wins over the endpoint; without both, the certificate is used if the broker takes it, else guest."""
    start = spec.Connection.Start(0, 9, {}, mechanisms, "en_US")
    with raw_broker({"greeting": lambda talk: talk.say(start)}) as broker:
        sender = RabbitmqSender(broker.url.replace("//", f"//{userinfo}"), auth=auth)
        sender.send(b"[]")
        sender.close()
    [started] = [method for method in broker.methods if isinstance(method, spec.Connection.StartOk)]

    assert (expected[0], expected[1].encode()) == (started.mechanism, started.response)


def test_a_client_certificate_is_shown_to_a_broker_with_tls(certificates: Certificates) -> None:
    """The broker gets our client certificate, and its own is verified with `ca_bundle`."""
    with raw_broker(context=certificates.server) as broker:
        sender = RabbitmqSender(
            broker.url.replace("amqp:", "amqps:"),
            ca_bundle=certificates.authority,
            client_cert=certificates.client_cert,
            client_key=certificates.client_key,
        )
        sender.send(b"[" + b"x" * 200_000 + b"]")
        sender.close()

    assert 1 == len(broker.messages)


def test_a_certificate_of_an_unknown_authority_is_refused(certificates: Certificates) -> None:
    """An unknown authority fails with the remedy, before the password is sent."""
    with raw_broker(context=certificates.server) as broker:
        error = failure(broker.url.replace("amqp://", "amqps://ann:word@"))

    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert str(error).endswith("; give the authority's certificate as ca_bundle")
    assert [] == broker.methods


# Wrong settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": "amqp://ann@localhost"}, "a user and no password; write user:password@, or give both as auth"),
        ({"endpoint": f"amqp://ann:{ESCAPED}@localhost?heartbeat=5"}, "a query is one queue=name and nothing else"),
        ({"endpoint": f"amqp://ann:{ESCAPED}@localhost/a/b"}, "write a slash in the virtual host as %2F"),
        ({"endpoint": f"http://ann:{ESCAPED}@localhost"}, "use the broker's URL, for instance amqp://"),
        ({"ca_bundle": __file__}, "ca_bundle cannot be read; use certificates in PEM form"),
        ({"client_cert": __file__}, "client_cert cannot be read; use a certificate and its key in PEM form, not encrypted"),
        ({"ca_bundle": "/nowhere"}, "use the path of an existing PEM file"),
        ({"auth": SECRET}, "use ('user', 'password')"),
        ({"send_timeout": 0}, "use a number from"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else None,
)
def test_a_wrong_setting_raises_at_once_with_the_remedy(settings: dict[str, Any], words: str) -> None:
    """A wrong setting raises at once, with the remedy and without a credential."""
    with pytest.raises(WrongSetting) as caught:
        RabbitmqSender(**{"endpoint": "amqps://localhost", **settings})

    assert words in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert ESCAPED not in "".join(traceback.format_exception(caught.value))


def test_a_setting_of_http_is_none_of_rabbitmq() -> None:
    """A setting of HTTP raises TypeError, like any unknown argument."""
    with pytest.raises(TypeError, match=r"RabbitmqSender\(\) has no argument 'compress'"):
        RabbitmqSender("amqp://localhost", compress=True)  # type: ignore[call-arg]


def test_without_pika_the_extra_is_named() -> None:
    """Without pika the ImportError names the extra."""
    code = "import sys; sys.modules['pika'] = None; import opentracing_zipkin.senders.rabbitmq"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    last = done.stderr.strip().splitlines()[-1]

    assert last.startswith("ImportError: an endpoint with amqp:// needs pika: install the extra 'rabbitmq'")


# Failures in words

REFUSALS: list[tuple[str, int, str, str, bool]] = [
    # what the client has said, the broker's code, its words, ours, whether it may pass
    ("Connection.StartOk", 403, "ACCESS_REFUSED - Login was refused", "give user and password in the endpoint", False),
    ("Connection.Open", 530, "NOT_ALLOWED - vhost x not found", "name a virtual host that exists", False),
    ("Connection.Open", 530, "NOT_ALLOWED - access to vhost 'x' refused", "that the user may access", False),
    ("Connection.Open", 530, "NOT_ALLOWED - connection limit (1) is reached", "the broker has closed the connection", True),
    ("Connection.Open", 541, "INTERNAL_ERROR - vhost 'x' is down", "the broker has closed the connection", True),
    ("Basic.Publish", 320, "CONNECTION_FORCED - broker forced connection closure", "the broker has closed", True),
]
REFUSALS_ON_THE_CHANNEL: list[tuple[str, int, str, str, bool]] = [
    ("Queue.Declare", 405, "RESOURCE_LOCKED - exclusive queue", "or name another one with ?queue=", False),
    ("Queue.Declare", 403, "ACCESS_REFUSED - access to queue", "let the user read the queue", False),
    ("Basic.Publish", 403, "ACCESS_REFUSED - access to exchange", "let the user write to the exchange amq.default", False),
]


@pytest.mark.parametrize(
    ("after", "code", "text", "words", "retryable", "channel"),
    [(*row, False) for row in REFUSALS] + [(*row, True) for row in REFUSALS_ON_THE_CHANNEL],
)
def test_a_refusal_is_told_in_the_brokers_words_with_the_remedy(
    after: str, code: int, text: str, words: str, retryable: bool, channel: bool
) -> None:
    """A refusal due to a setting is for good, like HTTP's 401, 403 and 404; after a fault of the broker a retry makes sense."""
    with raw_broker({after: refusing(code, text, channel)}) as broker:
        error = failure(broker.url)

    assert str(error).startswith(f"{broker.url} queue zipkin: ")
    assert text in str(error)
    assert words in str(error)
    assert (retryable, False) == (error.retryable, error.divisible)


def test_a_queue_that_may_not_be_declared_may_come_later() -> None:
    """A refused declaration allows a retry, because the Zipkin server declares the queue at its start."""

    def refuse(talk: Talk) -> None:
        code, text = (404, "NOT_FOUND") if talk.channel == 1 else (403, "ACCESS_REFUSED - access to queue 'zipkin'")
        talk.say(spec.Channel.Close(code, text, 50, 10))

    with raw_broker({"Queue.Declare": refuse}) as broker:
        error = failure(broker.url)

    assert "ACCESS_REFUSED - access to queue 'zipkin'; declare the queue, start the Zipkin server" in str(error)
    assert True is error.retryable


@pytest.mark.parametrize(
    ("code", "text"),
    [(406, "PRECONDITION_FAILED - message size 400001 is larger than configured max size 100000"), (311, "CONTENT_TOO_LARGE")],
)
def test_a_message_that_is_too_large_may_be_divided(code: int, text: str) -> None:
    """A message over the broker's limit is `too_large` at once, without a try on another connection."""
    with raw_broker({"Basic.Publish": refusing(code, text, channel=True)}) as broker:
        error = failure(broker.url)

    assert (True, True, False) == (error.too_large, error.divisible, error.retryable)
    assert 1 == len(broker.messages)


def test_a_message_that_the_queue_refuses_may_be_taken_later() -> None:
    """A basic.nack, for instance of a full queue with `reject-publish`, allows a retry, and the connection is kept."""
    with raw_broker({"Basic.Publish": lambda talk: talk.say(spec.Basic.Nack(talk.tag))}) as broker:
        sender = RabbitmqSender(broker.url)
        for _ in range(2):
            with pytest.raises(SendError, match="the queue may be full") as caught:
                sender.send(b"[]")
        sender.close()

    assert True is caught.value.retryable
    assert 1 == len(broker.connections)


def test_a_message_that_no_queue_takes_is_no_success() -> None:
    """A message that the broker returns is a failure, although it is confirmed, and a retry makes sense."""

    def give_back(talk: Talk) -> None:
        talk.say(spec.Basic.Return(312, "NO_ROUTE", "", "zipkin"))
        talk.connection.sendall(_content(talk, b"[]"))
        talk.say(spec.Basic.Ack(talk.tag))

    with raw_broker({"Basic.Publish": give_back}) as broker:
        error = failure(broker.url)

    assert "no queue has taken the message (NO_ROUTE)" in str(error)
    assert True is error.retryable


def _content(talk: Talk, body: bytes) -> bytes:
    from pika import frame

    header = frame.Header(talk.channel, len(body), spec.BasicProperties())
    return bytes(header.marshal() + frame.Body(talk.channel, body).marshal())


# Credentials


@pytest.mark.parametrize("after", ["greeting", "Connection.StartOk", "Connection.Open", "Queue.Declare", "Basic.Publish"])
def test_a_password_is_shown_nowhere(after: str, caplog: pytest.LogCaptureFixture) -> None:
    """The password is in no error, chain, repr or log, even if the broker repeats it."""
    caplog.set_level(logging.DEBUG)
    with raw_broker({after: refusing(403, f"no {SECRET} or {ESCAPED}")}) as broker:
        sender = RabbitmqSender(broker.url.replace("//", f"//ann:{ESCAPED}@") + "?queue=spans")
        with pytest.raises(SendError) as caught:
            sender.send(b"[]")
        shown = "".join(traceback.format_exception(caught.value)) + repr(sender) + caplog.text
        sender.close()

    assert "no *** or ***" in str(caught.value)
    assert None is caught.value.__context__ is caught.value.__cause__
    assert [] == [word for word in (SECRET, ESCAPED, "wörd", "ann") if word in shown.replace(__file__, "")]
    assert f"RabbitmqSender('{broker.url} queue spans')" == repr(sender)


def test_nothing_is_logged_by_pika(caplog: pytest.LogCaptureFixture) -> None:
    """pika logs nothing of our messages, and its loggers are left to the application."""
    caplog.set_level(logging.DEBUG)
    with raw_broker({"Basic.Publish": refusing(320, "CONNECTION_FORCED")}) as broker:
        failure(broker.url)

    assert [] == caplog.records
    assert logging.NOTSET == logging.getLogger("pika").level
