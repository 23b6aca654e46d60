"""Zipkin's two span models, and how each becomes the other.

Rules: in version 1 core annotations (`cs` .. `cr`) tell the kind and an address (`sa`) tells the remote endpoint.  Each
annotation and tag carries its host, and one span may hold both sides of a call.  This file knows the rules, but no wire format.
Source: openzipkin/zipkin, zipkin2.v1 (V2SpanConverter, V1SpanConverter), behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from ..model import Endpoint, FinishedSpan
from .normal_form import normalise

__all__ = ["ADDRESSES", "CORE_VALUES", "LOCAL_COMPONENT", "Core", "V1Span", "core_of", "events", "to_v2"]

# Keys of binary annotations that are endpoints, if they also have the value true and a host.
ADDRESSES = frozenset(("ca", "sa", "ma"))

# Holds the host of a span that has neither annotations nor tags, so that its service name survives.
LOCAL_COMPONENT = "lc"

_NO_ENDPOINT = Endpoint()


class Core(NamedTuple):
    """The version 1 form of a kind: annotations at the begin and the end, empty where there is none, and the remote's key."""

    begin: str
    end: str
    address: str


_CORE = {
    "CLIENT": Core("cs", "cr", "sa"),
    "SERVER": Core("sr", "ss", "ca"),
    "PRODUCER": Core("ms", "ws", "ma"),
    "CONSUMER": Core("wr", "mr", "ma"),
}
_KINDLESS = Core("", "", "sa")
_RECEIVED = Core("mr", "", "ma")  # a message without a duration, only received: `wr` without `mr` would tell nothing

# Core annotations, and the kind that each proves; `ws` and `wr` time a message, but alone they prove no kind.
_KIND_OF_CORE = {
    "cs": "CLIENT",
    "cr": "CLIENT",
    "sr": "SERVER",
    "ss": "SERVER",
    "ms": "PRODUCER",
    "mr": "CONSUMER",
    "ws": None,
    "wr": None,
}
CORE_VALUES = frozenset(_KIND_OF_CORE)


def core_of(kind: str | None, has_duration: bool) -> Core:
    """The version 1 form of the kind of a span that has a timestamp."""
    if kind is None:
        return _KINDLESS
    if has_duration:
        return _CORE[kind]
    return _RECEIVED if kind == "CONSUMER" else _CORE[kind]._replace(end="")


def events(span: FinishedSpan) -> list[tuple[int, str]]:
    """A span's annotations and those that stand for its kind, by time.  One that the span has already is not added again."""
    written = list(span.annotations)
    if span.timestamp_us > 0:
        core = core_of(span.kind, span.duration_us > 0)
        own = {value for _, value in written}
        if core.begin and core.begin not in own:
            written.append((span.timestamp_us, core.begin))
        if core.end and core.end not in own:
            written.append((span.timestamp_us + span.duration_us, core.end))
    return sorted(written)


