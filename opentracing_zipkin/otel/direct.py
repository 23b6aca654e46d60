"""The short way of a span of the SDK into JSON: without a dict of tags and a FinishedSpan, which take half of the time.

Rules: the bytes are those that the codec writes, to the last one; whatever is out of the ordinary goes the codec's way.  Used
by the reporter's thread only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as quote  # json.dumps' own, in C
from typing import Any

from opentelemetry.trace import SpanKind, StatusCode

from ..codec import json_v2
from ..codec.kept import Kept, keep
from ..context import LOW_64_BITS
from ..model import Endpoint
from ..tags import MAX_NAME_LENGTH, service_name_of
from ..text import MAX_KEY_LENGTH
from .mapping import Ends, attribute_text, event_text, link_text, scope_tags, texts_of

__all__ = ["KIND_OF", "DirectJson", "Origins", "annotations_of", "hex_of", "plain"]

# Zipkin's kind by the identity of the SDK's, as the hash of a member of an enumeration is computed in Python.
KIND_OF = {id(kind): None if kind is SpanKind.INTERNAL else kind.name for kind in SpanKind}

UNKNOWN_SERVICE = "unknown_service"  # the specification's, for a resource without a name
MAX_ORIGINS = 1000  # more cost time, never memory

# What says the same of every span in the process, and nothing that Zipkin or its users ask for.
_UNTOLD = ("service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version")

_LAST_US = 1 << 62
_UNSET = StatusCode.UNSET


class Origin:
    """Where a span comes from: its resource, its scope, its local endpoint, and the tags of both.

    `shapes`: how spans of this origin are written, by their kind and the keys of their attributes.
    """

    __slots__ = ("local", "resource", "scope", "shapes", "tags")

    def __init__(self, resource: Any, scope: Any, local: Endpoint, tags: dict[str, str]) -> None:
        self.resource = resource
        self.scope = scope
        self.local = local
        self.tags = tags
        self.shapes: dict[tuple[Any, ...], _Shape] = {}


class Origins:
    """The origins seen before, by their scopes.  `local`: this service's address, with the name of none."""

    __slots__ = ("_known", "_limit", "local")

    def __init__(self, local: Endpoint, limit: int) -> None:
        self.local = local
        self._limit = limit
        self._known: dict[int, Origin] = {}

    def move(self, local: Endpoint) -> None:
        """From now on this is the address."""
        self.local = local
        self._known.clear()

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
        self._limit = limit
        self._end = ',"debug":true}' if debug else "}"
        self._last_id = 0  # spans of one trace often come together
        self._last_hex = ""

    def encode(self, span: Any, /) -> bytes:
        """One span as a JSON object."""
        try:
            return self._encode(span._span.__dict__) or json_v2.encode(span.finished())
        except Exception:  # no ReadableSpan as the SDK makes it
            return json_v2.encode(span.finished())

    def _encode(self, raw: dict[str, Any]) -> bytes:
        """The span, or nothing where it is out of the ordinary."""
        given, events, links = raw["_attributes"], raw["_events"], raw["_links"]
        if raw["_status"].status_code is not _UNSET or links._dq or given.dropped or events.dropped or links.dropped:
            return b""
        start_us = raw["_start_time"] // 1000
        duration_us = raw["_end_time"] // 1000 - start_us
        if duration_us <= 0 or not 0 < start_us < start_us + duration_us < _LAST_US:
            return b""
        attributes = given._dict
        origin = self._origin_of(raw["_resource"], raw["_instrumentation_scope"])
        kind = raw["_kind"]
        key = (id(kind), *attributes)
        shapes = origin.shapes
        shape = shapes[key] if key in shapes else keep(shapes, key, _Shape(origin, KIND_OF[id(kind)], tuple(attributes)), 0)
        if not shape.is_usual:
            return b""
        # Where a value is none, or its text may be too long, it is not for here.
        tags = shape.tags % tuple(
            [
                quote(value) if type(value) is str else f'"{value}"' if type(value) is int else _quoted(value)
                for value in attributes.values()
            ]
        )
        if len(tags) > self._limit:
            return b""
        told = ""
        if events._dq:
            told = f',"annotations":[{json_v2.annotations_text(annotations_of(events._dq, (), start_us, self._limit))}]'
        context, parent = raw["_context"], raw["_parent"]
        trace_id = context.trace_id
        if trace_id != self._last_id:
            self._last_hex = trace_id.to_bytes(16 if trace_id > LOW_64_BITS else 8, "big").hex()
            self._last_id = trace_id
        end = None if shape.ends is None else shape.ends.of(attributes)
        remote = "" if end is None else _remotes[end]
        text = (
            f'{{"traceId":"{self._last_hex}"'
            f"""{"" if parent is None else f',"parentId":"{parent.span_id.to_bytes(8, "big").hex()}"'}"""
            f',"id":"{context.span_id.to_bytes(8, "big").hex()}"{shape.kind}{_names[raw["_name"]]}'
            f',"timestamp":{start_us},"duration":{duration_us}{shape.local}{remote}{told}{tags}{self._end}'
        )
        return text.encode() if text.isascii() and "yAnn" not in text else json_v2.written(text)


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
    """What is the same for all spans of an origin, a kind, and the same keys in the same order: nearly all of the text."""

    __slots__ = ("ends", "is_usual", "kind", "local", "tags")

    def __init__(self, origin: Origin, kind: str | None, keys: tuple[Any, ...]) -> None:
        self.is_usual = (
            all(type(key) is str and len(key) <= MAX_KEY_LENGTH for key in keys)
            and "error" not in keys
            and "error" not in origin.tags
            and origin.tags.keys().isdisjoint(keys)
        )
        self.kind = f',"kind":"{kind}"' if kind else ""
        self.ends = Ends(kind, keys, origin.local.service_name) if kind else None
        self.local = f',"localEndpoint":{json_v2.endpoint_text(origin.local)}'
        fields = [_escaped(f"{quote(key)}:{quote(value)}") for key, value in origin.tags.items()]
        if self.is_usual:
            fields += [f"{_escaped(quote(key))}:%s" for key in keys]
        self.tags = f',"tags":{{{",".join(fields)}}}' if fields else ""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(value: Any) -> str:
    """A value that is no text and no whole number, as a tag's in JSON."""
    if value is None:
        raise ValueError("a tag that is left out")
    return quote(attribute_text(value))


def _name(name: str) -> str:
    short = name.lower() if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH].lower()
    return f',"name":{quote(short)}' if short else ""


_names = Kept(_name, len)
_remotes: Kept[Endpoint, str] = Kept(
    lambda end: f',"remoteEndpoint":{json_v2.endpoint_text(end)}', lambda end: len(end.service_name)
)
