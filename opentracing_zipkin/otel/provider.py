"""OpenTelemetry's tracer provider and tracer, based on ours.

Rules: `start_span` is the hot path, so it is one function, like `ZipkinTracer.start_span`; no argument makes it raise.  A
provider without its own tracer follows the global one, so that a later `configure` takes effect at once.
Source: OpenTelemetry's specification, trace/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracer, Span as OtelSpan, SpanKind, StatusCode

import opentracing

from ..context import DECIDED, INHERITED, LOCAL_ROOT, LOW_64_BITS, MESSAGING, SAMPLED, CallerContext, ZipkinContext
from ..log import log
from ..option import WrongSetting
from ..span import MAX_ANNOTATIONS, MAX_TAGS, context_of, name_of
from ..text import to_text
from ..tracer import MAX_PAIRING_NS, ZipkinTracer
from .arguments import DEFAULT_TIMEOUT_MS, MAX_TIME_NS
from .checks import check_tracer
from .current import CurrentSpan
from .mapping import MAX_TEXT_LENGTH
from .nesting import nest, zipkin_context_of
from .runtime import MAX_BAGGAGE_LENGTH, SPAN_KEY, baggage_of, current_context, span_of
from .span import RECORD, SET_STATUS, QuietSpan, Span, TimedSpan

__all__ = ["Tracer", "TracerProvider"]

MAX_LINKS = 128
MAX_LINKS_SEEN = 10_000  # including those that are counted as dropped; each takes 1.5 µs
MAX_SCOPE_LENGTH = 255  # of the name and the version of an instrumentation

_ROOT = DECIDED | LOCAL_ROOT
_SAMPLED_ROOT = DECIDED | SAMPLED | LOCAL_ROOT
_SERVER = {"span.kind": "server"}
_BOTH_EFFECTS = RECORD | SET_STATUS

_noop = NoOpTracer()


class TracerProvider(trace.TracerProvider):
    """Makes tracers that record into a ZipkinTracer; without one, into the global tracer of the moment.

    `max_attributes`, `max_events` and `max_links` limit each span; our own limits apply as well.  Raises ValueError for a limit
    that is not a whole number or is negative, and TypeError for a tracer that is no ZipkinTracer.
    """

    def __init__(
        self,
        tracer: ZipkinTracer | None = None,
        max_attributes: int = MAX_TAGS,
        max_events: int = MAX_ANNOTATIONS,
        max_links: int = MAX_LINKS,
    ) -> None:
        self.max_attributes = _check_limit("max_attributes", max_attributes, MAX_TAGS)
        self.max_events = _check_limit("max_events", max_events, MAX_ANNOTATIONS)
        self.max_links = _check_limit("max_links", max_links, MAX_LINKS)
        self.given: opentracing.Tracer | None = None
        self._last_global: Any = None  # the global tracer when `current` was called last
        self.zipkin: ZipkinTracer | None = None
        self.use(tracer)

    def use(self, tracer: ZipkinTracer | None) -> None:
        """Record into this tracer from now on; None means the global tracer, and `opentracing.Tracer()` records nothing.

        Raises TypeError for another kind of tracer.
        """
        self.given = check_tracer("TracerProvider()", tracer)
        if tracer is None:
            self._last_global = self.zipkin = None
            # Under the command, the global tracer may be a stand-in, which configures at its first use.  So it is not used
            # before the first span.
            if isinstance(opentracing.global_tracer(), ZipkinTracer):
                self.current()
        else:
            self.zipkin = self.given if isinstance(self.given, ZipkinTracer) else None
            if self.zipkin is not None:
                nest(self.zipkin)

    def current(self) -> ZipkinTracer | None:
        """The present tracer; None if the global one is no ZipkinTracer."""
        if self.given is None:
            tracer = opentracing.global_tracer()
            if tracer is not self._last_global:
                if not isinstance(tracer, ZipkinTracer):
                    getattr(tracer, "scope_manager", None)  # under the command, a stand-in configures at its first use
                    tracer = opentracing.global_tracer()
                zipkin = tracer if isinstance(tracer, ZipkinTracer) else None
                if zipkin is not None:
                    nest(zipkin)
                self.zipkin, self._last_global = zipkin, tracer
        return self.zipkin

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        return Tracer(self, instrumenting_module_name, instrumenting_library_version)

    # Methods that the SDK's provider has beyond the API

    @property
    def resource(self) -> Resource:
        """The service, for instrumentations that read it (the one of logging names the service in each line)."""
        zipkin = self.current()
        return Resource({} if zipkin is None else {**zipkin._default_tags, "service.name": zipkin.service_name})

    def force_flush(self, timeout_millis: int = DEFAULT_TIMEOUT_MS) -> bool:
        """Wait until the collector has accepted every span that waits now; returns whether that was done in this time."""
        zipkin = self.current()
        try:
            return zipkin is None or zipkin.flush(timeout_millis / 1000)
        except Exception:  # not a time, or a class whose division raises
            return False

    def shutdown(self) -> None:
        """Send the waiting spans; the tracer stays open, because others may use it as well."""
        self.force_flush()

    def add_span_processor(self, span_processor: Any) -> None:
        log.warning(
            "zipkin: %s is not used, because spans go to Zipkin; to change spans, use configure(handlers=...)",
            to_text(type(span_processor), MAX_TEXT_LENGTH),
        )


def _check_limit(name: str, value: Any, maximum: int) -> int:
    """The limit, which is never above ours.  Raises WrongSetting."""
    if type(value) is not int or value < 0:
        raise WrongSetting(name, f"is {to_text(value, MAX_TEXT_LENGTH)}; use a whole number, for instance {maximum}")
    return min(value, maximum)


class Resource:
    """Stands for the SDK's class of this name; it only has `attributes`."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = attributes


