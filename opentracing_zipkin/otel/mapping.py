"""Translates OpenTelemetry's attributes, status, events, links and peer addresses into Zipkin's.

Rules: this file imports nothing of OpenTelemetry; a kind is Zipkin's word or None.  No function here raises, whatever a value
is, and no text is longer than `max_length` characters.
Source: opentelemetry-specification of 2026-08: trace/sdk_exporters/zipkin.md, common/mapping-to-non-otlp.md, and
common/README.md, "AnyValue representation for non-OTLP protocols"; semantic conventions, the old ones of 1.20 and today's.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from json.encoder import encode_basestring as _quoted  # the function in C that json.dumps uses
from operator import itemgetter
from typing import Any

from ..codec.memo import Memo, remember
from ..model import Endpoint, parse_ip
from ..pruning import Pruning
from ..tags import HOST_NAME, parse_address, parse_port, service_name_of
from ..text import MAX_KEY_LENGTH, cut, to_text

__all__ = [
    "DROPPED_ATTRIBUTES",
    "DROPPED_EVENTS",
    "DROPPED_LINKS",
    "MAX_INT",
    "MAX_TEXT_LENGTH",
    "RemoteEndpoints",
    "attribute_text",
    "dropped_tags",
    "endpoint_in_url",
    "endpoint_of",
    "error_text",
    "event_text",
    "link_text",
    "scope_tags",
    "status_tags",
    "texts_of",
]

MAX_TEXT_LENGTH = 8192  # of a tag's value or an annotation; `max_tag_length` replaces it
MAX_INT = (1 << 63) - 1  # an attribute's whole number has 64 bits; greater ones are only handled with more care
MAX_FLAT_ATTRIBUTES = 10  # an event with more of them is written by the general encoder of JSON

# The tags that count what a limit has dropped.
DROPPED_ATTRIBUTES = "otel.dropped_attributes_count"
DROPPED_EVENTS = "otel.dropped_events_count"
DROPPED_LINKS = "otel.dropped_links_count"

_SEQUENCES = (list, tuple)
_SPECIAL_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # floats that JSON has no numbers for

# Attributes


def attribute_text(value: Any, max_length: int = MAX_TEXT_LENGTH) -> str:
    """An attribute's value as a tag: text unchanged, `true` or `false`, a number, bytes in base64, collections in JSON."""
    kind = type(value)
    if kind is str:
        return cut(value, max_length)
    if kind is bool:
        return cut("true" if value else "false", max_length)
    if kind is int:
        return str(value) if max_length >= 20 and -MAX_INT <= value <= MAX_INT else to_text(value, max_length)
    if kind is float:
        text = repr(value)
        return cut(_SPECIAL_FLOATS.get(text, text), max_length)
    if value is None:
        return ""
    if issubclass(kind, (bytes, bytearray)):
        return cut(b64encode(bytes(memoryview(value)[:max_length])).decode(), max_length)
    return _json_text(value, max_length) if _has_parts(kind) else to_text(value, max_length)


def _has_parts(kind: type) -> bool:
    try:
        return issubclass(kind, (*_SEQUENCES, Mapping))
    except Exception:  # a metaclass may make its classes unhashable, and Mapping looks them up in a set
        return False


def texts_of(attributes: Mapping[str, Any], max_length: int = MAX_TEXT_LENGTH) -> dict[str, str]:
    """Attributes as tags, without those whose value is None."""
    return {
        key if type(key) is str and len(key) <= MAX_KEY_LENGTH else to_text(key, MAX_KEY_LENGTH): value
        if type(value) is str and len(value) <= max_length
        else attribute_text(value, max_length)
        for key, value in attributes.items()
        if value is not None
    }


