"""Sends spans of OpenTelemetry's SDK with our encoders and our delivery.

Rules: `export` hands spans over; it encodes nothing and raises nothing.  It never waits on the thread that ends a span.  Behind
the SDK's batch processor it waits for the collector, because the processor's own `force_flush` never asks the exporter.  The
reporter's thread turns each span into Zipkin's.
A finished span of the SDK does not change any more, so none is copied.  Only `settings` reads the environment.
Source: opentelemetry-specification, trace/sdk_exporters/zipkin.md; trace/sdk.md, "Span Exporter".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

try:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import StatusCode
except ImportError as error:
    raise ImportError(
        "exporting OpenTelemetry's spans needs its SDK: install the extra otel-sdk, or the package opentelemetry-sdk"
    ) from error

from ..context import LOW_64_BITS
from ..log import log
from ..model import FinishedSpan, TakenBefore
from ..option import check_flag, check_group, check_names, options_of, selected
from ..options import (
    DEFAULT_ENDPOINT,
    EndpointOptions,
    HttpOptions,
    KafkaOnlyOptions,
    LinkOptions,
    ReportingOptions,
    SendingOptions,
    TracerOptions,
)
from ..parts import check_exclusions, reporter_of
from ..process import local_address
from ..senders.endpoint import route_of
from ..stats import TracerStats
from ..tags import MAX_NAME_LENGTH
from ..text import MAX_KEY_LENGTH, to_text
from .arguments import DEFAULT_TIMEOUT_MS
from .asked import BY_A_FLUSH, BY_A_THREAD_OF_THE_SDK, asked
from .direct import IS_DIRECT_USABLE, KIND_OF, DirectJson, Origins, annotations_of, hex_of, sdk_attributes
from .mapping import (
    MAX_INT,
    attribute_text,
    dropped_tags,
    endpoint_of,
    error_text,
    event_text,
    status_tags,
    texts_of,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..senders import Sender

__all__ = ["SETTINGS", "Exporter", "ExporterOptions", "ExporterSettings"]

MAX_TIMEOUT_S = 86_400.0  # a longer timeout, also an infinite one, is cut to a day

# Seconds that `export` keeps the thread of the SDK's batch processor, which meanwhile keeps 2,048 spans and drops further ones.
# A collector answers within milliseconds; while it does not answer, the thread is kept no second time.
MAX_WAIT_OF_THREAD_S = 1.0

_new = object.__new__


class ExporterOptions(LinkOptions, HttpOptions, KafkaOnlyOptions, ReportingOptions, total=False):
    """All settings but `endpoint`: those of sending and reporting, and those tracer settings that an exporter can use."""

    max_tag_length: int | None
    local_ip: str | None
    local_port: int | None
    sender: Sender | None


class ExporterSettings(EndpointOptions, ExporterOptions, total=False):
    """All settings that an exporter takes."""


# The names of the settings that an exporter takes.
SETTINGS = (*options_of(SendingOptions), *options_of(ReportingOptions), "max_tag_length", "local_ip", "local_port")


class Exporter(SpanExporter):
    """A SpanExporter of OpenTelemetry's SDK, which works behind any span processor; may be used from any thread.

    The settings are those of sending and reporting, and `max_tag_length`, `local_ip` and `local_port`, as in
    docs/reference/configuration.md.  The service's name is the resource's `service.name`.  `local_ipv6` is a second address.
    `debug` marks every span as one that the collector must keep.  A wrong value raises ValueError, which names the value and
    the remedy.
    """

    def __init__(self, *, local_ipv6: str = "", debug: bool = False, **given: Unpack[ExporterSettings]) -> None:
        named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        check_names("ZipkinExporter()", named, (*SETTINGS, "sender"))
        check_exclusions(named)
        own = check_group("ZipkinExporter()", TracerOptions, selected(TracerOptions, named))
        self._debug = check_flag("debug", debug)
        self._tag_limit: int = own["max_tag_length"]
        known = local_address.endpoint("", own["local_ip"], own["local_port"])
        local = known._replace(ipv6=known.ipv6 or local_ipv6)
        # The URL of the collector: the route to it shows this host's address.  None if an address was given.
        is_given = any((local.ipv4, local.ipv6))
        self._route = None if is_given else route_of(named.get("endpoint", DEFAULT_ENDPOINT))
        self._origins = Origins(local, self._tag_limit)
        self._has_failed = False
        self._send_timeout: float = named.get("send_timeout", options_of(LinkOptions)["send_timeout"].default)
        # Handlers are called with spans of our model, so the direct encoder cannot be used with them.
        has_handlers = bool(named.get("handlers") or named.get("redact"))
        self._is_direct = IS_DIRECT_USABLE and named.get("encoding", "json") == "json" and not has_handlers
        encoder = DirectJson(self._origins, self._tag_limit, self._debug) if self._is_direct else None
        self._reporter = reporter_of(named, self, Exporter._find_local_address, late=True, encoder=encoder)

    # Methods that the SDK calls

    def export(self, spans: Sequence[Any]) -> Any:
        """Hand finished spans over to the reporter; returns FAILURE if it refused any of them, being full or closed.

        A batch processor that flushes waits here for the collector, at most `send_timeout`; its thread waits at most a second,
        and not while earlier spans wait.  One failed try ends the wait; the spans are kept and sent again.  A call while a
        span ends does not wait, and neither does the application's own call.
        """
        reporter = self._reporter
        refused_before, remaining_before = reporter.refused, reporter.remaining
        try:
            record = reporter.record
            for span in spans:
                item = _new(_Exported)
                item._span = span
                item._exporter = self
                item._start = True
                record(item)
        except Exception:  # `spans` is not a sequence
            if not self._has_failed:
                self._has_failed = True
                log.error("zipkin: export() was given something other than a sequence of spans (logged once)", exc_info=True)
            return SpanExportResult.FAILURE
        by = asked()
        if by is BY_A_FLUSH:
            reporter.attempt(self._send_timeout)
        elif by is BY_A_THREAD_OF_THE_SDK and not remaining_before:
            reporter.attempt(MAX_WAIT_OF_THREAD_S)
        return SpanExportResult.SUCCESS if reporter.refused == refused_before else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: float = DEFAULT_TIMEOUT_MS) -> bool:
        """Wait until the collector has accepted every span handed over before.

        Returns False if the time was too short or a span was dropped.
        """
        return self._reporter.flush(_seconds(timeout_millis))

    def shutdown(self, timeout_millis: float = DEFAULT_TIMEOUT_MS) -> None:
        """Send the waiting spans, as long as the collector accepts spans (`exit_stall_timeout`, `exit_timeout`), and stop."""
        if self._reporter.is_closed:  # another thread may have ended it, and may still be sending
            self._reporter.flush(_seconds(timeout_millis))
        else:
            self._reporter.close_and_wait(_seconds(timeout_millis))

    @property
    def stats(self) -> TracerStats:
        """The counts of the spans handed over."""
        return self._reporter.stats()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._reporter!r})"

    # The reporter's thread

    def _find_local_address(self) -> None:
        """Find this host's address, before the first span is sent."""
        if self._route is not None:
            self._origins.set_local(local_address.with_address(self._route, self._origins.local))


