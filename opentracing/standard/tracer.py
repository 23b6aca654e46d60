"""RecordingTracer: the whole API in as few lines as possible; it hands every finished span to a Recorder.

Rules: read it before you write your own tracer, and test against it; nothing here is made fast.  On the wire a context is two
text entries, and one more for each attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from random import SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from ..arguments import is_one_of, pairs_of, parent_of, seconds_of
from ..logs import EVENT
from ..propagation import Format, InvalidCarrierException, UnsupportedFormatException
from ..scope import Scope
from ..scope_manager import ScopeManager
from ..scope_managers import ContextVarsScopeManager
from ..span import Span, SpanContext
from ..tags import ERROR
from ..text import text_of, with_item
from ..tracer import Reference, Tracer
from .context import TraceContext
from .raw import RawLog, RawSpan
from .recorder import Recorder

__all__ = ["RecordedSpan", "RecordingContext", "RecordingTracer"]

_C = TypeVar("_C", bound="RecordingContext")
_S = TypeVar("_S", bound="RecordedSpan")

TRACE_ID = "ot-tracer-traceid"
SPAN_ID = "ot-tracer-spanid"
ATTRIBUTE_PREFIX = "ot-baggage-"
TEXT_FORMATS = (Format.TEXT_MAP, Format.HTTP_HEADERS)

_random = SystemRandom()


class RecordingContext(TraceContext):
    """Has an identity in addition to the attributes: ids of 16 hex digits, and a `parent_id`, which is None for a root."""

    def __init__(self, trace_id: str, span_id: str, parent_id: str | None, attributes: dict[str, str] | None) -> None:
        super().__init__(attributes)
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id

    def set_baggage_item(self, key: str, value: str) -> None:
        """Keep `value` under the spelling of `key` that was given; it replaces any other spelling of the same key."""
        while True:
            before = self.trace_attributes
            after = with_item(before or {}, key, value)
            # A compare-and-swap without a lock.  CPython switches to other threads and signal handlers only at a call, at the
            # start of a function and at a jump back.  This line has none of these.  It is one line because trace functions run
            # between lines.  It cannot be a shared function, so mocktracer/context.py repeats it for its own attribute.
            if self.trace_attributes is before: self.trace_attributes = after; return  # noqa: E701, E702  # fmt: skip

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        self.set_baggage_item(self.normalize_key(key), value)
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        return SpanContext.get_trace_attribute(self, key)


class RecordedSpan(Span):
    """Fills a RawSpan and hands it to the recorder when the span is finished; may be used from any thread."""

    if TYPE_CHECKING:  # an inherited member, with this tracer's type

        @property
        def context(self) -> RecordingContext: ...

    def __init__(self, tracer: RecordingTracer, raw: RawSpan) -> None:
        super().__init__(tracer, raw.trace_context)
        self._raw = raw
        self._recorder = tracer.recorder
        self._once = True  # a one-shot token: deleting it is atomic, so exactly one `finish` wins

    def set_operation_name(self: _S, operation_name: str) -> _S:
        self._raw.operation_name = operation_name
        return self

    def set_tag(self: _S, key: str, value: Any) -> _S:
        self._raw.add_tag(key, value)
        return self

    def log_kv(self: _S, key_values: dict[str, Any], timestamp: float | None = None) -> _S:
        fields = {text_of(key): value for key, value in pairs_of(key_values).items()}
        event = text_of(fields.pop(EVENT, ""))
        self._raw.add_log(RawLog(seconds_of(timestamp), event == ERROR, event, *([fields] if fields else [])))
        return self

    def set_baggage_item(self: _S, key: str, value: str) -> _S:
        self.context.set_baggage_item(key, value)
        return self

    def get_baggage_item(self, key: str) -> str | None:
        item = self.context.baggage.get(text_of(key))
        return self.context.get_trace_attribute(key) if item is None else item

    def finish(self, finish_time: float | None = None) -> None:
        end = seconds_of(finish_time)
        try:
            del self._once
        except AttributeError:
            return
        self._raw.duration = max(0.0, end - (self._raw.start_time or end))
        self._recorder.record(self._raw)


class RecordingTracer(Tracer):
    """Starts spans, and hands the finished ones to `recorder`."""

    def __init__(self, recorder: Recorder, scope_manager: ScopeManager | None = None) -> None:
        super().__init__(scope_manager or ContextVarsScopeManager())
        self.recorder = recorder

    def start_span(
        self,
        operation_name: str | None = None,
        child_of: Any = None,
        references: Sequence[Reference] | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
    ) -> RecordedSpan:
        parent = parent_of(RecordingContext, child_of, references, None if ignore_active_span else self.active_span)
        raw = RawSpan(_new_context(parent), "" if operation_name is None else operation_name)
        raw.start_time = seconds_of(start_time)
        for key, value in pairs_of(tags).items():
            raw.add_tag(key, value)
        return RecordedSpan(self, raw)

    def start_active_span(
        self,
        operation_name: str,
        child_of: Any = None,
        references: Sequence[Reference] | None = None,
        tags: dict[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
        finish_on_close: bool = True,
    ) -> Scope:
        span = self.start_span(operation_name, child_of, references, tags, start_time, ignore_active_span)
        return self.scope_manager.activate(span, finish_on_close)

    def inject(self, span_context: Any, format: str, carrier: Any) -> None:
        entries = _entries(span_context)
        try:
            if is_one_of(format, TEXT_FORMATS) and isinstance(carrier, MutableMapping):
                carrier.update(entries)
                return
            if is_one_of(format, (Format.BINARY,)) and isinstance(carrier, bytearray):
                carrier += "\n".join(f"{key}:{value}" for key, value in entries.items()).encode()
                return
        except Exception as error:  # a carrier of the application's may raise anything
            raise _refusal(format) from error
        raise _refusal(format)

    def extract(self, format: str, carrier: Any) -> RecordingContext | None:
        try:
            if is_one_of(format, TEXT_FORMATS) and isinstance(carrier, Mapping):
                return _read(carrier)
            if is_one_of(format, (Format.BINARY,)) and isinstance(carrier, (bytes, bytearray)):
                lines = bytes(carrier).decode(errors="replace").splitlines()
                return _read(dict(line.split(":", 1) for line in lines if ":" in line))
        except Exception as error:
            raise _refusal(format) from error
        raise _refusal(format)

    def trace_context_to_text(self, trace_context: Any) -> tuple[dict[str, str], dict[str, str] | None]:
        entries = _entries(trace_context)
        attributes = {key: entries.pop(key) for key in list(entries) if key.startswith(ATTRIBUTE_PREFIX)}
        return entries, attributes or None

    def close(self) -> Any:
        return self.recorder.close()


def _new_context(parent: RecordingContext | None) -> RecordingContext:
    span_id = f"{_random.getrandbits(64):016x}"
    if parent is None:
        return RecordingContext(span_id, span_id, None, None)
    return RecordingContext(parent.trace_id, span_id, parent.span_id, parent.trace_attributes_as_dict())


def _entries(context: Any) -> dict[str, str]:
    if not issubclass(type(context), RecordingContext):
        return {}  # another tracer's context, for instance the no-op's from before this tracer was installed
    entries = {TRACE_ID: context.trace_id, SPAN_ID: context.span_id}
    for key, value in context.baggage.items():
        entries[ATTRIBUTE_PREFIX + key] = quote(text_of(value), safe=" ", errors="replace")
    return entries


def _read(carrier: Mapping[str, str]) -> RecordingContext | None:
    headers = {text_of(key).lower(): text_of(value) for key, value in carrier.items()}
    if TRACE_ID not in headers or SPAN_ID not in headers:
        return None
    attributes = {
        key[len(ATTRIBUTE_PREFIX) :]: unquote(value) for key, value in headers.items() if key.startswith(ATTRIBUTE_PREFIX)
    }
    return RecordingContext(headers[TRACE_ID], headers[SPAN_ID], None, attributes or None)


def _refusal(format: str) -> Exception:
    if is_one_of(format, (Format.BINARY, *TEXT_FORMATS)):
        return InvalidCarrierException(
            f"wrong carrier for {format}; use a bytearray for {Format.BINARY}, and a mapping for other formats"
        )
    return UnsupportedFormatException(format)