def _json_text(value: Any, max_length: int) -> str:
    try:
        if type(value) is dict and len(value) <= MAX_FLAT_ATTRIBUTES:  # nearly all events; this takes 33 % of the time
            flat = ", ".join([f"{_quoted(key)}: {_JSON_OF_TYPE[type(item)](item)}" for key, item in value.items()])
            if len(flat) < max_length - 1:
                return f"{{{flat}}}"
    except Exception:  # an item that is a collection, or a key that is no text
        pass
    try:
        known = value if issubclass(type(value), (*_SEQUENCES, dict)) else dict(value)
        copied = Pruning(max_length).copy(known)
        try:
            return cut(_json(copied), max_length)
        except ValueError:  # a float that JSON has no number for
            return cut(_json(_without_special(copied)), max_length)
    except Exception:  # a mapping or an item of the user's that raises
        return to_text(value, max_length)


def _to_json(value: Any) -> Any:
    """The replacement for an item that JSON does not know."""
    return dict(value) if _has_parts(type(value)) else attribute_text(value)


def _without_special(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return _SPECIAL_FLOATS.get(repr(value), value)
    if kind is dict:
        return {key: _without_special(item) for key, item in value.items()}
    return [_without_special(item) for item in value] if kind in _SEQUENCES else value


_JSON_OF_TYPE: dict[type, Callable[[Any], str]] = {str: _quoted, int: str, bool: lambda item: "true" if item else "false"}
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_to_json).encode


# Status, scope, and dropped parts


def error_text(description: str | None, attributes: Mapping[str, Any], events: Mapping[str, Any] | None = None) -> str:
    """The text of the tag `error` for a span whose status is ERROR.

    It is the status' description; without one, the text of an attribute `error`, else the recorded exception (`events` are the
    attributes of its event), else the attribute `error.type`; "" if none of these is there.
    """
    if description:
        return description
    error = attributes.get("error")
    if type(error) is str and error.strip().lower() not in ("", "true", "false"):
        return error
    if events:
        name, message = events.get("exception.type"), events.get("exception.message")
        found = ": ".join(attribute_text(part) for part in (name, message) if part)
        if found:
            return found
    return attribute_text(attributes.get("error.type"))


def status_tags(code: str, error: str = "") -> dict[str, str]:
    """The tags of a status, by the name of its code: none for UNSET; with the text `error` (see `error_text`) for ERROR."""
    if code == "OK":
        return {"otel.status_code": "OK"}
    if code == "ERROR":
        return {"otel.status_code": "ERROR", "error": error}
    return {}


def scope_tags(name: str | None, version: str | None) -> dict[str, str]:
    """The tags of an instrumentation scope, under their present and their former names; only those that are known."""
    tags = {}
    if name:
        tags["otel.scope.name"] = tags["otel.library.name"] = attribute_text(name)
    if version:
        tags["otel.scope.version"] = tags["otel.library.version"] = attribute_text(version)
    return tags


def dropped_tags(attributes: int, events: int, links: int) -> dict[str, str]:
    """The tags that count how many attributes, events and links a limit has dropped; none for a count of 0."""
    counts = {DROPPED_ATTRIBUTES: attributes, DROPPED_EVENTS: events, DROPPED_LINKS: links}
    return {tag: str(count) for tag, count in counts.items() if count}


# Events and links


def event_text(name: str, attributes: Mapping[str, Any] | None, max_length: int = MAX_TEXT_LENGTH) -> str:
    """An event as an annotation: `"name": {json}`, or only the name if the event has no attributes."""
    text = name if type(name) is str and len(name) <= max_length else to_text(name, max_length)
    return cut(f"{_quoted(text)}: {_json_text(attributes, max_length)}", max_length) if attributes else text


def link_text(
    trace_id: str, span_id: str, attributes: Mapping[str, Any] | None = None, max_length: int = MAX_TEXT_LENGTH
) -> str:
    """A link as an annotation: `link: trace id/span id`, followed by the link's attributes in JSON."""
    ids = f"link: {trace_id}/{span_id}"
    return cut(f"{ids} {_json_text(attributes, max_length)}", max_length) if attributes else ids


# The remote endpoint