class _Exported:
    """A span of the SDK that waits for the reporter's thread."""

    __slots__ = ("_exporter", "_span", "_start")

    _exporter: Exporter
    _span: Any
    _start: bool

    def to_finished(self) -> Any:
        """The object for the encoder; raises TakenBefore if the reporter has taken it before, and so deleted `_start`."""
        try:
            self._start  # noqa: B018
        except AttributeError:
            raise TakenBefore from None
        return self if self._exporter._is_direct else self.make_finished()

    def make_finished(self) -> FinishedSpan:
        """The span in Zipkin's model."""
        try:
            return self._finished_by_slots()
        except Exception:  # the span is not the SDK's ReadableSpan
            return _finished_by_properties(self._span, self._exporter)

    def _finished_by_slots(self) -> FinishedSpan:
        # Reads the SDK's own slots: its properties make copies and views, which together cost as much as all the rest.
        raw = self._span.__dict__
        exporter = self._exporter
        max_length = exporter._tag_limit
        origin = exporter._origins.of(raw["_resource"], raw["_instrumentation_scope"])
        given, events, links = raw["_attributes"], raw["_events"], raw["_links"]
        attributes = given._dict
        tags: dict[str, Any] = {**origin.tags, **attributes}
        for key, value in attributes.items():
            if type(value) is int and -MAX_INT <= value <= MAX_INT and len(key) <= MAX_KEY_LENGTH:  # such as a status or a port
                tags[key] = str(value)
            elif type(value) is not str or len(value) > max_length or len(key) > MAX_KEY_LENGTH:
                _replace_tag(tags, key, value, max_length)
        status = raw["_status"]
        code = status.status_code
        if code is StatusCode.ERROR:
            tags["otel.status_code"] = "ERROR"
            tags["error"] = _error_of(status, attributes, events, max_length)
        else:
            tags.pop("error", None)  # Zipkin would show a span with this tag as failed
            if code is StatusCode.OK:
                tags["otel.status_code"] = "OK"
        if given.dropped or events.dropped or links.dropped:
            tags |= dropped_tags(given.dropped, events.dropped, links.dropped)
        start_us, end_us = raw["_start_time"] // 1000, raw["_end_time"] // 1000
        context, parent, name = raw["_context"], raw["_parent"], raw["_name"]
        trace_id = context.trace_id
        kind = KIND_OF[id(raw["_kind"])]

        finished = _new(FinishedSpan)
        finished.trace_id = trace_id.to_bytes(16 if trace_id > LOW_64_BITS else 8, "big").hex()
        finished.span_id = context.span_id.to_bytes(8, "big").hex()
        finished.parent_id = None if parent is None else parent.span_id.to_bytes(8, "big").hex()
        finished.kind = kind
        finished.name = name.lower() if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH].lower()
        finished.timestamp_us = start_us
        finished.duration_us = end_us - start_us if end_us > start_us else 1
        finished.local = origin.local
        finished.remote = None if kind is None else endpoint_of(kind, attributes, origin.local.service_name)
        finished.annotations = annotations_of(events._dq, links._dq, start_us, max_length) if events._dq or links._dq else []
        finished.tags = tags
        finished.debug = exporter._debug
        finished.shared = False
        return finished

    # The reporter computes the weight of a waiting span from these

    @property
    def _tags(self) -> Mapping[str, Any]:
        try:
            return sdk_attributes(self._span.attributes)
        except Exception:  # not a span of the SDK
            return {}

    @property
    def _logs(self) -> list[tuple[int, str]]:
        try:
            return [(0, event_text(event.name, sdk_attributes(event.attributes))) for event in self._span.events]
        except BaseException:  # also a SystemExit from a value: it would be raised again in each round of the reporter
            return []


