"""The two kinds of span: one records, the other only propagates.

Rules: the kind is decided once, when the span is made.  A setter takes no lock, keeps nothing but inert values and never
raises.  Times are ticks in ns (see clock.py) until `to_finished` turns them into µs on the reporter's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from opentracing import Span

from .clock import Clock
from .context import DEBUG, LOCAL_ROOT, LOW_64_BITS, MESSAGING, SAMPLED, SHARED, ZipkinContext
from .model import Endpoint, FinishedSpan, TakenBefore
from .planned import is_planned
from .tags import MAX_NAME_LENGTH, resolve_tags
from .text import MAX_ENTRIES, MAX_KEY_LENGTH, cut, describe_exception, entries, format_message, inert, is_false, to_text

__all__ = ["RecordingSpan", "SpanOwner", "UnsampledSpan", "WallClockSpan", "ZipkinSpan", "context_of"]

_S = TypeVar("_S", bound="ZipkinSpan")
_R = TypeVar("_R", bound="RecordingSpan")

MAX_TAGS = 128
MAX_ANNOTATIONS = 128

# Given times are in seconds since 1970.  Below this limit (the year 2262) their nanoseconds fit into 63 bits.
MAX_SECONDS = (1 << 63) / 1_000_000_000

_RARE = DEBUG | SHARED

_new = object.__new__


class SpanOwner(Protocol):
    """The part of the tracer that a span uses."""

    _clock: Clock
    _default_tags: dict[str, str]
    _local: Endpoint
    _tag_limit: int

    @property
    def _record(self) -> Callable[[RecordingSpan], None]: ...
    @property
    def _ticks(self) -> Callable[[], int]: ...
    def _new_trace_id(self) -> int: ...
    def start_span(
        self, operation_name: str, child_of: ZipkinSpan, references: None = None, tags: Mapping[str, Any] | None = None
    ) -> ZipkinSpan: ...


class ZipkinSpan(Span):
    """The common part of both kinds: the verbs of 0.5 and the baggage.  The tracer sets the slots."""

    __slots__ = ()

    records = True  # instrumentations do less work for a span that records nothing

    # The tracer sets the slots, which costs 100 ns a span less than arguments.  With `object.__init__`, a call of the class
    # costs 20 % less time than a call of `object.__new__`.
    if TYPE_CHECKING:
        _tracer: SpanOwner

        def __init__(self) -> None: ...

    else:
        __init__ = object.__init__

    @property
    def context(self) -> ZipkinContext:
        raise NotImplementedError

    def set_baggage_item(self: _S, key: str, value: str) -> _S:
        self.context._set_baggage(key if type(key) is str else to_text(key, MAX_KEY_LENGTH), value)
        return self

    def get_baggage_item(self, key: str) -> str | None:
        return self.context._get_baggage(key)

    # A span is one thing: a copy of an object that holds it still holds the same span.  Pickling a span keeps its context only.

    def __copy__(self: _S) -> _S:
        return self

    def __deepcopy__(self: _S, memo: object) -> _S:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return ZipkinContext.__reduce__(self.context)

    # The verbs of 0.5 are written here, so that spans also have them on upstream's `opentracing` 2.4, which lacks them.

    @property  # type: ignore[misc]  # this attribute is never assigned
    def trace_context(self) -> ZipkinContext:
        return self.context

    def start_child(self, operation_name: str, tags: dict[str, Any] | None = None) -> ZipkinSpan:
        """Start a child of this span, whatever span is active."""
        return self._tracer.start_span(operation_name, self, None, tags)  # arguments by position: 40 ns less

    def add_tag(self: _S, key: str, value: Any) -> _S:
        self.set_tag(key, value)
        return self

    def add_tags(self: _S, tags: Mapping[str, Any]) -> _S:
        for key, value in entries(tags).items():
            self.set_tag(key, value)
        return self

    def info(self: _S, message: str, *args: Any) -> _S:
        return self

    def error(self: _S, message: str, *args: Any) -> _S:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        if exc_val is not None:
            self._on_error(self, exc_type, exc_val, exc_tb)
        self.finish()


class UnsampledSpan(ZipkinSpan):
    """A span that records nothing, but propagates.  A root gets its context when first asked for it; a child at its start."""

    __slots__ = ("_context", "_state", "_trace_id", "_tracer")

    records = False

    _tracer: SpanOwner
    _context: ZipkinContext | None
    _trace_id: int | str
    _state: int

    @property
    def context(self) -> ZipkinContext:
        context = self._context
        if context is None:
            trace_id = self._trace_id or self._tracer._new_trace_id()
            made = ZipkinContext(trace_id, trace_id, None, self._state)
            # The test and the assignment stand in one line without a call, so no other thread runs between them: all callers
            # get one context.
            self._context = context = made if self._context is None else self._context
        return context

    def set_tag(self, key: str, value: Any) -> UnsampledSpan:
        # A producer span propagates in one header, even if it records nothing.
        if type(key) is str and key == "span.kind":
            kind = value if type(value) is str else to_text(value, MAX_KEY_LENGTH)  # 2 µs less in nearly all cases
            if kind != "producer":
                return self
            self._state |= MESSAGING
            if self._context is not None:
                self._context._state |= MESSAGING
        return self

    add_tag = set_tag

    @staticmethod
    def _on_error(span: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        pass


class RecordingSpan(ZipkinSpan, ZipkinContext):
    """A span that collects tags and annotations and hands itself to the recorder when finished, once.

    May be used from any thread.  It is its own context, which saves 130 ns and 100 bytes for each span that is propagated.
    """

    __slots__ = ("_end", "_error", "_logs", "_name", "_start", "_tags", "_tracer")

    _trace_id: int | str
    _span_id: int | str
    _tracer: SpanOwner
    _name: str
    _start: int
    _end: int
    _tags: dict[str, Any]
    _logs: list[tuple[int, str]] | None
    # Two facts in one slot, because each slot costs every waiting span 8 bytes.  None: the values of all tags are text, so
    # `resolve` need not check them and takes a fast path.  "": some value is not text.  Any other text: the text for a tag
    # `error` that was set to True.  `_note_unusual` ends the first state, `_fail` sets the text.
    _error: str | None

    @property
    def context(self) -> ZipkinContext:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        context_of(self)  # this call marks the context of a producer
        return ZipkinContext.__reduce__(self)

    def set_operation_name(self: _R, operation_name: str) -> _R:
        self._name = operation_name if type(operation_name) is str else name_of(operation_name)
        return self

    def set_tag(self: _R, key: str, value: Any) -> _R:
        tags = self._tags
        # One condition for everything usual; the unusual path is 0.3 µs slower, and loses nothing.
        if type(value) is str and type(key) is str and len(tags) < MAX_TAGS and len(value) <= self._tracer._tag_limit:
            tags[key] = value
        else:
            self._set_unusual_tag(key, value)
        return self

    add_tag = set_tag  # 40 ns less than a method that calls `set_tag`

    def add_tags(self: _R, tags: Mapping[str, Any]) -> _R:
        super().add_tags(tags)
        if type(tags) is dict and len(tags) > MAX_ENTRIES:
            self._count_dropped("dropped_tags", len(tags) - MAX_ENTRIES)
        return self

    def _set_tags_singly(self, tags: Mapping[str, Any]) -> None:
        """Set the tags given at the start again, one by one, because not all of them are usual."""
        self._tags = {}
        self.add_tags(tags)

    def _set_unusual_tag(self, key: Any, value: Any) -> None:
        self._note_unusual()
        if type(key) is not str:
            key = to_text(key, MAX_KEY_LENGTH)
        priority = priority_of(value) if key == "sampling.priority" and type(value) is not str else None
        if priority is not None:
            self._set_priority(priority)
        elif len(self._tags) >= MAX_TAGS and key not in self._tags:
            self._count_dropped("dropped_tags")
        else:
            self._tags[key] = inert(key, value, self._tracer._tag_limit)

    def _note_unusual(self) -> None:
        """Remember that some tag's value may not be text; see `_error`."""
        if self._error is None:
            self._error = ""

    def _set_priority(self, priority: float) -> None:
        """0 discards this span and all spans that are started below it later; a decision that was propagated before stays.

        In a debug trace the priority is ignored, so that all headers and spans have the same decision.
        """
        if priority > 0 or self._state & DEBUG:
            return
        self._state &= ~SAMPLED
        self._discard()

    def log_kv(self: _R, key_values: dict[str, Any], timestamp: float | None = None) -> _R:
        fields = entries(key_values)
        if not fields:
            return self
        seconds = _seconds(timestamp)
        at = self._now_us() if seconds is None else int(seconds * 1_000_000)
        limit = self._tracer._tag_limit
        event = [to_text(fields.pop("event"), limit)] if "event" in fields else []
        if event == ["error"] or "error.object" in fields:
            cause = fields.get("error.object", fields.get("message"))
            if cause is not None:
                self._error = to_text(cause, limit)
        fields.pop("stack", None)
        text = "".join(event)
        for key, value in fields.items():
            if len(text) < limit:
                text = f"{text} {key}={to_text(value, limit)}" if text else f"{key}={to_text(value, limit)}"
        self._annotate(at, text)
        return self

    def info(self: _R, message: str, *args: Any) -> _R:
        self._annotate(self._now_us(), format_message(message, args, self._tracer._tag_limit))
        return self

    def error(self: _R, message: str, *args: Any) -> _R:
        raised = _raised(message, args)
        if raised is not None:
            self._on_error(self, None, raised, None)
            return self
        text = format_message(message, args, self._tracer._tag_limit)
        self._annotate(self._now_us(), text)
        self._fail(text)
        return self

    def _annotate(self, at_us: int, text: str) -> None:
        logs = self._logs
        if logs is None:
            self._logs = [(at_us, cut(text, self._tracer._tag_limit))]
        elif len(logs) < MAX_ANNOTATIONS:
            logs.append((at_us, cut(text, self._tracer._tag_limit)))
        else:
            self._count_dropped("dropped_annotations")

    def _count_dropped(self, counter: str, number: int = 1) -> None:
        """Count on the span what exceeded a limit; this replaces a tag of the application with the same name."""
        self._note_unusual()
        before = self._tags.get(counter)
        self._tags[counter] = _Count(number + before if type(before) is _Count else number)

    def _fail(self, text: str) -> None:
        self._error = text
        said = self._tags.get("error")
        if type(said) is not str or is_false(said):
            self._set_unusual_tag("error", True)

    @staticmethod
    def _on_error(span: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_val is not None and not is_planned(exc_val):
            span._fail(describe_exception(exc_val, span._tracer._tag_limit))

    def _now_us(self) -> int:
        return (self._tracer._ticks() + self._offset) // 1000

    def finish(self, finish_time: float | None = None) -> None:
        # The token is taken last: if a signal handler raises before that, the token is still there and the span is recorded
        # nevertheless.  Two threads that finish a span at the same moment both record it; the reporter drops the second record.
        try:
            _ = self._once
            tracer = self._tracer
            read_ticks, record = tracer._ticks, tracer._record  # see ZipkinTracer.start_span
            self._end = read_ticks() if finish_time is None else self._ticks_at(finish_time)
            record(self)
            del self._once
        except BaseException as error:
            self._finish_interrupted(error)

    def _finish_interrupted(self, error: BaseException) -> None:
        """Handle an exception in `finish`: a second `finish` has no effect; a first one is completed and raises the error."""
        if not hasattr(self, "_once"):
            if isinstance(error, AttributeError):
                return
            raise error
        if not hasattr(self, "_end"):
            self._end = self._tracer._ticks()
        self._tracer._record(self)
        self._take_token()
        raise error

    def _ticks_at(self, time_s: float) -> int:
        seconds = _seconds(time_s)
        return self._tracer._ticks() if seconds is None else int(seconds * 1_000_000_000) - self._offset

    def _discard(self) -> None:
        """Finish without a record."""
        self._take_token()

    def to_finished(self) -> FinishedSpan:
        """The span as it is sent; raises TakenBefore where the reporter took it before and removed `_start`."""
        try:
            start = self._start
        except AttributeError:
            raise TakenBefore from None
        tracer = self._tracer
        state = self._state
        offset = self._offset
        # One C call, because another thread may be setting a tag at this moment.
        tags = self._tags.copy()
        if state & LOCAL_ROOT and tracer._default_tags:
            tags = {**tracer._default_tags, **tags}
        error = self._error
        if error and tags.get("error") is True:
            tags["error"] = error
        trace_id: Any = self._trace_id
        span_id: Any = self._span_id
        parent_id: Any = self._parent_id
        name = self._name
        if type(trace_id) is not str:
            trace_id = trace_id.to_bytes(16 if trace_id > LOW_64_BITS else 8, "big").hex()  # `hex_id` inline: 3 % less
        if type(span_id) is not str:  # drawn here; a root has the low half of its trace id
            span_id = trace_id[-16:] if parent_id is None else span_id.to_bytes(8, "big").hex()
        if parent_id is not None and type(parent_id) is not str:
            parent_id = (parent_id & LOW_64_BITS).to_bytes(8, "big").hex()
        # The slots are set here and not by the constructor, and the ids are formatted here: this takes 20 % less time.
        finished = _new(FinishedSpan)
        finished.trace_id = trace_id
        finished.span_id = span_id
        finished.parent_id = parent_id
        finished.kind, finished.remote, finished.tags = resolve_tags(tags, not state & LOCAL_ROOT, error is None)
        finished.name = name.lower() if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH].lower()
        finished.timestamp_us = start_us = (start + offset) // 1000
        duration_us = (self._end + offset) // 1000 - start_us
        finished.duration_us = duration_us if duration_us > 0 else 1
        finished.local = tracer._local
        finished.annotations = self._logs or []
        finished.debug = finished.shared = False
        if state & _RARE:
            finished.debug = state & DEBUG != 0
            finished.shared = state & SHARED != 0
        return finished