# Keys that may hold an address, each with the key of its port: the connection's first, then the server's logical name.
_ADDRESS_KEYS = (
    ("network.peer.address", "network.peer.port"),
    ("server.socket.address", "server.socket.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("net.peer.ip", "net.peer.port"),
    ("server.address", "server.port"),
    ("net.peer.name", "net.peer.port"),
    ("peer.address", "peer.port"),
    ("peer.hostname", "peer.port"),
)
# Keys of a server's name, in the order of the specification.
_HOST_KEYS = (
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "server.socket.domain",
    "net.sock.peer.name",
    "peer.hostname",
    "peer.address",
)
_PORT_KEYS = ("server.port", "net.peer.port", "network.peer.port", "server.socket.port", "net.sock.peer.port", "peer.port")
# Keys of a caller's address: the connection's first, then those that a proxy's header may set.
_CALLER_KEYS = (
    ("network.peer.address", "network.peer.port"),
    ("client.socket.address", "client.socket.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("client.address", "client.port"),
    ("net.peer.ip", "net.peer.port"),
    ("peer.address", "peer.port"),
)
_NAME_KEYS = ("peer.service", "db.namespace", "db.name", "db.system.name", "db.system", "messaging.system")

# Keys of values that make the remote endpoint, and keys of URLs, which are read if none of those is present.
_PEER_KEYS = frozenset(
    (
        "messaging.url",
        "celery.action",
        "rpc.service",
        *_NAME_KEYS,
        *_HOST_KEYS,
        *_PORT_KEYS,
        *chain(*_ADDRESS_KEYS, *_CALLER_KEYS),
    )
)
_URL_KEYS = frozenset(("http.host", "url.full", "http.url"))
MAX_URL_LENGTH = 2048  # the part of a URL that is searched for a host


def endpoint_of(kind: str | None, attributes: Mapping[str, Any], service_name: str = "") -> Endpoint | None:
    """The remote endpoint of a CLIENT, PRODUCER, CONSUMER or SERVER, by the old and the stable semantic conventions.

    Its name is the one in a dependency graph: `peer.service`, else the database's name or its system, else the broker's, else
    the server's host, else `rpc.service`.  The remote endpoint of a SERVER is its caller, whose name only `peer.service` gives.
    The result is None if nothing is known, and for a span without kind, because Zipkin would draw a wrong arrow for it.
    `service_name` is the name of the span's own service.  A database with the same name gets the name of its system instead,
    because otherwise the arrow would lead back to the service.
    """
    if kind is None:
        return None
    try:
        shape = (kind, service_name, *attributes)
        found = _remotes.get(shape) or _learn(shape)
        return found.of(attributes)
    except Exception:  # a value of the user's with its own comparison or hash, or a key that is no text
        return None


class RemoteEndpoints:
    """The remote endpoints of spans with the same kind and keys, as one line of code makes them.

    `peer_values` takes from the attributes the values that make the endpoint; None if there are no such keys.  The endpoints
    that were found are kept, except those of long values.  Endpoints in URLs are kept elsewhere, because there may be any
    number of different URLs.
    """

    __slots__ = ("_kind", "_known", "_service_name", "has_url", "peer_values")

    def __init__(self, kind: str, keys: Iterable[str], service_name: str = "") -> None:
        found = [key for key in keys if key in _PEER_KEYS]
        self.peer_values: Callable[[Mapping[str, Any]], Any] | None = itemgetter(*found) if found else None
        self.has_url = kind != "SERVER" and not _URL_KEYS.isdisjoint(keys)
        self._kind = kind
        self._service_name = service_name
        self._known: dict[Any, Endpoint | None] = {}

    def of(self, attributes: Mapping[str, Any]) -> Endpoint | None:
        """The same as `endpoint_of`; may raise if values are not of OpenTelemetry's types."""
        found = None if self.peer_values is None else self.by_values(self.peer_values(attributes), attributes)
        return endpoint_in_url(attributes) if found is None and self.has_url else found

    def by_values(self, values: Any, attributes: Mapping[str, Any]) -> Endpoint | None:
        """The remote endpoint, given the values that `peer_values` took from these attributes."""
        known = self._known
        if values in known:
            return known[values]
        found = _caller(attributes) if self._kind == "SERVER" else _server(attributes, self._service_name)
        return remember(known, values, found, len(str(values)))


_remotes: dict[tuple[str, ...], RemoteEndpoints] = {}


def _learn(shape: tuple[str, ...]) -> RemoteEndpoints:
    kind, service_name, *keys = shape
    return remember(_remotes, shape, RemoteEndpoints(kind, keys, service_name), sum(map(len, shape)) // 8)


def _caller(attributes: Mapping[str, Any]) -> Endpoint | None:
    name = _text(attributes, "peer.service")
    ipv4, ipv6, port = _address(attributes, _CALLER_KEYS)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


def _server(attributes: Mapping[str, Any], service_name: str) -> Endpoint | None:
    ipv4, ipv6, port = _address(attributes, _ADDRESS_KEYS)
    name = _text(attributes, "peer.service") or _database(attributes, service_name) or _text(attributes, "messaging.system")
    if not name and "celery.action" in attributes:
        name = "celery"  # Celery's instrumentation does not name the broker
    if not (ipv4 or ipv6) and "messaging.url" in attributes:
        ipv4, ipv6, port = _broker(_text(attributes, "messaging.url"))
    name = (
        name
        or next(filter(None, (_host(_text(attributes, key)) for key in _HOST_KEYS)), "")
        or _text(attributes, "rpc.service")
    )
    port = port or next(filter(None, (parse_port(attributes.get(key)) for key in _PORT_KEYS)), 0)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


def _text(attributes: Mapping[str, Any], key: str) -> str:
    value = attributes.get(key)
    return value.strip() if type(value) is str else ""


def _database(attributes: Mapping[str, Any], service_name: str) -> str:
    """The database's own name if it is useful, else the name of its system.

    Redis numbers its databases, and SQLite's names are files.
    """
    name = _text(attributes, "db.namespace") or _text(attributes, "db.name")
    if name and not name.isdigit() and not any(mark in name for mark in "/\\:") and service_name_of(name) != service_name:
        return name
    return _text(attributes, "db.system.name") or _text(attributes, "db.system")


def _broker(text: str) -> tuple[str, str, int]:
    """The address in a URL, or the first one in a JSON list of `host:port`, as Kafka's instrumentation writes its brokers."""
    place = text[:MAX_URL_LENGTH].strip('[" ').partition('"')[0]
    place = place.rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    ipv4, ipv6, port, _ = parse_address(place, True)
    return ipv4, ipv6, port


def _address(attributes: Mapping[str, Any], keys: tuple[tuple[str, str], ...]) -> tuple[str, str, int]:
    """The first value that is an IP address, and the port of the same pair of keys."""
    for key, port_key in keys:
        if key in attributes:
            value = attributes[key]
            if type(value) is str:
                ipv4, ipv6 = parse_ip(value.strip())
                if ipv4 or ipv6:
                    return ipv4, ipv6, parse_port(attributes.get(port_key))
    return "", "", 0


def _host(text: str) -> str:
    """The name of a host; "" for an address, the path of a socket, or any other text."""
    if not text or any(parse_ip(text)):
        return ""
    name = text.removesuffix(".")
    return name if HOST_NAME.fullmatch(name) else ""


def endpoint_in_url(attributes: Mapping[str, Any]) -> Endpoint | None:
    """The host in the requested URL: old instrumentations give no other attribute."""
    place = _text(attributes, "http.host")
    if not place:
        url = _text(attributes, "url.full") or _text(attributes, "http.url")
        _, slashes, rest = url[:MAX_URL_LENGTH].partition("://")
        place = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2] if slashes else ""
    return _endpoints_by_place[place]


def _endpoint_at(place: str) -> Endpoint | None:
    ipv4, ipv6, port, name = parse_address(place, True)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


_endpoints_by_place = Memo(_endpoint_at, len)
