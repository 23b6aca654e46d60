"""The setting `endpoint` for all schemes: checks of its URLs, and the settings that belong to its sender.

Rules: each sender is a row of the table `_KINDS`.  All URLs of one setting are for the same sender.  No module is imported that
only one of the senders needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypedDict

from ..option import WrongSetting, options_of
from ..options import DEFAULT_ENDPOINT, ConnectionOptions, EndpointOptions, KafkaOptions, LinkOptions, SendingOptions
from . import collector_url
from .broker_url import kafka_url, rabbitmq_urls
from .collector_url import posted_url
from .url import shown, shown_value, split_urls

__all__ = [
    "CONSOLE",
    "HTTP",
    "KAFKA",
    "RABBITMQ",
    "check_settings",
    "console_path",
    "endpoints_of",
    "kind_of",
    "route_of",
    "scheme_of",
    "shown_target",
    "unused_settings",
]

HTTP, KAFKA, RABBITMQ, CONSOLE = "HTTP", "Kafka", "RabbitMQ", "console"
_URL_START = r"(?i:console:|[a-z][a-z0-9+.-]*://)"  # the beginning of a URL
_NEXT_URL = rf",\s*{_URL_START}"  # after `console:`, where another comma may belong to the file's name
_CONSOLE_REMEDY = "use console: for lines on stderr, or an absolute path behind it, for instance console:/var/log/spans.jsonl"


class _NoOptions(TypedDict, total=False):
    """The console's group of settings, which is empty."""


class _Kind(NamedTuple):
    """`options`: the group of settings that the sender takes; `check` gives the URLs, each as it is used."""

    schemes: tuple[str, ...]
    options: type
    check: Callable[[Any], list[str]]


def _check_kafka(endpoint: str | Sequence[str]) -> list[str]:
    kafka_url(endpoint)
    return split_urls(endpoint)


def _check_rabbitmq(endpoint: str | Sequence[str]) -> list[str]:
    rabbitmq_urls(endpoint)
    return split_urls(endpoint)


def _check_console(endpoint: str | Sequence[str]) -> list[str]:
    urls = [endpoint.strip()] if isinstance(endpoint, str) else split_urls(endpoint)
    if len(urls) > 1 or re.search(_NEXT_URL, urls[0]):
        raise WrongSetting("endpoint", "has console: and another URL; give only one of them, because lines go to one place")
    console_path(urls[0])
    return urls


_KINDS = {
    HTTP: _Kind(("http://", "https://"), ConnectionOptions, collector_url.http_endpoints_of),
    KAFKA: _Kind(("kafka://",), KafkaOptions, _check_kafka),
    RABBITMQ: _Kind(("amqp://", "amqps://"), LinkOptions, _check_rabbitmq),
    CONSOLE: _Kind(("console:",), _NoOptions, _check_console),
}


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


_SCHEMES = _listed([scheme for kind in _KINDS.values() for scheme in kind.schemes])


def _first_url(endpoint: Any) -> str:
    """The first URL in lower case; "" where it is no text."""
    first = next(iter(endpoint), "") if isinstance(endpoint, (list, tuple)) else endpoint
    return first.strip().lower() if isinstance(first, str) else ""


def kind_of(endpoint: Any) -> str:
    """The sender that the first URL's scheme chooses: HTTP, KAFKA, RABBITMQ or CONSOLE; nothing is checked."""
    text = _first_url(endpoint)
    for name, kind in _KINDS.items():
        if text.startswith(tuple(scheme.rstrip("/") for scheme in kind.schemes)):  # "kafka:9092" lacks the slashes
            return name
    return HTTP


def scheme_of(endpoint: Any) -> str:
    """The scheme of the first URL, as it is usually written."""
    schemes = _KINDS[kind_of(endpoint)].schemes
    return next((one for one in schemes if _first_url(endpoint).startswith(one)), schemes[0])


def endpoints_of(endpoint: str | Sequence[str]) -> list[str]:
    """Each URL of the setting, which is one URL, a list, or text with commas.  Raises WrongSetting that shows no credential."""
    if not isinstance(endpoint, (str, list, tuple)) or not endpoint:
        return collector_url.http_endpoints_of(endpoint)  # raises
    if no_texts := [one for one in endpoint if not isinstance(one, str)]:
        return collector_url.http_endpoints_of(no_texts)
    name = kind_of(endpoint)
    urls = [endpoint] if name == CONSOLE and isinstance(endpoint, str) else split_urls(endpoint)
    for url in urls:
        scheme = re.match(_URL_START, url)
        if scheme and scheme[0].lower() not in _KINDS[name].schemes:
            if kind_of(url) != HTTP or scheme[0].lower() in _KINDS[HTTP].schemes:
                raise WrongSetting("endpoint", f"has {name} and {kind_of(url)}; give the URLs of one sender only")
            raise WrongSetting("endpoint", f"is {shown_value(url)}; use a URL that begins with {_SCHEMES}")
    return _KINDS[name].check(endpoint)


def console_path(url: str) -> str:
    """The path after `console:`, unchanged; "" for stderr.  Raises WrongSetting."""
    path = url.strip()[len("console:") :]
    if path in ("", "//"):
        return ""
    if path.startswith("///"):  # the form of file:///path
        path = path[2:]
    if not os.path.isabs(path) or path.startswith("//") or not path.isprintable() or path.endswith("/"):
        raise WrongSetting("endpoint", f"is {shown_value(url)}; {_CONSOLE_REMEDY}")
    return path


def unused_settings(endpoint: Any, names: Iterable[str]) -> list[str]:
    """The names of those settings that belong to other senders than the endpoint's."""
    own = options_of(_KINDS[kind_of(endpoint)].options)
    of_others = options_of(SendingOptions).keys() - options_of(EndpointOptions).keys() - own.keys()
    return [name for name in names if name in of_others]


def check_settings(endpoint: Any, names: Iterable[str]) -> None:
    """Raise WrongSetting where one of the settings given belongs to another sender than the endpoint's."""
    for name in unused_settings(endpoint, names):
        schemes = [scheme for other in _KINDS.values() if name in options_of(other.options) for scheme in other.schemes]
        problem = f"cannot be used with an endpoint that begins with {scheme_of(endpoint)}"
        raise WrongSetting(name, f"{problem}; leave it out, or use an endpoint that begins with {_listed(schemes)}")


def route_of(endpoint: str | Sequence[str] = DEFAULT_ENDPOINT) -> str:
    """A URL of the first host that spans are sent to; "" for the console."""
    name = kind_of(endpoint)
    first = endpoints_of(endpoint)[0]
    if name == KAFKA:
        return f"kafka://{kafka_url(first).brokers[0]}"
    return "" if name == CONSOLE else first


def shown_target(endpoint: str, path: str) -> str:
    """The place where spans go, for a log line; `endpoint` is one of `endpoints_of`, `path` the encoder's."""
    if kind_of(endpoint) == HTTP:
        return shown(posted_url(endpoint, path))
    if kind_of(endpoint) == CONSOLE:
        return console_path(endpoint) or "stderr"
    return shown(endpoint)