class WallClockSpan(RecordingSpan):
    """A span that was started with a given time.  If its end is not given, the end is wall time, too, and not ticks."""

    __slots__ = ()

    def finish(self, finish_time: float | None = None) -> None:
        super().finish(self._tracer._clock.wall_ns() / 1_000_000_000 if finish_time is None else finish_time)


def context_of(source: Any) -> ZipkinContext | None:
    """The context of a context or span; None for that of another tracer, such as the no-op before this one was installed."""
    if issubclass(type(source), RecordingSpan):
        if source._tags.get("span.kind") == "producer":
            source._state |= MESSAGING
        return cast("RecordingSpan", source)
    try:
        context = getattr(source, "context", source)
    except Exception:  # a property of the application's class
        return None
    return context if issubclass(type(context), ZipkinContext) else None


class _Count(int):
    """A number of dropped tags or annotations; its type tells it from a value that the application set under the same key."""

    __slots__ = ()


def _seconds(given: Any) -> float | None:
    """A given time; None, which means now, for anything that is no number, or not after 1970 and before 2262."""
    if issubclass(type(given), (str, bytes, bytearray, bool)):
        return None
    try:
        seconds = float(given)
    except Exception:  # a `__float__` of the application may raise anything
        return None
    return seconds if 0.000_001 <= seconds < MAX_SECONDS else None


def priority_of(given: Any) -> float | None:
    """The number in a `sampling.priority`; None where it is no number."""
    if type(given) is int:
        return given
    try:
        priority = float(given)
    except Exception:
        return None
    return priority if priority == priority else None  # nan


def _raised(message: Any, args: tuple[Any, ...]) -> Any:
    """The exception that `__exit__` of 0.5 passes to `error`; None in any other call of `error`."""
    if type(message) is not str or message != "python.exception" or len(args) != 1 or not issubclass(type(args[0]), dict):
        return None
    return entries(args[0]).get("val")


def name_of(operation_name: Any) -> str:
    """A name of any type as text; "" for None."""
    return "" if operation_name is None else to_text(operation_name, MAX_NAME_LENGTH)
