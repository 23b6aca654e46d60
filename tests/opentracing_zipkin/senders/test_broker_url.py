"""Brokers' URLs, read strictly."""

from __future__ import annotations

import re
from typing import Any

import pytest

from opentracing_zipkin.senders.broker_url import KafkaUrl, RabbitmqUrl, kafka_url, rabbitmq_urls
from opentracing_zipkin.senders.url import shown

SECRET = "hunter22"

KAFKA: list[tuple[Any, KafkaUrl]] = [
    ("kafka://a", KafkaUrl(("a:9092",), "zipkin", None, None)),
    ("kafka://a/", KafkaUrl(("a:9092",), "zipkin", None, None)),
    ("KAFKA://a:1,b/Spans.v2_-x/", KafkaUrl(("a:1", "b:9092"), "Spans.v2_-x", None, None)),
    ("kafka://[::1]:1,[fe80::1]/t", KafkaUrl(("[::1]:1", "[fe80::1]:9092"), "t", None, None)),
    ("kafka://us%40er:p%2Fw%2C@a,b/t", KafkaUrl(("a:9092", "b:9092"), "t", "us@er", "p/w,")),
    ("kafka://u:%E2%82%AC%25%3A%3F%23@a", KafkaUrl(("a:9092",), "zipkin", "u", "€%:?#")),
    ("kafka://user:p,w@a,b", KafkaUrl(("a:9092", "b:9092"), "zipkin", "user", "p,w")),
    ("kafka://a/t, kafka://b/t", KafkaUrl(("a:9092", "b:9092"), "t", None, None)),
    (["kafka://u:p@a/t", "kafka://u:p@b,a:9092/t"], KafkaUrl(("a:9092", "b:9092"), "t", "u", "p")),
]


@pytest.mark.parametrize(("endpoint", "expected"), KAFKA)
def test_brokers_topic_and_user_are_read(endpoint: Any, expected: KafkaUrl) -> None:
    """Commas separate brokers, also in several URLs, and user and password are percent-decoded."""
    assert expected == kafka_url(endpoint)


RABBITMQ: list[tuple[Any, list[RabbitmqUrl]]] = [
    ("amqp://h", [RabbitmqUrl("h", 5672, "/", "zipkin", None, None, False)]),
    ("amqps://h/", [RabbitmqUrl("h", 5671, "/", "zipkin", None, None, True)]),
    ("amqp://h/%2F?queue=spans", [RabbitmqUrl("h", 5672, "/", "spans", None, None, False)]),
    ("amqp://user@h:1/shop%2Feu?queue=a%20b", [RabbitmqUrl("h", 1, "shop/eu", "a b", "user", None, False)]),
    ("amqp://us%40er:p%2Fw@[::1]", [RabbitmqUrl("::1", 5672, "/", "zipkin", "us@er", "p/w", False)]),
    (
        "amqp://a/v,amqps://b/v",
        [RabbitmqUrl("a", 5672, "v", "zipkin", None, None, False), RabbitmqUrl("b", 5671, "v", "zipkin", None, None, True)],
    ),
]


@pytest.mark.parametrize(("endpoint", "expected"), RABBITMQ)
def test_each_broker_with_its_virtual_host_and_queue_is_read(endpoint: Any, expected: list[RabbitmqUrl]) -> None:
    """Each broker has its virtual host and its queue, in the order in which they are tried."""
    assert expected == rabbitmq_urls(endpoint)


