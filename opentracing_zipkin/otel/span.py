"""OpenTelemetry's span as one of ours: one object with both APIs, so that no call on it has to be translated.

Rules: the kind of span is decided when it is made, as in `..span`.  A setter keeps immutable values and never raises; after the
end it does nothing.  The reporter's thread finds out the meaning of attributes for Zipkin.
Source: OpenTelemetry's specification, trace/api.md; more about attributes is in mapping.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Protocol

from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span as OtelSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    format_span_id,
    format_trace_id,
)

from ..context import ZipkinContext
from ..model import FinishedSpan
from ..planned import is_planned
from ..span import RecordingSpan, UnsampledSpan, name_of
from ..text import MAX_KEY_LENGTH, describe_exception, entries, is_false, to_text
from .arguments import MAX_TIME_NS, attributes_of, exception_attributes, status_of, us_of
from .contexts import to_otel
from .mapping import (
    DROPPED_ATTRIBUTES,
    DROPPED_EVENTS,
    DROPPED_LINKS,
    MAX_INT,
    attribute_text,
    endpoint_of,
    error_text,
    event_text,
    link_text,
    status_tags,
)
from .runtime import span_types

__all__ = ["RECORD", "SET_STATUS", "QuietSpan", "Span", "TimedSpan"]

LINKS = "otel.links"  # the tag that has the ids of all linked spans

RECORD, SET_STATUS = 1, 2  # the effects of an exception that leaves the block

_UNSET, _OK, _ERROR = StatusCode.UNSET, StatusCode.OK, StatusCode.ERROR
_KIND_OF: dict[Any, str | None] = {kind: None if kind is SpanKind.INTERNAL else kind.name for kind in SpanKind}


class OtelTracer(Protocol):
    """The tracer of OpenTelemetry's API that made a span, reduced to the members that its spans use."""

    max_attributes: int
    max_events: int
    max_links: int

    def add_scope(self, tags: dict[str, str]) -> None: ...


