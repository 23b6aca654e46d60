"""Writes a span of the SDK as JSON directly: it makes no dict of tags and no FinishedSpan, which take 50 % of the time.

Rules: the bytes are exactly the same as the codec's.  A span with anything unusual is left to the codec.  Only the reporter's
thread uses this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring as quote  # the function in C that json.dumps uses
from typing import Any

from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from ..codec import json_v2
from ..codec.memo import Memo, remember
from ..codec.mending import MAX_TIME_US, nearest
from ..context import LOW_64_BITS
from ..model import Endpoint
from ..tags import MAX_NAME_LENGTH, service_name_of
from ..text import MAX_KEY_LENGTH
from .arguments import MAX_TIME_NS
from .mapping import RemoteEndpoints, attribute_text, endpoint_in_url, event_text, link_text, scope_tags, texts_of

__all__ = ["IS_DIRECT_USABLE", "KIND_OF", "DirectJson", "Origins", "annotations_of", "hex_of", "sdk_attributes"]

# Zipkin's kind, by the `id` of the SDK's kind, because Python code computes the hash of a member of an enumeration.
KIND_OF = {id(kind): None if kind is SpanKind.INTERNAL else kind.name for kind in SpanKind}

UNKNOWN_SERVICE = "unknown_service"  # the specification's name for a resource without a name
MAX_ORIGINS = 1000  # at this number all are forgotten, so a process that makes scopes without end needs time but no memory

# Attributes that are the same for every span of the process, and that neither Zipkin nor its users need.
_LEFT_OUT_KEYS = ("service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version")

# A SpanContext is a tuple, and each of its properties is a call.  So the ids are read by their places, if they are still there.
IS_DIRECT_USABLE = tuple(SpanContext(1, 2, False))[:2] == (1, 2)

_UNSET = StatusCode.UNSET


class Origin:
    """The source of a span: its resource, its scope, its local endpoint, and the tags of resource and scope."""

    __slots__ = ("local", "resource", "scope", "tags")

    def __init__(self, resource: Any, scope: Any, local: Endpoint, tags: dict[str, str]) -> None:
        self.resource = resource
        self.scope = scope
        self.local = local
        self.tags = tags


class Origins:
    """The origins of earlier spans, by their scopes.  `local` is this service's address, as an endpoint without a name.

    `shapes` are the parts of the text that such spans have in common, by the scope, the kind and the keys of the attributes.
    """

    __slots__ = ("_known", "_max_length", "local", "shapes")

    def __init__(self, local: Endpoint, max_length: int) -> None:
        self.local = local
        self._max_length = max_length
        self._known: dict[int, Origin] = {}
        self.shapes: dict[tuple[Any, ...], _Shape] = {}

    def set_local(self, local: Endpoint) -> None:
        """Replace the address of this service."""
        self.local = local
        self._known.clear()
        self.shapes.clear()

    def of(self, resource: Any, scope: Any) -> Origin:
        """The origin of a span, given the span's resource and scope."""
        origin = self._known.get(id(scope))
        if origin is not None and origin.scope is scope and origin.resource is resource:
            return origin
        return self._learn(resource, scope)

    def _learn(self, resource: Any, scope: Any) -> Origin:
        try:
            attributes = dict(resource.attributes)
        except Exception:  # no resource, or one of the user's that raises
            attributes = {}
        name = service_name_of(attribute_text(attributes.get("service.name"))) or UNKNOWN_SERVICE
        for key in _LEFT_OUT_KEYS:
            attributes.pop(key, None)
        tags = texts_of(attributes, self._max_length)
        if scope is not None:
            tags |= scope_tags(getattr(scope, "name", None), getattr(scope, "version", None))
            tags |= texts_of(getattr(scope, "attributes", None) or {}, self._max_length)
        origin = Origin(resource, scope, self.local._replace(service_name=name), tags)
        if len(self._known) >= MAX_ORIGINS:
            self._known.clear()
        self._known[id(scope)] = origin
        return origin


