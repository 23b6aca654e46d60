"""Tags with a meaning in Zipkin: the kind, the remote endpoint, the error.

Rules: this runs on the reporter's thread and owns the tags.  All values that leave it are text.
Source: openzipkin/zipkin-api, zipkin2-api.yaml; OpenTracing's semantic conventions, "Span tags".
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from typing import Any

from .model import Endpoint, parse_ip
from .text import MAX_KEY_LENGTH, is_false

__all__ = ["HOST_NAME", "KIND_OF_TAG", "parse_address", "parse_port", "resolve_tags", "service_name_of", "tag_texts"]

# Both generations of the API ('c' is from 0.5, 'client' from 2.x); looked up in lower case.
KIND_OF_TAG = {
    "client": "CLIENT",
    "c": "CLIENT",
    "server": "SERVER",
    "s": "SERVER",
    "producer": "PRODUCER",
    "consumer": "CONSUMER",
}


_PEER_TAGS = frozenset(("peer.service", "peer.hostname", "peer.address", "peer.ipv4", "peer.ipv6", "peer.port"))

# The value of these tags may be a host name, and may have a port.
_HOST_TAGS = ("peer.hostname", "peer.address")

# Labels of letters, digits, - and _.  The last label is not a number, because a text with such an end is a malformed address.
HOST_NAME = re.compile(r"(?:[\w-]+\.)*(?!\d+$)[\w-]+")

MAX_NAME_LENGTH = 255  # the length of MySQL's column, and the limit of Elasticsearch's index

# Short keys that were seen before, other than `peer.*` and `error`.  A set test then shows that no tag of a span has a meaning.
MAX_PLAIN_KEYS = 2000
_plain_keys: set[str] = set()


def resolve_tags(
    tags: dict[str, Any], is_child: bool, are_texts: bool = False
) -> tuple[str | None, Endpoint | None, dict[str, str]]:
    """Kind, remote endpoint and the remaining tags as text; the dict of tags may be changed and returned.

    `is_child`: the span has a parent in this process.  Such a span with a peer and no kind is a CLIENT.  Any other span without
    kind keeps its `peer.*` as tags, because with two endpoints it would draw a wrong arrow in the dependency graph.
    `are_texts`: all values are known to be text.  The order in which tags were set does not matter.
    """
    kind = remote = None
    if "span.kind" in tags:
        given = tags["span.kind"]
        kind = KIND_OF_TAG.get(given) or KIND_OF_TAG.get(str(given).strip().lower())
        if kind is not None:
            del tags["span.kind"]
    if are_texts:
        if _plain_keys.issuperset(tags):  # nearly always; a span of two tags takes 25 % less time
            return kind, None, tags
        _learn(tags)
    if not _PEER_TAGS.isdisjoint(tags):
        if kind is None and is_child:
            kind = "CLIENT"
        if kind is not None:
            remote = _take_remote(tags)
    return kind, remote, tag_texts(tags)


def _learn(keys: Iterable[str]) -> None:
    for key in keys:
        if len(key) <= MAX_KEY_LENGTH and key not in _PEER_TAGS and key != "error" and len(_plain_keys) < MAX_PLAIN_KEYS:
            _plain_keys.add(key)  # new keys without end cost time, but never memory


def _take_remote(tags: dict[str, Any]) -> Endpoint | None:
    """The endpoint in the `peer.*` tags; tags that were understood are removed."""
    service_name, ipv4, ipv6, port = "", "", "", 0
    if type(tags.get("peer.service")) is str:
        service_name = service_name_of(tags.pop("peer.service"))
    for key in ("peer.ipv4", "peer.ipv6", *_HOST_TAGS):
        if key not in tags:
            continue
        found4, found6, found_port, host = parse_address(tags[key], key in _HOST_TAGS)
        if host and not service_name:
            service_name = service_name_of(host)
        elif not (found4 or found6):
            continue
        del tags[key]
        ipv4, ipv6, port = ipv4 or found4, ipv6 or found6, port or found_port
    if "peer.port" in tags:
        given = parse_port(tags["peer.port"])
        if given:
            del tags["peer.port"]
            port = given
    if not (service_name or ipv4 or ipv6 or port):
        return None
    return Endpoint(service_name, ipv4, ipv6, port)


def service_name_of(text: str) -> str:
    """A text as the name of a service, in the server's form."""
    return text.strip().lower()[:MAX_NAME_LENGTH]


def parse_address(value: Any, is_host: bool) -> tuple[str, str, int, str]:
    """IPv4 literal, IPv6 literal, port and host name in a tag's value; each is empty where it is absent.

    An int is an IPv4 address, as in 0.5.  `is_host`: the value may be a host name, and a port may follow.
    """
    if type(value) is int and 0 < value < 1 << 32:
        return socket.inet_ntoa(value.to_bytes(4, "big")), "", 0, ""
    if type(value) is not str:
        return "", "", 0, ""
    value = value.strip()
    ipv4, ipv6 = parse_ip(value)
    if ipv4 or ipv6 or not is_host:
        return ipv4, ipv6, 0, ""
    host, _, port_text = value.rpartition(":")
    port = parse_port(port_text)
    ipv4, ipv6 = parse_ip(host)
    if ipv4 or ipv6:
        return ipv4, ipv6, port, ""
    name = (host if port else value).removesuffix(".")
    return "", "", port, name if HOST_NAME.fullmatch(name) else ""


def parse_port(value: Any) -> int:
    """A port, 1 to 65535, from an int or digits; 0 for any other value."""
    value = value.strip() if type(value) is str else value
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    return value if type(value) is int and 0 < value < 65536 else 0


def tag_texts(tags: dict[str, Any]) -> dict[str, str]:
    """Tags as they are sent.  None is left out, and so is a false `error`, because the presence of `error` means an error."""
    sent = {}
    for key, value in tags.items():
        if value is None or (key == "error" and is_false(value)):
            continue
        if type(value) is not str:
            value = _TEXT_OF.get(type(value), str)(value)
        sent[key if len(key) <= MAX_KEY_LENGTH else key[:MAX_KEY_LENGTH]] = value
    return sent


_TEXT_OF: dict[type, Callable[[Any], str]] = {bool: lambda value: "true" if value else "false", int: str, float: repr}
