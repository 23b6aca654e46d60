"""Shows an active OpenTracing span as OpenTelemetry's current span.

Rules: the view has no data of its own.  Its setters change the span, and do nothing after the span's end.  They look like those
of `span.Span` and are not shared with it, because that class also counts what a limit drops.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from opentelemetry.trace import Span as OtelSpan, SpanContext, SpanKind, Status, StatusCode, format_span_id, format_trace_id

from ..context import ZipkinContext
from ..span import RecordingSpan, ZipkinSpan, context_of
from ..text import entries, to_text
from .arguments import attributes_of, exception_attributes, status_of, us_of
from .contexts import to_otel
from .mapping import attribute_text, event_text, link_text
from .runtime import span_types

__all__ = ["SpanView"]

_KIND_OF_NAME = {kind.name: kind for kind in SpanKind}


class SpanView(OtelSpan):
    """An active OpenTracing span as OpenTelemetry's current span.  `scope` is the scope in which the span is active."""

    __slots__ = ("_span_context", "scope", "span")

    def __init__(self, span: ZipkinSpan, scope: Any) -> None:
        self.span = span
        self.scope = scope
        self._span_context: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        found = self._span_context
        if found is None:
            context = context_of(self.span)
            self._span_context = found = to_otel(ZipkinContext() if context is None else context)
        return found

    def is_recording(self) -> bool:
        return hasattr(self.span, "_once")

    def set_attribute(self, key: str, value: Any) -> None:
        if value is not None and self.is_recording():
            kind = type(value)
            is_plain = kind is str or kind is int or kind is bool  # `in` would call code of a metaclass
            self.span.set_tag(key, value if is_plain else attribute_text(value))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for key, value in entries(attributes).items():
            self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        if self.is_recording():
            span = cast("RecordingSpan", self.span)
            at_us = us_of(timestamp)
            text = event_text(name, attributes_of(attributes), span._tracer._tag_limit)
            span._annotate(span._now_us() if at_us is None else at_us, text)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        if self.is_recording():
            known = exception_attributes(exception, self.span._tracer._tag_limit)
            self.add_event("exception", known if attributes is None else {**known, **entries(attributes)}, timestamp)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        if self.is_recording():
            try:
                ids = (format_trace_id(context.trace_id), format_span_id(context.span_id))
                span = cast("RecordingSpan", self.span)
                span._annotate(span._now_us(), link_text(*ids, attributes_of(attributes), span._tracer._tag_limit))
            except Exception:  # not a context
                return

    def update_name(self, name: str) -> None:
        if self.is_recording():
            self.span.set_operation_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        code, text = status_of(status, description)
        if code is StatusCode.ERROR and self.is_recording():
            span = cast("RecordingSpan", self.span)
            span._fail("" if text is None else to_text(text, span._tracer._tag_limit))

    def end(self, end_time: int | None = None) -> None:
        self.span.finish(None if us_of(end_time) is None else cast("int", end_time) / 1_000_000_000)

    @property
    def kind(self) -> SpanKind:
        word = getattr(self.span, "_tags", {}).get("span.kind")
        return _KIND_OF_NAME.get(word.upper(), SpanKind.INTERNAL) if type(word) is str else SpanKind.INTERNAL

    @property
    def name(self) -> str:
        return getattr(self.span, "_name", "")

    @property
    def attributes(self) -> Mapping[str, Any]:
        return MappingProxyType(getattr(self.span, "_tags", {}).copy())

    def __repr__(self) -> str:
        return f"SpanView({self.span!r})"


span_types.add(SpanView)