class DirectJson:
    """An encoder for waiting spans of the SDK, used next to the codec `json_v2`.

    It has no reference to the exporter, which could otherwise never be freed.  `max_length` limits the characters of a tag's
    value; `debug` marks every span.
    """

    media_type = json_v2.media_type
    path = json_v2.path
    join = staticmethod(json_v2.join)
    size = staticmethod(json_v2.size)

    def __init__(self, origins: Origins, max_length: int, debug: bool) -> None:
        self._origin_of = origins.of
        self._shapes = origins.shapes
        self._max_length = max_length
        self._end = ',"debug":true}' if debug else "}"
        self._last_id = 0  # cached, because spans of one trace often follow each other
        self._last_hex = ""

    def encode(self, span: Any, /) -> bytes:
        """One span as a JSON object."""
        try:
            # Reads the SDK's private attributes, because each of its properties is a call.
            read = span._span
            given, events, links = read._attributes, read._events, read._links
            start_ns, end_ns = read._start_time, read._end_time
            if (
                read._status._status_code is not _UNSET
                or links._dq
                or given.dropped
                or events.dropped
                or links.dropped
                or not 1000 <= start_ns <= end_ns < MAX_TIME_NS
            ):
                return json_v2.encode(span.make_finished())
            attributes = given._dict
            scope = read._instrumentation_scope
            key = (id(scope), id(read._kind), *attributes)
            shape = self._shapes.get(key)
            if shape is None or shape.scope is not scope or shape.resource is not read._resource:
                shape = self._learn(read, key)
            if not shape.is_usual:
                return json_v2.encode(span.make_finished())
            texts = [
                value if type(value) is str else f"{value}" if type(value) is int else _text(value)
                for value in attributes.values()
            ]
            together = " ".join(texts)
            length = len(together)
            if length > self._max_length:  # one of the texts may be too long
                return json_v2.encode(span.make_finished())
            if len(quote(together)) != length + 2:  # rarely true, so it is asked once for all texts
                texts = [quote(text)[1:-1] for text in texts]
            fields = shape.fields.copy()
            fields[1::2] = texts
            annotations = _annotations_json(events._dq, self._max_length) if events._dq else ""
            peer_values = shape.peer_values
            values = None if peer_values is None else peer_values(attributes)
            endpoints = shape.endpoints.get(values) or shape.write_endpoints(values, attributes)
            context, parent = read._context, read._parent
            trace_id = context[0]
            if trace_id != self._last_id:
                self._last_hex = trace_id.to_bytes(16 if trace_id > LOW_64_BITS else 8, "big").hex()
                self._last_id = trace_id
            start_us = start_ns // 1000
            text = (
                f'{{"traceId":"{self._last_hex}'
                f"""{"" if parent is None else f'","parentId":"{parent[1].to_bytes(8, "big").hex()}'}"""
                f'","id":"{context[1].to_bytes(8, "big").hex()}{shape.names[read._name]}{start_us}'
                f',"duration":{end_ns // 1000 - start_us or 1}{endpoints}{annotations}{"".join(fields)}'
            )
        except Exception:  # a value that is None, or a span that is not the SDK's ReadableSpan
            return json_v2.encode(span.make_finished())
        return text.encode() if text.isascii() and "A" not in text else json_v2.encode_text(text)

    def _learn(self, read: Any, key: tuple[Any, ...]) -> _Shape:
        origin = self._origin_of(read._resource, read._instrumentation_scope)
        return remember(self._shapes, key, _Shape(origin, KIND_OF[id(read._kind)], key[2:], self._end), 0)


def _annotations_json(events: Iterable[Any], max_length: int) -> str:
    """The events of a span as JSON annotations."""
    annotations = []
    for event in events:
        at_us = event._timestamp // 1000
        text = quote(event_text(event._name, sdk_attributes(event._attributes), max_length))
        annotations.append(f'{{"timestamp":{at_us if 1 <= at_us <= MAX_TIME_US else nearest(at_us)},"value":{text}}}')
    return f',"annotations":[{",".join(annotations)}]'