class Tracer(trace.Tracer):
    """Starts spans that carry the name of an instrumentation.  May be used from any thread."""

    def __init__(self, provider: TracerProvider, name: Any, version: Any) -> None:
        self._provider = provider
        self.max_attributes = provider.max_attributes
        self.max_events = provider.max_events
        self.max_links = provider.max_links
        self.scope = {
            key: to_text(value, MAX_SCOPE_LENGTH)
            for key, value in (("otel.scope.name", name), ("otel.scope.version", version))
            if value is not None and (type(value) is not str or value)
        }

    def add_scope(self, tags: dict[str, str]) -> None:
        """Add the tags that name the instrumentation; called on the reporter's thread."""
        tags.update(self.scope)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> OtelSpan:
        provider = self._provider
        zipkin = provider.zipkin
        if provider.given is None and opentracing.global_tracer() is not provider._last_global:
            zipkin = provider.current()
        try:
            if zipkin is None:
                return _noop.start_span(name, context)
            if type(kind) is not SpanKind:
                kind = SpanKind.INTERNAL
            parent: Any
            around = current_context() if context is None else context
            current: Any = around.get(SPAN_KEY)
            if type(current) is Span:  # nearly always
                parent = current
            elif (current := span_of(around)) is not INVALID_SPAN:
                parent = zipkin_context_of(current)
            else:
                parent = _active_context(zipkin) if context is None else None
            # If the context holds more than a span, that may be baggage.
            merged = baggage_of(around) if len(around) > (current is not INVALID_SPAN) else None
            caller_tags = None
            if type(parent) is CallerContext:
                caller_tags, parent = parent.tags, parent.as_root()
            if not zipkin._is_plain:
                if not zipkin._enabled:
                    return _disabled_span(zipkin, parent, kind)
                parent = zipkin._with_decision(parent, name, _tags_for_sampler(attributes, kind))
            if parent is None:
                paired_at, offset = None, 0
                trace_id: Any = zipkin._random_bits(zipkin._trace_id_bits)
                if not trace_id & LOW_64_BITS:
                    trace_id = zipkin._new_trace_id()
                span_id: Any = trace_id  # the low 64 bits are the span id
                parent_id = baggage = None
                state = _SAMPLED_ROOT if zipkin._samples_all or zipkin._sampler(trace_id & LOW_64_BITS) else _ROOT
            else:
                if parent is current:  # nearly always; the same as `_identity` does for a context of this process
                    trace_id, parent_id, state = parent._trace_id, parent._span_id, parent._state & INHERITED
                    span_id = zipkin._random_bits(64) or zipkin._new_span_id()
                else:
                    trace_id, span_id, parent_id, state = zipkin._identity(parent, _SERVER if kind is SpanKind.SERVER else None)
                baggage, paired_at, offset = parent._baggage, parent._paired_at, parent._offset
            if merged and merged != getattr(current, "_merged_baggage", None):
                baggage = {**(baggage or {}), **{key: to_text(value, MAX_BAGGAGE_LENGTH) for key, value in merged.items()}}
            if kind is SpanKind.PRODUCER:
                state |= MESSAGING
            if not state & SAMPLED:
                if parent is None and baggage is None:
                    return QuietSpan.of(zipkin, None, state, kind, trace_id)
                return QuietSpan.of(zipkin, ZipkinContext(trace_id, span_id, parent_id, state, baggage), state, kind)

            span = Span() if start_time is None else TimedSpan()
            span._tracer = zipkin
            span._otel_tracer = self
            span._trace_id = trace_id
            span._span_id = span_id
            span._parent_id = parent_id
            span._state = state
            span._baggage = baggage
            span._name = name if type(name) is str else name_of(name)
            span._kind = kind
            span._parent = parent
            span._merged_baggage = merged
            span._status = StatusCode.UNSET
            span._exception_effects = (
                _BOTH_EFFECTS
                if record_exception is True and set_status_on_exception is True
                else _effects_of(record_exception, set_status_on_exception)
            )
            span._logs = span._error = span._links = span._last_exception = span._description = span._span_context = None
            span._once = 1
            span._start = ticks = zipkin._ticks()
            if paired_at is None or ticks - paired_at > MAX_PAIRING_NS:
                span._offset = zipkin._wall() - ticks
                span._paired_at = ticks
            else:
                span._offset = offset
                span._paired_at = paired_at
            if attributes is None:
                span._tags = {}
            else:
                span._set_first_attributes(attributes)
            if caller_tags is not None:
                span.set_attributes(caller_tags)
            if start_time is not None and type(start_time) is int and 0 < start_time < MAX_TIME_NS:
                span._start = start_time - span._offset
            if links:
                for link in islice(links, MAX_LINKS_SEEN):
                    span.add_link(getattr(link, "context", None), getattr(link, "attributes", None))  # type: ignore[arg-type]
            if zipkin._watch is not None:
                zipkin._watch.follow(span)
            return span
        except Exception:  # an argument is not a context, a kind or links
            return INVALID_SPAN

    def start_as_current_span(  # type: ignore[override]  # it also decorates every kind of function
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        effects = _effects_of(record_exception, set_status_on_exception)
        arguments = (name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception)
        return CurrentSpan(self, arguments, effects, _is_true(end_on_exit))


def _tags_for_sampler(attributes: Mapping[str, Any] | None, kind: SpanKind) -> dict[str, Any]:
    """The tags of a root, as a sampler gets them."""
    try:
        tags = {} if attributes is None else dict(attributes)
    except Exception:  # no mapping, or one of the user's that raises
        tags = {}
    if kind is not SpanKind.INTERNAL:
        tags["span.kind"] = kind.name.lower()
    return tags


def _effects_of(record_exception: Any, set_status: Any) -> int:
    return (RECORD if _is_true(record_exception) else 0) | (SET_STATUS if _is_true(set_status) else 0)


def _is_true(flag: Any) -> bool:
    try:
        return bool(flag)
    except Exception:  # an array, or a class of the user's: take the default
        return True


def _active_context(zipkin: ZipkinTracer) -> ZipkinContext | None:
    """OpenTracing's active span if OpenTelemetry has none: activated before the bridge was installed, or by another manager."""
    scope: Any = zipkin._current_scope()
    if scope is None:
        return None
    span = zipkin.active_span if getattr(scope, "closed_elsewhere", False) else scope.span
    return None if span is None else context_of(span)


def _disabled_span(zipkin: ZipkinTracer, parent: ZipkinContext | None, kind: SpanKind) -> QuietSpan:
    """A span that records nothing and propagates its parent's context, for a tracer that is not enabled."""
    if parent is None:
        return QuietSpan.of(zipkin, ZipkinContext(), 0, kind)
    context = ZipkinContext(parent._trace_id, parent._span_id, parent._parent_id, parent._state, parent._baggage)
    return QuietSpan.of(zipkin, context, context._state, kind)
