"""What OpenTelemetry's words are in Zipkin's: attributes, status, events, links, and the other end's address.

Rules: imports nothing of OpenTelemetry; a kind is Zipkin's word, or None.  Nothing here raises, whatever a value is, and no
text is longer than `longest` characters.
Source: opentelemetry-specification of 2026-08: trace/sdk_exporters/zipkin.md, common/mapping-to-non-otlp.md, and
common/README.md, "AnyValue representation for non-OTLP protocols"; semantic conventions, the old ones of 1.20 and today's.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from json.encoder import encode_basestring as _quoted  # json.dumps' own, in C
from operator import itemgetter
from typing import Any

from ..codec.kept import Kept, keep
from ..model import Endpoint, parse_ip
from ..pruning import Pruning
from ..tags import HOST_NAME, parse_address, parse_port, service_name_of
from ..text import MAX_KEY_LENGTH, cut, to_text

__all__ = [
    "MAX_TEXT_LENGTH",
    "Ends",
    "attribute_text",
    "dropped_tags",
    "endpoint_of",
    "error_text",
    "event_text",
    "in_url",
    "link_text",
    "scope_tags",
    "status_tags",
    "texts_of",
]

MAX_TEXT_LENGTH = 8192  # of a tag's value or an annotation, where nothing else is asked for

MAX_FLAT = 10  # attributes of an event
_BIG = 10**19  # any whole number of an attribute is less
_SEQUENCES = (list, tuple)
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # floats that are no number in JSON

# Attributes


def attribute_text(value: Any, longest: int = MAX_TEXT_LENGTH) -> str:
    """An attribute's value as a tag's: text as it is, true or false, a number, bytes in base64, what has parts in JSON."""
    kind = type(value)
    if kind is str:
        return cut(value, longest)
    if kind is bool:
        return cut("true" if value else "false", longest)
    if kind is int:
        return str(value) if longest >= 20 and -_BIG < value < _BIG else to_text(value, longest)
    if kind is float:
        text = repr(value)
        return cut(_SPECIAL.get(text, text), longest)
    if value is None:
        return ""
    if issubclass(kind, (bytes, bytearray)):
        return cut(b64encode(bytes(memoryview(value)[:longest])).decode(), longest)
    return _json_text(value, longest) if _has_parts(kind) else to_text(value, longest)


def _has_parts(kind: type) -> bool:
    try:
        return issubclass(kind, (*_SEQUENCES, Mapping))
    except Exception:  # of a metaclass that makes its classes unhashable, which Mapping looks up in a set
        return False


def texts_of(attributes: Mapping[str, Any], longest: int = MAX_TEXT_LENGTH) -> dict[str, str]:
    """Attributes as tags; what is None is left out."""
    return {
        key if type(key) is str and len(key) <= MAX_KEY_LENGTH else to_text(key, MAX_KEY_LENGTH): value
        if type(value) is str and len(value) <= longest
        else attribute_text(value, longest)
        for key, value in attributes.items()
        if value is not None
    }


def _json_text(value: Any, longest: int) -> str:
    try:
        if type(value) is dict and len(value) <= MAX_FLAT:  # a third of the time, for nearly all events
            flat = ", ".join([f"{_quoted(key)}: {_FLAT[type(item)](item)}" for key, item in value.items()])
            if len(flat) < longest - 1:
                return f"{{{flat}}}"
    except Exception:  # an item that has items, or a key that is no text
        pass
    try:
        known = value if issubclass(type(value), (*_SEQUENCES, dict)) else dict(value)
        copied = Pruning(longest).copy(known)
        try:
            return cut(_json(copied), longest)
        except ValueError:  # a float that is no number in JSON
            return cut(_json(_without_special(copied)), longest)
    except Exception:  # a mapping or an item of the user's
        return to_text(value, longest)


def _to_json(value: Any) -> Any:
    """An item that JSON does not know."""
    return dict(value) if _has_parts(type(value)) else attribute_text(value)


def _without_special(value: Any) -> Any:
    kind = type(value)
    if kind is float:
        return _SPECIAL.get(repr(value), value)
    if kind is dict:
        return {key: _without_special(item) for key, item in value.items()}
    return [_without_special(item) for item in value] if kind in _SEQUENCES else value


_FLAT: dict[type, Callable[[Any], str]] = {str: _quoted, int: str, bool: lambda item: "true" if item else "false"}
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_to_json).encode


# Status, scope, and what was dropped


def error_text(description: str | None, attributes: Mapping[str, Any], events: Mapping[str, Any] | None = None) -> str:
    """What the tag `error` says where the status is ERROR.

    The status' description; where there is none, the text of an attribute `error`, the recorded exception (`events` are the
    attributes of its event), or the attribute `error.type`; "" where nothing says why.
    """
    if description:
        return description
    said = attributes.get("error")
    if type(said) is str and said.strip().lower() not in ("", "true", "false"):
        return said
    if events:
        name, message = events.get("exception.type"), events.get("exception.message")
        found = ": ".join(attribute_text(part) for part in (name, message) if part)
        if found:
            return found
    return attribute_text(attributes.get("error.type"))


def status_tags(code: str, error: str = "") -> dict[str, str]:
    """The tags of a status by its code's name: none for UNSET; with `error` (see `error_text`) for ERROR."""
    if code == "OK":
        return {"otel.status_code": "OK"}
    if code == "ERROR":
        return {"otel.status_code": "ERROR", "error": error}
    return {}