class V1Span(NamedTuple):
    """A span of version 1; an endpoint in which nothing is known is None.

    `annotations` are (timestamp, value, host); `tags` (key, value, host); `addresses` (key, host), keys `ca`, `sa`, `ma`.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    timestamp_us: int
    duration_us: int
    annotations: Sequence[tuple[int, str, Endpoint | None]]
    tags: Sequence[tuple[str, str, Endpoint | None]]
    addresses: Sequence[tuple[str, Endpoint]]
    debug: bool


class _Mark(NamedTuple):
    """A core annotation: its time, and the host that recorded it."""

    at: int
    host: Endpoint


def to_v2(span: V1Span) -> list[FinishedSpan]:
    """The spans of version 2 in one span of version 1: one for each service name, two for a call within one service."""
    return _Sides(span).spans


class _Sides:
    """One conversion: the sides of a span found so far, and its core annotations."""

    def __init__(self, source: V1Span) -> None:
        self.source = source
        self.spans: list[FinishedSpan] = []
        self.first = self._add(None)
        self.marks: dict[str, _Mark] = {}
        self._read_annotations()
        self._infer_begin("cs", "cr")
        self._infer_begin("sr", "ss")
        self._time_call()
        self._time_message()
        self._read_tags()
        self._read_addresses()
        for each in self.spans:
            normalise(each)

    def _add(self, host: Endpoint | None) -> FinishedSpan:
        source = self.source
        side = FinishedSpan(source.trace_id, source.span_id, source.parent_id, name=source.name, debug=source.debug, local=host)
        self.spans.append(side)
        return side

    def _side(self, host: Endpoint | None) -> FinishedSpan:
        """The side of a host: the side with the same service name, else the first side without a host, else a new side."""
        if host is None:
            return self.first
        for side in self.spans:
            if side.local is None:
                side.local = host
                return side
            if side.local.service_name == host.service_name:
                return side
        return self._add(host)

    def _read_annotations(self) -> None:
        # The order decides which host is the first, and the span's own times go to the first host.
        for at, value, host in sorted(self.source.annotations, key=itemgetter(0, 1)):
            side = self._side(host)
            if host is None or value not in _KIND_OF_CORE:
                side.annotations.append((at, value))
                continue
            self.marks[value] = _Mark(at, host)
            side.kind = _KIND_OF_CORE[value] or side.kind

    def _infer_begin(self, begin: str, end: str) -> None:
        """Add the begin where only the end was recorded and the span's own timestamp and duration lead exactly to that end."""
        source, mark = self.source, self.marks.get(end)
        whole = source.timestamp_us and source.duration_us
        if whole and mark and begin not in self.marks and source.timestamp_us + source.duration_us == mark.at:
            self.marks[begin] = _Mark(source.timestamp_us, mark.host)

    def _time(self, begin: _Mark, end: _Mark | None) -> None:
        """Set the times of one side: the span's own times if it has both, else the times of its core annotations."""
        side, source = self._side(begin.host), self.source
        if source.timestamp_us and source.duration_us:
            side.timestamp_us, side.duration_us = source.timestamp_us, source.duration_us
        else:
            side.timestamp_us, side.duration_us = begin.at, _between(begin, end)

    def _time_call(self) -> None:
        cs, cr, sr, ss = (self.marks.get(value) for value in ("cs", "cr", "sr", "ss"))
        if cs and sr:
            self._time(cs, cr)
            self._time_second_side(cs, sr, "CLIENT", "SERVER", sr, ss)
        elif cs and cr:
            self._time(cs, cr)
        elif sr and ss:
            self._time(sr, ss)
        else:
            self._time_incomplete()
        # Version 1 has no flag `shared`.  A server that owns its span sets its times; one without times shares the client's.
        if sr and not cs and (not self.source.timestamp_us or (ss and not self.source.duration_us)):
            self._side(sr.host).shared = True

    def _time_second_side(
        self, one: _Mark, other: _Mark, kind: str, other_kind: str, begin: _Mark, end: _Mark | None
    ) -> FinishedSpan:
        """Set the kind and the times of a span's second side; it is always shared, and always a separate span of version 2.

        Its times are those of its own core annotations.
        """
        first = self._side(one.host)
        if one.host.service_name == other.host.service_name:
            first.kind = kind
            second = self._add(other.host)
            second.kind = other_kind
        else:
            second = self._side(other.host)
        second.shared = True
        second.timestamp_us, second.duration_us = begin.at, _between(begin, end) if end else second.duration_us
        return first

    def _time_incomplete(self) -> None:
        """Set the times of a call with one end: the begin becomes the timestamp, the end stays an annotation."""
        for side in self.spans:
            for begin, end, kind in (("cs", "cr", "CLIENT"), ("sr", "ss", "SERVER")):
                if side.kind != kind:
                    continue
                if begin in self.marks:
                    side.timestamp_us = self.marks[begin].at
                if end in self.marks:
                    side.annotations.append((self.marks[end].at, end))
        if self.source.timestamp_us:
            self.first.timestamp_us, self.first.duration_us = self.source.timestamp_us, self.source.duration_us

    def _time_message(self) -> None:
        ms, ws, wr, mr = (self.marks.get(value) for value in ("ms", "ws", "wr", "mr"))
        if ms and mr:
            producer = self._time_second_side(ms, mr, "PRODUCER", "CONSUMER", wr or mr, mr if wr else None)
            producer.timestamp_us, producer.duration_us = ms.at, _between(ms, ws)
        elif ms:
            self._time(ms, ws)
        elif mr:
            self._time(wr or mr, mr if wr else None)
        else:
            for value, mark in (("ws", ws), ("wr", wr)):
                if mark:
                    self._side(mark.host).annotations.append((mark.at, value))

    def _read_tags(self) -> None:
        for key, value, host in sorted(self.source.tags, key=itemgetter(0)):
            side = self._side(host)
            if key != LOCAL_COMPONENT or value:
                side.tags[key] = value

    def _read_addresses(self) -> None:
        found = dict(self.source.addresses)
        ca, sa, ma = found.get("ca"), found.get("sa"), found.get("ma")
        client = self.marks.get("cs") or self.marks.get("cr")
        server = self.marks.get("sr") or self.marks.get("ss")
        if not client and not server and (ca or sa):
            self._address_without_core(ca, sa)
            return
        if ca and server and ca != server.host:
            self._side(server.host).remote = _unlike(ca, server.host)
        if sa and client:
            self._side(client.host).remote = sa
        for value in ("ms", "mr"):
            if ma and value in self.marks:
                self._side(self.marks[value].host).remote = ma

    def _address_without_core(self, ca: Endpoint | None, sa: Endpoint | None) -> None:
        if ca and sa:
            self._side(ca).remote = sa
        elif sa:
            self.first.remote = sa
        else:
            self.first.kind, self.first.remote = "SERVER", ca


def _between(begin: _Mark, end: _Mark | None) -> int:
    return 0 if end is None else max(0, end.at - begin.at)


def _unlike(client: Endpoint, server: Endpoint) -> Endpoint | None:
    """The client's address, without its service name if that equals the server's.

    Finagle sends such an address; with the name the dependency graph would show a service that calls itself.
    """
    if client.service_name != server.service_name:
        return client
    nameless = client._replace(service_name="")
    return None if nameless == _NO_ENDPOINT else nameless