def annotations_of(events: Iterable[Any], links: Iterable[Any], start_us: int, max_length: int) -> list[tuple[int, str]]:
    """Events and links of the SDK's span as annotations of Zipkin's model."""
    found = [
        (event.timestamp // 1000, event_text(event.name, sdk_attributes(event.attributes), max_length)) for event in events
    ]
    for link in links:
        other = link.context
        trace_id = hex_of(other.trace_id, 16 if other.trace_id > LOW_64_BITS else 8)
        found.append((start_us, link_text(trace_id, hex_of(other.span_id, 8), sdk_attributes(link.attributes), max_length)))
    return found


def sdk_attributes(attributes: Any) -> Mapping[str, Any]:
    """Attributes as a dict: the dict inside the SDK's BoundedAttributes, whose own look-ups are Python code, or else a copy."""
    within = getattr(attributes, "_dict", None)
    if type(within) is dict:
        return within
    return {} if attributes is None else dict(attributes)


def hex_of(number: int, length: int) -> str:
    """An id as hexadecimal text of `length` bytes."""
    return number.to_bytes(length, "big").hex()


class _Shape:
    """The text that is the same for all spans with one origin, one kind, and the same keys in the same order.

    This is nearly all of a span's text.  `names` maps a span's name to the text between the id and the time.  `endpoints` maps
    the values that `peer_values` takes from the attributes to the text of both endpoints.  `peer_values` is None if the remote
    endpoint is unknown, or is in a URL.  `fields` are the pieces of the text from the tags to the span's end; each second piece
    is the place of a value.
    """

    __slots__ = ("_local", "_remotes", "endpoints", "fields", "is_usual", "names", "peer_values", "resource", "scope")

    def __init__(self, origin: Origin, kind: str | None, keys: tuple[Any, ...], end: str) -> None:
        self.resource = origin.resource  # compared by identity, so a reference is kept
        self.scope = origin.scope
        self.is_usual = (
            all(type(key) is str and len(key) <= MAX_KEY_LENGTH for key in keys)
            and "error" not in keys
            and "error" not in origin.tags
            and origin.tags.keys().isdisjoint(keys)
        )
        self.names = _names[kind]
        self._remotes = RemoteEndpoints(kind, keys, origin.local.service_name) if kind else None
        self.peer_values = None if self._remotes is None else self._remotes.peer_values
        self.endpoints: dict[Any, str] = {}
        self._local = f',"localEndpoint":{json_v2.endpoint_text(origin.local)}'
        self.fields = _fields(origin.tags, keys, end) if self.is_usual else []

    def write_endpoints(self, values: Any, attributes: Mapping[str, Any]) -> str:
        """The text of both endpoints; not kept if the remote one is in a URL, as there may be any number of URLs."""
        remotes, remote = self._remotes, None
        if self.peer_values is not None and remotes is not None:
            remote = remotes.by_values(values, attributes)
        is_in_url = remote is None and remotes is not None and remotes.has_url
        if is_in_url:
            remote = endpoint_in_url(attributes)
        text = self._local if remote is None else f'{self._local},"remoteEndpoint":{json_v2.endpoint_text(remote)}'
        return text if is_in_url else remember(self.endpoints, values, text, len(str(values)))


def _fields(known: Mapping[str, str], keys: Sequence[str], end: str) -> list[str]:
    """The text of a span from its tags to its end, in pieces: the known tags, then each key followed by "" for its value."""
    before = "".join([f"{quote(key)}:{quote(value)}," for key, value in known.items()])
    if not keys:
        return [f',"tags":{{{before[:-1]}}}{end}' if before else end]
    fields = [piece for key in keys for piece in (f'",{quote(key)}:"', "")]
    fields[0] = f',"tags":{{{before}{fields[0][2:]}'
    return [*fields, f'"}}{end}']


def _text(value: Any) -> str:
    """The text of a tag for a value that is neither a str nor an int."""
    if value is None:
        raise ValueError("a tag that is left out")
    return attribute_text(value)


def _names_of(kind: str | None) -> Memo[str, str]:
    before = f'","kind":"{kind}"' if kind else '"'

    def text(name: str) -> str:
        short = name.lower() if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH].lower()
        return f'{before},"name":{quote(short)},"timestamp":' if short else f'{before},"timestamp":'

    return Memo(text, len)


_names = {kind: _names_of(kind) for kind in KIND_OF.values()}