def scope_tags(name: str | None, version: str | None) -> dict[str, str]:
    """The tags of an instrumentation scope, by its name of today and by the one of before; each where it is known."""
    tags = {}
    if name:
        tags["otel.scope.name"] = tags["otel.library.name"] = attribute_text(name)
    if version:
        tags["otel.scope.version"] = tags["otel.library.version"] = attribute_text(version)
    return tags


def dropped_tags(attributes: int, events: int, links: int) -> dict[str, str]:
    """How much a limit has cut off a span, where it has."""
    counts = {"attributes": attributes, "events": events, "links": links}
    return {f"otel.dropped_{what}_count": str(count) for what, count in counts.items() if count}


# Events and links


def event_text(name: str, attributes: Mapping[str, Any] | None, longest: int = MAX_TEXT_LENGTH) -> str:
    """An event as an annotation: `"name": {json}`, or the bare name where it has no attributes."""
    text = name if type(name) is str and len(name) <= longest else to_text(name, longest)
    return cut(f"{_quoted(text)}: {_json_text(attributes, longest)}", longest) if attributes else text


def link_text(trace_id: str, span_id: str, attributes: Mapping[str, Any] | None = None, longest: int = MAX_TEXT_LENGTH) -> str:
    """A link as an annotation: `link: trace id/span id`, and the link's attributes in JSON behind them."""
    ids = f"link: {trace_id}/{span_id}"
    return cut(f"{ids} {_json_text(attributes, longest)}", longest) if attributes else ids


# The other end

