"""The short way of a span of the SDK into JSON: without a dict of tags and a FinishedSpan, which take half of the time.

Rules: the bytes are those that the codec writes, to the last one; whatever is out of the ordinary goes the codec's way.  Used
by the reporter's thread only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring as quote  # json.dumps' own, in C
from typing import Any

from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from ..codec import json_v2
from ..codec.kept import Kept, keep
from ..codec.mending import MAX_TIME_US, nearest
from ..context import LOW_64_BITS
from ..model import Endpoint
from ..tags import MAX_NAME_LENGTH, service_name_of
from ..text import MAX_KEY_LENGTH
from .mapping import Ends, attribute_text, event_text, in_url, link_text, scope_tags, texts_of

__all__ = ["IS_USABLE", "KIND_OF", "DirectJson", "Origins", "annotations_of", "hex_of", "plain"]

# Zipkin's kind by the identity of the SDK's, as the hash of a member of an enumeration is computed in Python.
KIND_OF = {id(kind): None if kind is SpanKind.INTERNAL else kind.name for kind in SpanKind}

UNKNOWN_SERVICE = "unknown_service"  # the specification's, for a resource without a name
MAX_ORIGINS = 1000  # more cost time, never memory

# What says the same of every span in the process, and nothing that Zipkin or its users ask for.
_UNTOLD = ("service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version")

# A SpanContext is a tuple, whose properties are calls: the ids are taken by their places, if they are there.
IS_USABLE = tuple(SpanContext(1, 2, False))[:2] == (1, 2)

_LAST_NS = 1 << 62
_UNSET = StatusCode.UNSET


class Origin:
    """Where a span comes from: its resource, its scope, its local endpoint, and the tags of both."""

    __slots__ = ("local", "resource", "scope", "tags")

    def __init__(self, resource: Any, scope: Any, local: Endpoint, tags: dict[str, str]) -> None:
        self.resource = resource
        self.scope = scope
        self.local = local
        self.tags = tags


class Origins:
    """The origins seen before, by their scopes.  `local`: this service's address, with the name of none.

    `shapes`: how their spans are written, by the scope, the kind, and the keys of the attributes.
    """

    __slots__ = ("_known", "_limit", "local", "shapes")

    def __init__(self, local: Endpoint, limit: int) -> None:
        self.local = local
        self._limit = limit
        self._known: dict[int, Origin] = {}
        self.shapes: dict[tuple[Any, ...], _Shape] = {}

    def move(self, local: Endpoint) -> None:
        """From now on this is the address."""
        self.local = local
        self._known.clear()
        self.shapes.clear()

    def of(self, resource: Any, scope: Any) -> Origin:
        """Of a span, by its resource and its scope."""
        origin = self._known.get(id(scope))
        if origin is not None and origin.scope is scope and origin.resource is resource:
            return origin
        return self._learn(resource, scope)

    def _learn(self, resource: Any, scope: Any) -> Origin:
        try:
            attributes = dict(resource.attributes)
        except Exception:  # no resource, or one of the user's
            attributes = {}
        name = service_name_of(attribute_text(attributes.get("service.name"))) or UNKNOWN_SERVICE
        for key in _UNTOLD:
            attributes.pop(key, None)
        tags = texts_of(attributes, self._limit)
        if scope is not None:
            tags |= scope_tags(getattr(scope, "name", None), getattr(scope, "version", None))
            tags |= texts_of(getattr(scope, "attributes", None) or {}, self._limit)
        origin = Origin(resource, scope, self.local._replace(service_name=name), tags)
        if len(self._known) >= MAX_ORIGINS:
            self._known.clear()
        self._known[id(scope)] = origin
        return origin


class DirectJson:
    """An encoder for spans of the SDK as they wait, beside the codec `json_v2`.

    It holds no exporter, which would never be let go.  `limit` is in characters of a tag's value; `debug` is of every span.
    """

    media_type = json_v2.media_type
    path = json_v2.path
    join = staticmethod(json_v2.join)
    size = staticmethod(json_v2.size)

    def __init__(self, origins: Origins, limit: int, debug: bool) -> None:
        self._origin_of = origins.of
        self._shapes = origins.shapes
        self._limit = limit
        self._end = ',"debug":true}' if debug else "}"
        self._last_id = 0  # spans of one trace often come together
        self._last_hex = ""

    def encode(self, span: Any, /) -> bytes:
        """One span as a JSON object."""
        try:
            # By the SDK's own attributes: each of its properties is a call.
            read = span._span
            given, events, links = read._attributes, read._events, read._links
            start_ns, end_ns = read._start_time, read._end_time
            if (
                read._status._status_code is not _UNSET
                or links._dq
                or given.dropped
                or events.dropped
                or links.dropped
                or not 1000 <= start_ns <= end_ns < _LAST_NS
            ):
                return json_v2.encode(span.finished())
            attributes = given._dict
            scope = read._instrumentation_scope
            key = (id(scope), id(read._kind), *attributes)
            shape = self._shapes.get(key)
            if shape is None or shape.scope is not scope or shape.resource is not read._resource:
                shape = self._learn(read, key)
            if not shape.is_usual:
                return json_v2.encode(span.finished())
            texts = [
                value if type(value) is str else f"{value}" if type(value) is int else _text(value)
                for value in attributes.values()
            ]
            together = " ".join(texts)
            length = len(together)
            if length > self._limit:  # perhaps one of them is
                return json_v2.encode(span.finished())
            if len(quote(together)) != length + 2:  # nearly never, and asked once, not for each
                texts = [quote(text)[1:-1] for text in texts]
            fields = shape.fields.copy()
            fields[1::2] = texts
            told = _told(events._dq, self._limit) if events._dq else ""
            telling = shape.telling
            values = None if telling is None else telling(attributes)
            ends = shape.ends.get(values) or shape.learn(values, attributes)
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
                f',"duration":{end_ns // 1000 - start_us or 1}{ends}{told}{"".join(fields)}'
            )
        except Exception:  # a value that is None, or no ReadableSpan as the SDK makes it
            return json_v2.encode(span.finished())
        return text.encode() if text.isascii() and "A" not in text else json_v2.written(text)

    def _learn(self, read: Any, key: tuple[Any, ...]) -> _Shape:
        origin = self._origin_of(read._resource, read._instrumentation_scope)
        return keep(self._shapes, key, _Shape(origin, KIND_OF[id(read._kind)], key[2:], self._end), 0)


def _told(events: Iterable[Any], limit: int) -> str:
    """The events of a span."""
    told = []
    for event in events:
        at_us = event._timestamp // 1000
        text = quote(event_text(event._name, plain(event._attributes), limit))
        told.append(f'{{"timestamp":{at_us if 1 <= at_us <= MAX_TIME_US else nearest(at_us)},"value":{text}}}')
    return f',"annotations":[{",".join(told)}]'


def annotations_of(events: Iterable[Any], links: Iterable[Any], start_us: int, limit: int) -> list[tuple[int, str]]:
    """Events and links of the SDK, in Zipkin's model."""
    told = [(event.timestamp // 1000, event_text(event.name, plain(event.attributes), limit)) for event in events]
    for link in links:
        other = link.context
        trace_id = hex_of(other.trace_id, 16 if other.trace_id > LOW_64_BITS else 8)
        told.append((start_us, link_text(trace_id, hex_of(other.span_id, 8), plain(link.attributes), limit)))
    return told


def plain(attributes: Any) -> Mapping[str, Any]:
    """Attributes as a dict: the one within the SDK's BoundedAttributes, whose own look-ups are in Python, or a copy."""
    within = getattr(attributes, "_dict", None)
    if type(within) is dict:
        return within
    return {} if attributes is None else dict(attributes)


def hex_of(number: int, length: int) -> str:
    """An id of so many bytes."""
    return number.to_bytes(length, "big").hex()


class _Shape:
    """What is the same for all spans of an origin, a kind, and the same keys in the same order: nearly all of the text.

    `names` has the text from the id's end to the time, by the span's name.  `ends` has both endpoints, by the values that
    `telling` takes from the attributes; it is None where no value, or a URL alone, tells of the other end.  `fields` are the
    pieces of the tags, up to the span's end; each second one is the place of a value.
    """

    __slots__ = ("_ends", "_local", "ends", "fields", "is_usual", "names", "resource", "scope", "telling")

    def __init__(self, origin: Origin, kind: str | None, keys: tuple[Any, ...], end: str) -> None:
        self.resource = origin.resource  # by their identity, so they must not be let go
        self.scope = origin.scope
        self.is_usual = (
            all(type(key) is str and len(key) <= MAX_KEY_LENGTH for key in keys)
            and "error" not in keys
            and "error" not in origin.tags
            and origin.tags.keys().isdisjoint(keys)
        )
        self.names = _names[kind]
        self._ends = Ends(kind, keys, origin.local.service_name) if kind else None
        self.telling = None if self._ends is None else self._ends.telling
        self.ends: dict[Any, str] = {}
        self._local = f',"localEndpoint":{json_v2.endpoint_text(origin.local)}'
        self.fields = _fields(origin.tags, keys, end) if self.is_usual else []

    def learn(self, values: Any, attributes: Mapping[str, Any]) -> str:
        """Both endpoints; they are not kept where one stands in a URL, because there are ever new ones."""
        ends, remote = self._ends, None
        if self.telling is not None and ends is not None:
            remote = ends.told(values, attributes)
        is_in_url = remote is None and ends is not None and ends.has_url
        if is_in_url:
            remote = in_url(attributes)
        text = self._local if remote is None else f'{self._local},"remoteEndpoint":{json_v2.endpoint_text(remote)}'
        return text if is_in_url else keep(self.ends, values, text, len(str(values)))


def _fields(known: Mapping[str, str], keys: Sequence[str], end: str) -> list[str]:
    """The end of a span from its tags on, in pieces: those that are known, and behind each key an empty one, for its value."""
    before = "".join([f"{quote(key)}:{quote(value)}," for key, value in known.items()])
    if not keys:
        return [f',"tags":{{{before[:-1]}}}{end}' if before else end]
    fields = [piece for key in keys for piece in (f'",{quote(key)}:"', "")]
    fields[0] = f',"tags":{{{before}{fields[0][2:]}'
    return [*fields, f'"}}{end}']


def _text(value: Any) -> str:
    """A value that is no text and no whole number, as a tag's."""
    if value is None:
        raise ValueError("a tag that is left out")
    return attribute_text(value)


def _names_of(kind: str | None) -> Kept[str, str]:
    before = f'","kind":"{kind}"' if kind else '"'

    def text(name: str) -> str:
        short = name.lower() if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH].lower()
        return f'{before},"name":{quote(short)},"timestamp":' if short else f'{before},"timestamp":'

    return Kept(text, len)


_names = {kind: _names_of(kind) for kind in KIND_OF.values()}