def _finished_by_properties(span: Any, exporter: Exporter) -> FinishedSpan:
    """The finished span made from the public attributes of any span; raises if the span has no ids."""
    max_length = exporter._tag_limit
    context, parent = span.context, span.parent
    events, links = span.events or (), getattr(span, "links", None) or ()
    kind = getattr(span.kind, "name", None)
    attributes = sdk_attributes(span.attributes)
    start_us, end_us = (span.start_time or 0) // 1000, (span.end_time or 0) // 1000
    origin = exporter._origins.of(getattr(span, "resource", None), getattr(span, "instrumentation_scope", None))
    tags = origin.tags | texts_of(attributes, max_length)
    tags.pop("error", None)
    code = getattr(span.status.status_code, "name", "UNSET")
    tags |= status_tags(code, _error_of(span.status, attributes, events, max_length) if code == "ERROR" else "")
    counts = (getattr(span, f"dropped_{what}", 0) for what in ("attributes", "events", "links"))
    return FinishedSpan(
        hex_of(context.trace_id, 16 if context.trace_id > LOW_64_BITS else 8),
        hex_of(context.span_id, 8),
        hex_of(parent.span_id, 8) if parent is not None and parent.span_id else None,
        kind if kind in KIND_OF.values() else None,
        to_text(span.name, MAX_NAME_LENGTH).lower(),
        start_us,
        end_us - start_us if end_us > start_us else 1,
        origin.local,
        endpoint_of(kind if kind in KIND_OF.values() else None, attributes, origin.local.service_name),
        annotations_of(events, links, start_us, max_length),
        tags | dropped_tags(*counts),
        exporter._debug,
    )


def _replace_tag(tags: dict[str, Any], key: str, value: Any, max_length: int) -> None:
    """Make a tag of an attribute that is no short text, or that has a long key; delete the one whose value is None."""
    if len(key) > MAX_KEY_LENGTH:
        del tags[key]
        key = key[:MAX_KEY_LENGTH]
    if value is None:
        tags.pop(key, None)
    else:
        tags[key] = attribute_text(value, max_length)


def _error_of(status: Any, attributes: Mapping[str, Any], events: Iterable[Any], max_length: int) -> str:
    text = status.description
    if not text:
        exceptions = [sdk_attributes(event.attributes) for event in events if event.name == "exception"]
        text = error_text(None, attributes, exceptions[-1] if exceptions else None)
    return attribute_text(text, max_length)


def _seconds(timeout_millis: Any) -> float:
    """A timeout in seconds; the default if the value is not a number."""
    try:
        return min(max(0.0, float(timeout_millis) / 1000), MAX_TIMEOUT_S)
    except Exception:  # None, or text
        return DEFAULT_TIMEOUT_MS / 1000