# What may be an address, with its port: first what the connection says, then the logical name of the server.
_ADDRESSES = (
    ("network.peer.address", "network.peer.port"),
    ("server.socket.address", "server.socket.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("net.peer.ip", "net.peer.port"),
    ("server.address", "server.port"),
    ("net.peer.name", "net.peer.port"),
    ("peer.address", "peer.port"),
    ("peer.hostname", "peer.port"),
)
# The names of servers, by the specification's rank.
_HOSTS = (
    "server.address",
    "net.peer.name",
    "network.peer.address",
    "server.socket.domain",
    "net.sock.peer.name",
    "peer.hostname",
    "peer.address",
)
_PORTS = ("server.port", "net.peer.port", "network.peer.port", "server.socket.port", "net.sock.peer.port", "peer.port")
# Of a caller: what the connection says before what a proxy's header says.
_CALLERS = (
    ("network.peer.address", "network.peer.port"),
    ("client.socket.address", "client.socket.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("client.address", "client.port"),
    ("net.peer.ip", "net.peer.port"),
    ("peer.address", "peer.port"),
)
_NAMES = ("peer.service", "db.namespace", "db.name", "db.system.name", "db.system", "messaging.system")

# Keys whose values tell of the other end, and those that do where none of these is there.
_TELLING = frozenset(
    ("messaging.url", "celery.action", "rpc.service", *_NAMES, *_HOSTS, *_PORTS, *chain(*_ADDRESSES, *_CALLERS))
)
_URLS = frozenset(("http.host", "url.full", "http.url"))
MAX_URL_LENGTH = 2048  # in which to look for a host


def endpoint_of(kind: str | None, attributes: Mapping[str, Any], own: str = "") -> Endpoint | None:
    """The other end of a CLIENT, PRODUCER, CONSUMER or SERVER, by the old and the stable semantic conventions.

    Its name is what a dependency graph shows: `peer.service`, else the database's name or its system, else the broker's, else
    the server's host, else `rpc.service`.  A SERVER's other end is its caller, which has a name by `peer.service` only.  None
    where nothing is known, and for a span without kind: with two endpoints that one would draw a wrong arrow.  `own` is the
    name of the span's service; a database that has it, too, is called by its system, as an arrow would lead to its own start.
    """
    if kind is None:
        return None
    try:
        shape = (kind, own, *attributes)
        ends = _ends[shape] if shape in _ends else keep(_ends, shape, Ends(kind, shape[2:], own), sum(map(len, shape)) // 8)
        return ends.of(attributes)
    except Exception:  # a value of the user's that compares or hashes in its own way, or a key that is no text
        return None


class Ends:
    """The other ends of spans with the same kind and keys, which one line of code makes: where they stand, and those found.

    What is found in text without end, as in URLs, is kept elsewhere, and long values are not kept.
    """

    __slots__ = ("_kind", "_known", "_own", "has_url", "telling")

    def __init__(self, kind: str, keys: Iterable[str], own: str = "") -> None:
        telling = [key for key in keys if key in _TELLING]
        self.telling: Callable[[Mapping[str, Any]], Any] | None = itemgetter(*telling) if telling else None
        self.has_url = kind != "SERVER" and not _URLS.isdisjoint(keys)
        self._kind = kind
        self._own = own
        self._known: dict[Any, Endpoint | None] = {}

    def of(self, attributes: Mapping[str, Any]) -> Endpoint | None:
        """See `endpoint_of`; may raise where values are none of OpenTelemetry's."""
        found = None if self.telling is None else self.told(self.telling(attributes), attributes)
        return in_url(attributes) if found is None and self.has_url else found

    def told(self, values: Any, attributes: Mapping[str, Any]) -> Endpoint | None:
        """What the values that `telling` takes from the attributes tell."""
        known = self._known
        if values in known:
            return known[values]
        found = _caller(attributes) if self._kind == "SERVER" else _server(attributes, self._own)
        return keep(known, values, found, len(str(values)))


_ends: dict[tuple[str, ...], Ends] = {}


def _caller(attributes: Mapping[str, Any]) -> Endpoint | None:
    name = _text(attributes, "peer.service")
    ipv4, ipv6, port = _address(attributes, _CALLERS)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


def _server(attributes: Mapping[str, Any], own: str) -> Endpoint | None:
    ipv4, ipv6, port = _address(attributes, _ADDRESSES)
    name = _text(attributes, "peer.service") or _database(attributes, own) or _text(attributes, "messaging.system")
    if not name and "celery.action" in attributes:
        name = "celery"  # its instrumentation tells no broker
    if not (ipv4 or ipv6) and "messaging.url" in attributes:
        ipv4, ipv6, port = _broker(_text(attributes, "messaging.url"))
    name = name or next(filter(None, (_host(_text(attributes, key)) for key in _HOSTS)), "") or _text(attributes, "rpc.service")
    port = port or next(filter(None, (parse_port(attributes.get(key)) for key in _PORTS)), 0)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


def _text(attributes: Mapping[str, Any], key: str) -> str:
    value = attributes.get(key)
    return value.strip() if type(value) is str else ""


def _database(attributes: Mapping[str, Any], own: str) -> str:
    """Its own name, where that is one: Redis counts its databases, and SQLite's are files; else what it is."""
    name = _text(attributes, "db.namespace") or _text(attributes, "db.name")
    if name and not name.isdigit() and not any(mark in name for mark in "/\\:") and service_name_of(name) != own:
        return name
    return _text(attributes, "db.system.name") or _text(attributes, "db.system")


def _broker(text: str) -> tuple[str, str, int]:
    """The address in a URL, or the first of a JSON list of `host:port`, as Kafka's instrumentation tells its brokers."""
    place = text[:MAX_URL_LENGTH].strip('[" ').partition('"')[0]
    place = place.rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    ipv4, ipv6, port, _ = parse_address(place, True)
    return ipv4, ipv6, port


def _address(attributes: Mapping[str, Any], keys: tuple[tuple[str, str], ...]) -> tuple[str, str, int]:
    """The first literal address, and the port that belongs to it."""
    for key, port_key in keys:
        if key in attributes:
            value = attributes[key]
            if type(value) is str:
                ipv4, ipv6 = parse_ip(value.strip())
                if ipv4 or ipv6:
                    return ipv4, ipv6, parse_port(attributes.get(port_key))
    return "", "", 0


def _host(text: str) -> str:
    """A host's name; "" of an address, a path of a socket, or anything else."""
    if not text or any(parse_ip(text)):
        return ""
    name = text.removesuffix(".")
    return name if HOST_NAME.fullmatch(name) else ""


def in_url(attributes: Mapping[str, Any]) -> Endpoint | None:
    """The host in the URL that was asked for: old instrumentations give nothing else."""
    place = _text(attributes, "http.host")
    if not place:
        url = _text(attributes, "url.full") or _text(attributes, "http.url")
        _, slashes, rest = url[:MAX_URL_LENGTH].partition("://")
        place = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2] if slashes else ""
    return _places[place]


def _at(place: str) -> Endpoint | None:
    ipv4, ipv6, port, name = parse_address(place, True)
    return Endpoint(service_name_of(name), ipv4, ipv6, port) if name or ipv4 or ipv6 else None


_places = Kept(_at, len)
