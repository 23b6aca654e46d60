"""A broker's URL: `kafka://a:9092,b:9092/topic` and `amqp://user@host/vhost?queue=zipkin`, read strictly.

Rules: a text that could be a credential is shown neither in an error nor in a repr.  User and password are percent-decoded.
Any other part of a URL is refused, because it would have no effect.
Source: RabbitMQ, "URI Specification"; Kafka, "Topics": legal names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ..option import WrongSetting
from .url import check_url, shown, shown_value, split_urls

__all__ = ["KafkaUrl", "RabbitmqUrl", "kafka_url", "rabbitmq_urls"]

DEFAULT_NAME = "zipkin"  # of the topic and of the queue that a Zipkin server reads by default
KAFKA_REMEDY = "use its brokers and the topic, for instance kafka://one:9092,two:9092/zipkin"
RABBITMQ_REMEDY = "use the broker's URL, for instance amqp://user:password@host:5672/vhost?queue=zipkin"
MAX_NAME_BYTES = 255  # of a queue and of a virtual host: AMQP's short text

_KAFKA_PORT = 9092
_RABBITMQ_PORTS = {"amqp": 5672, "amqps": 5671}
_TOPIC = r"[a-zA-Z0-9._-]{1,249}"


class KafkaUrl(NamedTuple):
    """Brokers, each `host:port`, and the topic; user and password are None where none are given."""

    brokers: tuple[str, ...]
    topic: str
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"kafka://{','.join(self.brokers)}/{self.topic}"


class RabbitmqUrl(NamedTuple):
    """One broker and the queue; user and password are None where none are given."""

    host: str
    port: int
    vhost: str
    queue: str
    user: str | None
    password: str | None
    tls: bool

    def __repr__(self) -> str:
        """The virtual host is left out, because it may tell the user's name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'amqps' if self.tls else 'amqp'}://{host}:{self.port} queue {self.queue}"


def kafka_url(endpoint: str | Sequence[str]) -> KafkaUrl:
    """The brokers of all URLs together, which must have the same topic and user.  Raises WrongSetting."""
    first, *others = [_kafka_url(one) for one in split_urls(endpoint)]
    for other in others:
        if other.topic != first.topic:
            problem = f"has two topics, {first.topic} and {other.topic}; write all brokers into one URL, kafka://one,two/topic"
            raise WrongSetting("endpoint", problem)
        if (other.user, other.password) != (first.user, first.password):
            problem = "has two users or passwords; write all brokers into one URL, kafka://user:password@one,two/topic"
            raise WrongSetting("endpoint", problem)
    brokers = (broker for url in (first, *others) for broker in url.brokers)
    return first._replace(brokers=tuple(dict.fromkeys(brokers)))


def _kafka_url(url: str) -> KafkaUrl:
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        check_url("endpoint", url, KAFKA_REMEDY, ("kafka",))  # raises
    authority, slash, path = rest.partition("/")
    before, at, hosts = authority.rpartition("@")
    if "," in hosts and not all(map(str.strip, hosts.split(","))):
        raise WrongSetting("endpoint", f"has an empty part among its brokers; leave out the comma, or {KAFKA_REMEDY}")
    parts = [
        _check_broker_url(f"{scheme}://{before}{at}{host}{slash}{path}", ("kafka",), KAFKA_REMEDY) for host in hosts.split(",")
    ]
    if "@" in before:
        raise WrongSetting("endpoint", f"is {shown_value(url)}; write user and password once, before the first broker")
    if "?" in url:
        raise WrongSetting("endpoint", f"is {shown_value(url)}; leave out the query, there are settings such as kafka_acks")
    topic = path.removesuffix("/") or DEFAULT_NAME
    if not re.fullmatch(_TOPIC, topic) or topic in (".", ".."):
        remedy = "a topic's name has letters, digits and ._- only"
        raise WrongSetting("endpoint", f"is {shown_value(url)}; {remedy}, for instance kafka://one:9092/zipkin")
    user, password = _user(url, parts[0])
    if "@" in authority and not (user and password):
        raise WrongSetting("endpoint", f"is {shown_value(url)}; write user:password@, or give both as auth")
    return KafkaUrl(tuple(_host_and_port(one) for one in parts), topic, user, password)


def rabbitmq_urls(endpoint: str | Sequence[str]) -> list[RabbitmqUrl]:
    """Each broker of the setting, in its order.  Raises WrongSetting."""
    return [_rabbitmq_url(one) for one in split_urls(endpoint)]


def _rabbitmq_url(url: str) -> RabbitmqUrl:
    parts = _check_broker_url(url, tuple(_RABBITMQ_PORTS), RABBITMQ_REMEDY)
    path = parts.path.removeprefix("/")
    if "/" in path:
        raise WrongSetting("endpoint", f"is {shown(url)!r}; write a slash in the virtual host as %2F")
    vhost = unquote(path) or "/"
    if not _is_name(vhost):
        problem = f"a virtual host's name has up to {MAX_NAME_BYTES} bytes that can be printed"
        raise WrongSetting("endpoint", f"is {shown(url)!r}; {problem}")
    user, password = _user(url, parts)
    if user is None and password:
        raise WrongSetting("endpoint", f"is {shown(url)!r} with a password and no user; write user:password@")
    return RabbitmqUrl(
        parts.hostname or "",
        parts.port or _RABBITMQ_PORTS[parts.scheme],
        vhost,
        _queue(url, parts.query),
        user,
        password,
        parts.scheme == "amqps",
    )


def _queue(url: str, query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(key != "queue" for key, _ in pairs) or len(pairs) > 1 or (query and not pairs):
        raise WrongSetting("endpoint", f"is {shown(url)!r}; a query is one queue=name and nothing else")
    queue = pairs[0][1] if pairs else DEFAULT_NAME
    if not queue or not _is_name(queue):
        raise WrongSetting("endpoint", f"is {shown(url)!r}; a queue's name has 1 to {MAX_NAME_BYTES} bytes that can be printed")
    return queue


def _is_name(text: str) -> bool:
    return text.isprintable() and len(text.encode()) <= MAX_NAME_BYTES


def _check_broker_url(url: str, schemes: Sequence[str], remedy: str) -> SplitResult:
    parts = urlsplit(check_url("endpoint", url, remedy, schemes))
    if parts.port == 0:  # `parts.port or default` would take it for none
        raise WrongSetting("endpoint", f"is {shown_value(url)}; a broker's port is 1 to 65535")
    return parts


def _user(url: str, parts: SplitResult) -> tuple[str | None, str | None]:
    user, password = (None if part is None else _percent_decoded(url, part) for part in (parts.username, parts.password))
    return user or None, password


def _percent_decoded(url: str, part: str) -> str:
    """The part, percent-decoded; raises for bytes that are not UTF-8, because a mended password would be a wrong password."""
    with suppress(UnicodeDecodeError):
        text = unquote(part, errors="strict")
        if "\0" not in text:  # NUL is the separator of user and password in the login
            return text
    raise WrongSetting("endpoint", f"is {shown_value(url)} with a user or password that is not UTF-8, or has %00")


def _host_and_port(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or _KAFKA_PORT}"