class Span(RecordingSpan, OtelSpan):
    """A recording span, made by `Tracer.start_span`, which sets its slots.  Any thread may call the setters."""

    __slots__ = (
        "_description",
        "_exception_effects",
        "_kind",
        "_last_exception",
        "_links",
        "_merged_baggage",
        "_otel_tracer",
        "_parent",
        "_span_context",
        "_status",
    )

    _otel_tracer: OtelTracer
    _last_exception: Mapping[str, Any] | None  # the attributes of its event
    _description: str | None
    _kind: SpanKind
    _links: list[Link] | None
    _merged_baggage: Mapping[str, object] | None  # the part of OpenTelemetry's baggage that is in ours
    _exception_effects: int
    _parent: ZipkinContext | None
    _span_context: SpanContext | None
    _status: StatusCode

    # The API

    def get_span_context(self) -> SpanContext:
        found = self._span_context
        if found is None:
            self._span_context = found = to_otel(self)
        return found

    def is_recording(self) -> bool:
        try:
            _ = self._once  # the end deletes it
        except AttributeError:
            return False
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        try:
            _ = self._once
        except AttributeError:
            return
        tags = self._tags
        kind = type(value)
        if type(key) is str and len(tags) < self._otel_tracer.max_attributes:
            if kind is str:
                if len(value) <= self._tracer._tag_limit:
                    tags[key] = value
                    return
            elif (kind is int and -MAX_INT <= value <= MAX_INT) or kind is bool:
                tags[key] = value
                if self._error is None:
                    self._error = ""
                return
        self._set_unusual_attribute(key, value)

    def _set_unusual_attribute(self, key: Any, value: Any) -> None:
        if value is None:
            return
        if type(key) is not str:
            key = to_text(key, MAX_KEY_LENGTH)
        if not key:
            return
        if len(self._tags) >= self._otel_tracer.max_attributes and key not in self._tags:
            self._count_dropped(DROPPED_ATTRIBUTES)
        else:
            self._tags[key] = attribute_text(value, self._tracer._tag_limit)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for key, value in entries(attributes).items():
            self.set_attribute(key, value)

    def _set_first_attributes(self, attributes: Any) -> None:
        """Set the attributes given at the start; a plain dict of usual values is copied as a whole."""
        self._tags = {}
        if type(attributes) is not dict or len(attributes) > self._otel_tracer.max_attributes:
            self.set_attributes(attributes)
            return
        tags = attributes.copy()
        limit = self._tracer._tag_limit
        has_text_only = True
        for key, value in tags.items():
            kind = type(value)
            if type(key) is str and key:
                if kind is str:
                    if len(value) <= limit:
                        continue
                elif kind is bool or (kind is int and -MAX_INT <= value <= MAX_INT):
                    has_text_only = False
                    continue
            self.set_attributes(tags)
            return
        self._tags = tags
        if not has_text_only:
            self._error = ""

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        if self.is_recording():
            if len(self._logs or ()) >= self._otel_tracer.max_events:
                self._count_dropped(DROPPED_EVENTS)
            else:
                at_us = us_of(timestamp)
                text = event_text(name, attributes_of(attributes), self._tracer._tag_limit)
                self._annotate(self._now_us() if at_us is None else at_us, text)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        if self.is_recording():
            self._last_exception = known = exception_attributes(exception, self._tracer._tag_limit)
            self.add_event("exception", known if attributes is None else {**known, **entries(attributes)}, timestamp)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        if not self.is_recording():
            return
        try:
            trace_id, span_id = context.trace_id, context.span_id
            if not context.is_valid:
                return
            ids = (format_trace_id(trace_id), format_span_id(span_id))
            link = Link(context, attributes)
        except Exception:  # not a context
            return
        links = self._links
        if links is None:
            self._links = links = []
        if len(links) >= self._otel_tracer.max_links:
            self._count_dropped(DROPPED_LINKS)
            return
        links.append(link)
        limit = self._tracer._tag_limit
        self._annotate(self._now_us(), link_text(*ids, attributes_of(attributes), limit))
        listed = "/".join(ids)
        before = self._tags.get(LINKS)
        self.set_attribute(LINKS, f"{before},{listed}" if type(before) is str and len(links) > 1 else listed)

    def update_name(self, name: str) -> None:
        if self.is_recording():
            self._name = name if type(name) is str else name_of(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status: OK is final, UNSET changes nothing, and the last ERROR counts."""
        if self._status is _OK or not self.is_recording():
            return
        code, text = status_of(status, description)
        if code is _OK or code is _ERROR:
            self._status = code
            self._description = to_text(text, self._tracer._tag_limit) if text is not None and code is _ERROR else None

    def end(self, end_time: int | None = None) -> None:
        # The same as `RecordingSpan.finish`, which gives the reason for the order.
        try:
            _ = self._once
            tracer = self._tracer
            read_ticks, record = tracer._ticks, tracer._record
            self._end = read_ticks() if end_time is None else self._ticks_of(end_time)
            record(self)
            del self._once
        except BaseException as error:
            self._finish_interrupted(error)

    def _ticks_of(self, time_ns: Any) -> int:
        return time_ns - self._offset if type(time_ns) is int and 0 < time_ns < MAX_TIME_NS else self._tracer._ticks()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:
            self._record_failure(exc_val, self._exception_effects)
        self.end()

    def _record_failure(self, error: BaseException, effects: int) -> None:
        """Record an exception that has left the block, unless it is a planned end of the block."""
        if effects and not is_planned(error):
            if effects & RECORD:
                self.record_exception(error)
            if effects & SET_STATUS:
                self.set_status(_ERROR, describe_exception(error, self._tracer._tag_limit))

    # Members that the SDK's spans have beyond the API, because instrumentations read them

    @property
    def kind(self) -> SpanKind:
        return self._kind

    @property
    def name(self) -> str:
        return self._name

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The present attributes; a sequence is already the text that will be sent."""
        return MappingProxyType(self._tags.copy())

    @property
    def status(self) -> Status:
        return Status(self._status, self._description)

    @property
    def parent(self) -> SpanContext | None:
        parent = self._parent
        return None if parent is None or parent._trace_id is None else to_otel(parent)

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(self._links or ())

    @property
    def start_time(self) -> int | None:
        """The start in ns; None if the reporter has taken the span."""
        try:
            return self._start + self._offset
        except AttributeError:
            return None

    @property
    def end_time(self) -> int | None:
        """The end in ns; None before the end."""
        try:
            return self._end + self._offset
        except AttributeError:
            return None

    # Methods of OpenTracing that change OpenTelemetry's status

    def set_tag(self, key: str, value: Any) -> Span:
        if type(key) is str and key == "error" and self._status is not _OK:
            self._status = _UNSET if is_false(value) else _ERROR
        RecordingSpan.set_tag(self, key, value)
        return self

    add_tag = set_tag

    def _fail(self, text: str) -> None:
        if self._status is not _OK:
            self._status = _ERROR
            self._description = text

    # On the reporter's thread

    def to_finished(self) -> FinishedSpan:
        finished = super().to_finished()
        tags = finished.tags
        own = self._tags
        if "span.kind" not in own:
            if finished.kind is not None:  # `resolve` takes an OpenTracing span with a peer for a client
                peers = {key: attribute_text(own[key]) for key in own if key.startswith("peer.")}
                tags.update(peers)
                finished.remote = None
            finished.kind = _KIND_OF[self._kind]
        if finished.remote is None:
            finished.remote = endpoint_of(finished.kind, tags, self._tracer._local.service_name)
        self._otel_tracer.add_scope(tags)
        if self._status is _ERROR:
            text = error_text(self._description, tags, self._last_exception) or tags.get("error", "")
            tags.update(status_tags("ERROR", text or _status_text(tags)))
        else:
            tags.pop("error", None)
            if self._status is _OK:
                tags.update(status_tags("OK"))
        return finished


class TimedSpan(Span):
    """A span whose start time was given: if no end time is given, the end is wall time as well, not ticks."""

    __slots__ = ()

    def end(self, end_time: int | None = None) -> None:
        super().end(self._tracer._clock.wall_ns() if end_time is None else end_time)

    def finish(self, finish_time: float | None = None) -> None:
        super().finish(self._tracer._clock.wall_ns() / 1_000_000_000 if finish_time is None else finish_time)


class QuietSpan(UnsampledSpan, NonRecordingSpan):  # type: ignore[misc]  # NonRecordingSpan's _context is not used here
    """A span that records nothing but propagates its context: it is not sampled, or belongs to a caller's process."""

    __slots__ = ("_kind", "_span_context")

    _kind: SpanKind
    _span_context: SpanContext | None

    @staticmethod
    def of(owner: Any, context: ZipkinContext | None, state: int, kind: SpanKind, trace_id: int | str = 0) -> QuietSpan:
        """A new QuietSpan; `context` may be None for a local root, which makes its context when it is first asked for."""
        span = QuietSpan()
        span._tracer = owner
        span._context = context
        span._trace_id = trace_id
        span._state = state
        span._kind = kind
        span._span_context = None
        return span

    def get_span_context(self) -> SpanContext:
        found = self._span_context
        if found is None:
            self._span_context = found = to_otel(self.context)
        return found

    @property
    def kind(self) -> SpanKind:
        return self._kind

    name = ""
    attributes: Mapping[str, Any] = MappingProxyType({})
    status = Status()
    parent = None
    links: tuple[Link, ...] = ()
    start_time = end_time = None

    def __repr__(self) -> str:
        return f"QuietSpan({self.context!r})"


span_types.update((Span, TimedSpan, QuietSpan))


def _status_text(tags: Mapping[str, str]) -> str:
    """The status code of a response, for instrumentations that give no other reason for an error."""
    return tags.get("http.response.status_code") or tags.get("http.status_code") or ""