WRONG = [
    (kafka_url, "kafka://", "use its brokers and the topic"),
    (kafka_url, "kafka://a,,b", "use its brokers and the topic"),
    (kafka_url, "kafka://a, b", "use its brokers and the topic"),
    (kafka_url, "kafka:9092", "use its brokers and the topic"),
    (kafka_url, f"kafka:u:{SECRET}@a", "use its brokers and the topic"),
    (kafka_url, "kafka://a,b:0/t", "a broker's port is 1 to 65535"),
    (kafka_url, f"kafka://u:{SECRET}%FF@a/t", "user or password that is not UTF-8, or has %00"),
    (kafka_url, f"kafka://u:{SECRET}%00@a/t", "user or password that is not UTF-8, or has %00"),
    (kafka_url, "kafka://a,b:70000/t", "Port out of range 0-65535"),
    (kafka_url, "kafka://a,b:x/t", "the text behind its colon is no port"),
    (kafka_url, "kafka://a/t/u", "a topic's name has letters"),
    (kafka_url, "kafka://a/..", "a topic's name has letters"),
    (kafka_url, "kafka://a/" + "t" * 250, "a topic's name has letters"),
    (kafka_url, f"kafka://u:{SECRET}@a/t%20u", "a topic's name has letters"),
    (kafka_url, f"kafka://a/t?password={SECRET}", "leave out the query, there are settings such as kafka_acks"),
    (kafka_url, f"kafka://a/t#{SECRET}", "leave out the # and the text after it"),
    (kafka_url, f"kafka://u:{SECRET}@a,u:{SECRET}@b/t", "write user and password once, before the first broker"),
    (kafka_url, f"kafka://{SECRET}@a/t", "write user:password@, or give both as auth"),
    (kafka_url, f"kafka://:{SECRET}@a/t", "write user:password@, or give both as auth"),
    (kafka_url, "kafka://a/t,kafka://b/u", "write all brokers into one URL, kafka://one,two/topic"),
    (kafka_url, f"kafka://a/t,kafka://u:{SECRET}@b/t", "write all brokers into one URL, kafka://user:password@one,two/topic"),
    (kafka_url, f"kafka://u:{SECRET}/@a/t", "the text behind its colon is no port"),
    (rabbitmq_urls, "amqp://", "use the broker's URL"),
    (rabbitmq_urls, "amqp:host", "use the broker's URL"),
    (rabbitmq_urls, "amqp://h:0", "a broker's port is 1 to 65535"),
    (rabbitmq_urls, f"amqp://:{SECRET}@h", "with a password and no user; write user:password@"),
    (rabbitmq_urls, f"amqp://u%FF:{SECRET}@h", "user or password that is not UTF-8, or has %00"),
    (rabbitmq_urls, f"amqp://u%00:{SECRET}@h", "user or password that is not UTF-8, or has %00"),
    (rabbitmq_urls, "amqp://h/" + "v" * 256, "a virtual host's name has up to 255 bytes that can be printed"),
    (rabbitmq_urls, f"amqp://u:{SECRET}@h/%C3%BC%00", "a virtual host's name has up to 255 bytes that can be printed"),
    (rabbitmq_urls, "amqp://a,b", "use the broker's URL"),
    (rabbitmq_urls, f"amqp://u:{SECRET}@h/a/b", "write a slash in the virtual host as %2F"),
    (rabbitmq_urls, f"amqp://u:{SECRET}@h/v?queue=a&queue=b", "a query is one queue=name and nothing else"),
    (rabbitmq_urls, f"amqp://h/v?password={SECRET}", "a query is one queue=name and nothing else"),
    (rabbitmq_urls, f"amqp://h/v?{SECRET}", "a query is one queue=name and nothing else"),
    (rabbitmq_urls, "amqp://h/v?queue=", "a queue's name has 1 to 255 bytes"),
    (rabbitmq_urls, "amqp://h/v?queue=" + "q" * 256, "a queue's name has 1 to 255 bytes"),
    (rabbitmq_urls, f"amqp://u:{SECRET}@h:99999", "Port out of range 0-65535"),
    (rabbitmq_urls, f"amqp://u:{SECRET}/x@h", "the text behind its colon is no port"),
]


@pytest.mark.parametrize(("read", "endpoint", "remedy"), WRONG)
def test_a_wrong_broker_url_is_told_without_its_credentials(read: Any, endpoint: str, remedy: str) -> None:
    """A wrong URL raises ValueError with the remedy, and without a credential in its chain."""
    with pytest.raises(ValueError, match=r"^endpoint ") as caught:
        read(endpoint)

    assert remedy in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None is caught.value.__context__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"kafka://u:{SECRET}@a:1,b/t", "kafka://a:1,b/t"),
        (f"kafka://u:{SECRET},x@a,b/t", "kafka://a,b/t"),
        (f"kafka://u:{SECRET}/t", "kafka://***"),
        (f"kafka://a,u:{SECRET}/t", "kafka://***"),
        (f"amqp://u:{SECRET}@h/v?queue={SECRET}", "amqp://h/v?***"),
        (f"amqps://{SECRET}@h", "amqps://h"),
    ],
)
def test_a_broker_url_is_shown_without_its_credentials(text: str, expected: str) -> None:
    """A broker URL is shown with all brokers and without credentials."""
    assert expected == shown(text)


def test_what_was_read_shows_no_credentials_either() -> None:
    """The repr of a read URL has no credential, because somebody may print it."""
    found = [kafka_url(f"kafka://me:{SECRET}@a,b/t"), *rabbitmq_urls(f"amqps://me:{SECRET}@[::1]/v?queue=q")]

    assert ["kafka://a:9092,b:9092/t", "amqps://[::1]:5671 queue q"] == list(map(repr, found))
    assert not re.search(f"{SECRET}|me", repr(found) + str(found))
