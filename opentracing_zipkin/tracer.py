"""ZipkinTracer: starts spans by Zipkin's rules and carries their contexts as B3.

Rules: `start_span` and what it calls is the hot path: it takes no lock, encodes nothing and waits for nothing.  Constructing a
tracer touches neither the environment nor the global tracer nor signals; `settings.configure` does that.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from opentracing import (
    Format,
    InvalidCarrierException,
    Reference,
    Scope,
    ScopeManager,
    Tracer,
    UnsupportedFormatException,
)
from opentracing.scope_managers.contextvars import ContextVarsScopeManager

from . import local_address, sampling
from .clock import Clock, SystemClock
from .codec import encoder_named
from .context import (
    DECIDED,
    INHERITED,
    LOCAL_ROOT,
    LOW_64_BITS,
    MESSAGING,
    REMOTE,
    SAMPLED,
    ZipkinContext,
)
from .forking import checked, renew_in_children
from .model import KIND_OF_TAG
from .propagation import Propagation, binary
from .propagation.attributes import Attributes
from .propagation.b3 import B3Propagation
from .reporter import Handler, Recorder, Reporter
from .senders import Sender
from .senders.http import HttpSender, base_urls
from .span import MAX_TAGS, RecordingSpan, UnsampledSpan, WallClockSpan, ZipkinSpan, name_of
from .stats import CAUSES, TracerStats
from .text import to_text
from .validation import check_choice, check_flag, check_number, check_text

__all__ = ["ZipkinTracer"]

DEFAULT_ENDPOINT = "http://localhost:9411"

# A child that starts later than this gets a new pairing of the clocks, so that they cannot drift apart in a long trace.
PAIRING_LASTS_NS = 60 * 1_000_000_000

MAX_REMEMBERED_DECISIONS = 1024

TEXT_FORMATS = (Format.HTTP_HEADERS, Format.TEXT_MAP)

_ROOT = DECIDED | LOCAL_ROOT
_SAMPLED_ROOT = DECIDED | SAMPLED | LOCAL_ROOT


class ZipkinTracer(Tracer):
    """Records into a Reporter, which sends to a Zipkin collector.  May be used from any thread.

    `endpoint`: the collector's base URL, or several, in a list or separated by commas, of which the next is tried where one
    does not answer.  `encoding`: "json" (version 2), "json_v1", "thrift" or "proto3".
    `headers`, `auth`, `ca_bundle`, `client_cert`, `client_key`, `proxy`, `compress`: of the HTTP connection; see HttpSender.
    `sample_rate`: 0.0 to 1.0, or a `sampler`.
    `b3_format`: which B3 headers are written, "multi", "single" or "both"; all are read.
    `w3c`: also write `traceparent` and `tracestate`, and read them where there is no B3.
    `baggage_fields`: names of headers, `x-request-id` for instance, that are trace attributes under these very names.
    `flush_interval`, `send_timeout`: seconds.
    `queue_full_timeout`: seconds that `finish` may wait for room in a full queue, where losing a span is worse than waiting.
    `max_outbox_bytes`, `retry_timeout`: how much is kept, and for how many seconds, while the collector accepts nothing.
    `exit_stall_timeout`, `exit_timeout`: seconds that the interpreter's exit waits after the last accepted message, and in all.
    `default_tags`: on the first span of each trace in this process.
    `handlers`: functions that change, replace or drop a FinishedSpan before it is encoded; see `Handler`.
    `on_stats`: called with `stats` when they have changed, on the reporter's thread.
    `local_ip`, `local_port`: this service's address; by default the one that the route to the collector leaves from.
    `recorder`, `sender`, `clock`, `propagation`, `scope_manager`: other parts in place of ours.
    Raises ValueError that names a wrong value and the remedy.
    """

    def __init__(
        self,
        service_name: str,
        *,
        endpoint: str | Sequence[str] = DEFAULT_ENDPOINT,
        encoding: str = "json",
        sample_rate: float = 1.0,
        sampler: sampling.Sampler | None = None,
        b3_format: str = "multi",
        w3c: bool = False,
        baggage_fields: Sequence[str] = (),
        shared_spans: bool = True,
        trace_id_bits: int = 128,
        max_queued_spans: int = 50_000,
        flush_interval: float = 1.0,
        send_timeout: float = 10.0,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        ca_bundle: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        proxy: str | Mapping[str, str] | None = None,
        compress: bool | None = None,
        queue_full_timeout: float = 0.0,
        exit_stall_timeout: float = 2.0,
        exit_timeout: float = 10.0,
        max_outbox_bytes: int = 32 * 1024 * 1024,
        retry_timeout: float = 300.0,
        max_tag_length: int = 8192,
        default_tags: Mapping[str, Any] | None = None,
        local_ip: str | None = None,
        local_port: int = 0,
        propagation: Propagation | None = None,
        recorder: Recorder | None = None,
        sender: Sender | None = None,
        clock: Clock | None = None,
        scope_manager: ScopeManager | None = None,
        handlers: Sequence[Handler] = (),
        on_stats: Callable[[TracerStats], None] | None = None,
    ) -> None:
        super().__init__(ContextVarsScopeManager() if scope_manager is None else scope_manager)
        self._current_scope = self._fast_current_scope()
        check_text("service_name", service_name, "give the service a name, for instance ZipkinTracer('checkout')")
        if sampler is not None and sample_rate != 1.0:
            raise ValueError("sampler and sample_rate exclude each other; give one of them")
        if recorder is not None and sender is not None:
            raise ValueError("recorder and sender exclude each other: a recorder sends by itself; give one of them")
        transport: dict[str, Any] = {
            "headers": headers, "auth": auth, "ca_bundle": ca_bundle, "client_cert": client_cert, "client_key": client_key,
            "proxy": proxy, "compress": compress,
        }  # fmt: skip
        _check_unused("recorder", recorder, {"handlers": handlers or None, "on_stats": on_stats, **transport})
        _check_unused("sender", sender, transport)
        if propagation is not None and (b3_format != "multi" or w3c or baggage_fields):
            raise ValueError("propagation excludes b3_format, w3c and baggage_fields; give them to the propagation")
        check_choice("trace_id_bits", trace_id_bits, (64, 128))
        check_flag("shared_spans", shared_spans)
        self.service_name = service_name
        self._sampler = _guarded(sampling.boundary(sample_rate) if sampler is None else sampler)
        self._samples_all = self._sampler is sampling.always
        self._samples_none = self._sampler is sampling.never
        self._enabled = True
        self._shared_spans = shared_spans
        self._trace_id_bits = trace_id_bits
        self._tag_limit = int(check_number("max_tag_length", max_tag_length, 1, 1_000_000))
        if not isinstance(default_tags, (Mapping, type(None))):
            raise ValueError(f"default_tags is {default_tags!r}; use a dict, for instance {{'version': '1.2'}}")
        self._default_tags = {str(key): to_text(value, self._tag_limit) for key, value in (default_tags or {}).items()}
        self._clock: Clock = SystemClock() if clock is None else clock
        self._ticks = self._clock.ticks_ns
        self._wall = self._clock.wall_ns
        if propagation is None:
            propagation = B3Propagation(b3_format, w3c, baggage_fields)
        self._propagation: Propagation = propagation
        self._attributes = propagation.attributes if isinstance(propagation, B3Propagation) else Attributes()
        self._inject = self._inject_decided if getattr(propagation, "decided", False) else propagation.inject
        self._decisions: dict[int | str, bool] = {}
        self._local_ip = local_ip
        self._local = local_address.endpoint(service_name, local_ip, int(check_number("local_port", local_port, 0, 65535)))
        if recorder is None:
            encoder = encoder_named(encoding)
            if sender is None:
                timeout = check_number("send_timeout", send_timeout, 0.001, 3600)
                sender = HttpSender(endpoint, encoder.path, encoder.media_type, timeout, **transport)
            self._collector_url = base_urls(endpoint)[0]
            recorder = Reporter(
                encoder,
                sender,
                max_queued_spans=int(check_number("max_queued_spans", max_queued_spans, 1, 100_000_000)),
                flush_interval=check_number("flush_interval", flush_interval, 0.001, 3600),
                exit_stall=check_number("exit_stall_timeout", exit_stall_timeout, 0, 3600),
                exit_total=check_number("exit_timeout", exit_timeout, 0, 3600),
                max_outbox_bytes=int(check_number("max_outbox_bytes", max_outbox_bytes, 1, 1 << 40)),
                retry_timeout=check_number("retry_timeout", retry_timeout, 0, 86_400),
                queue_full_timeout=check_number("queue_full_timeout", queue_full_timeout, 0, 3600),
                handlers=handlers,
                on_stats=on_stats,
                on_thread_start=self._on_reporter_thread,
            )
        self._recorder = recorder
        self._record = recorder.record
        self.renew_after_fork()
        renew_in_children(self)

    def _fast_current_scope(self) -> Callable[[], Any]:
        """Our own scope manager has a short way to the active scope; any other, upstream's too, the usual one."""
        manager = self._scope_manager
        return getattr(manager, "current", lambda: manager.active)

    # Ids

    def renew_after_fork(self) -> None:
        """The next id seeds a generator of its own: two processes that fork from here never draw the same."""
        self._random_bits: Callable[[int], int] = self._first_random_bits

    def _first_random_bits(self, bits: int) -> int:
        self._random_bits = checked("_random_bits", self, random.Random(os.urandom(32)).getrandbits)
        return self._random_bits(bits)

    def _new_trace_id(self) -> int:
        """Its low half is the root's span id, as Brave has it, and not 0, which means "no id" on the wire."""
        trace_id = 0
        while not trace_id & LOW_64_BITS:
            trace_id = self._random_bits(self._trace_id_bits)
        return trace_id

    def _new_span_id(self) -> int:
        span_id = 0
        while not span_id:
            span_id = self._random_bits(64)
        return span_id

    # Starting spans

    def start_span(
        self,
        operation_name: str | None = None,
        child_of: Any = None,
        references: Sequence[Reference] | Reference | None = None,
        tags: Mapping[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
    ) -> ZipkinSpan:
        # All in one function, and what is called by a local name: together a seventh less for a span.
        parent = child_of
        if parent is None:
            if references is not None:
                parent = _first_context(references)
            if parent is None and not ignore_active_span:
                current_scope = self._current_scope
                scope = current_scope()
                if scope is not None:
                    parent = self.active_span if getattr(scope, "closed_away", False) else scope.span
        if parent is not None and type(parent) is not RecordingSpan and type(parent) is not ZipkinContext:
            parent = _context_of(parent)
        if not self._enabled:
            return self._stand_in(parent, tags)

        random_bits, paired_at, offset = self._random_bits, None, 0
        if parent is None:
            if self._samples_none and tags is None:  # what `_unsampled` does, its ids drawn when first asked for: a half less
                unsampled = UnsampledSpan()
                unsampled._tracer = self
                unsampled._context = None
                unsampled._trace_id = 0
                unsampled._state = _ROOT
                return unsampled
            trace_id: Any = random_bits(self._trace_id_bits)
            if not trace_id & LOW_64_BITS:
                trace_id = self._new_trace_id()
            span_id: Any = trace_id  # its low half
            parent_id = baggage = None
            state = _SAMPLED_ROOT if self._samples_all or self._sampler(trace_id & LOW_64_BITS) else _ROOT
        elif type(parent) is RecordingSpan:  # nearly always; what `_identity` says of any context of this process
            trace_id, parent_id, baggage = parent._trace_id, parent._span_id, parent._baggage
            state, paired_at, offset = parent._state & INHERITED, parent._paired_at, parent._offset
            span_id = random_bits(64) or self._new_span_id()
        else:
            trace_id, span_id, parent_id, state = self._identity(parent, tags)
            baggage, paired_at, offset = parent._baggage, parent._paired_at, parent._offset
        if tags is not None and "sampling.priority" in tags:
            state = _prioritised(state, tags)
        if not state & SAMPLED:
            context = None if parent is None else ZipkinContext(trace_id, span_id, parent_id, state, baggage)
            return self._unsampled(trace_id, state, context, tags)

        # Slots set here rather than in an __init__: 100 ns a span.
        span = RecordingSpan() if start_time is None else WallClockSpan()
        span._tracer = self
        span._trace_id = trace_id
        span._span_id = span_id
        span._parent_id = parent_id
        span._state = state
        span._baggage = baggage
        span._name = operation_name if type(operation_name) is str else name_of(operation_name)
        span._logs = None
        span._error = None
        span._once = 1
        read_ticks = self._ticks
        span._start = ticks = read_ticks()
        if paired_at is None or ticks - paired_at > PAIRING_LASTS_NS:
            read_wall = self._wall
            span._offset = read_wall() - ticks
            span._paired_at = ticks
        else:
            span._offset = offset
            span._paired_at = paired_at
        if tags is None:
            span._tags = {}
        elif type(tags) is dict and len(tags) <= MAX_TAGS:
            span._tags = tags = tags.copy()
            limit = self._tag_limit
            for key in tags:
                value = tags[key]
                if type(value) is not str or type(key) is not str or len(value) > limit:
                    span._retake(tags)
                    break
        else:
            span._retake(tags)
        if start_time is not None:
            span._start = span._ticks_at(start_time)
        return span

    def start_active_span(
        self,
        operation_name: str,
        child_of: Any = None,
        references: Sequence[Reference] | Reference | None = None,
        tags: Mapping[str, Any] | None = None,
        start_time: float | None = None,
        ignore_active_span: bool = False,
        finish_on_close: bool = True,
    ) -> Scope:
        span = self.start_span(operation_name, child_of, references, tags, start_time, ignore_active_span)
        scope: Scope = self._scope_manager.activate(span, finish_on_close)
        return scope

    def start_trace(self, operation_name: str, tags: Mapping[str, Any] | None = None) -> ZipkinSpan:
        """The root span of a new trace, whatever span is active."""
        return self.start_span(operation_name, None, None, tags, None, True)  # by position: 40 ns less

    def join_trace(self, operation_name: str, parent_trace_context: Any, tags: Mapping[str, Any] | None = None) -> ZipkinSpan:
        """The server's side of a call, on the client's span id where that is allowed; a root span for None."""
        if not tags:
            tags = {"span.kind": "server"}
        elif "span.kind" not in tags:
            tags = {"span.kind": "server", **tags}
        return self.start_span(operation_name, parent_trace_context, None, tags, None, True)

    def _identity(self, parent: ZipkinContext, tags: Mapping[str, Any] | None) -> tuple[Any, Any, Any, int]:
        """Trace id, span id, parent id and state of a span below a context."""
        trace_id, state = parent._trace_id, parent._state
        if trace_id is None:
            root_id = self._new_trace_id()
            if not state & DECIDED:
                return root_id, root_id, None, _SAMPLED_ROOT if self._sampler(root_id & LOW_64_BITS) else _ROOT
            return root_id, root_id, None, state & INHERITED | LOCAL_ROOT
        if not state & REMOTE:
            return trace_id, self._random_bits(64) or self._new_span_id(), parent._span_id, state & INHERITED
        if not state & DECIDED:
            state = self._decide(parent)
        state = state & INHERITED | LOCAL_ROOT
        kind = tags.get("span.kind") if tags else None
        if (kind == "server" or KIND_OF_TAG.get(str(kind).lower()) == "SERVER") and self._shared_spans:
            try:
                shared = parent._once
                del parent._once  # atomic: of two that join at the same time one is late
            except AttributeError:
                pass
            else:
                return trace_id, parent._span_id, parent._parent_id, state | shared
        return trace_id, self._random_bits(64) or self._new_span_id(), parent._span_id, state

    def _unsampled(
        self, trace_id: int | str, state: int, context: ZipkinContext | None, tags: Mapping[str, Any] | None
    ) -> UnsampledSpan:
        span = UnsampledSpan()
        span._tracer = self
        span._trace_id = trace_id
        span._state = state
        span._context = context
        if tags is not None and "span.kind" in tags:
            span.set_tag("span.kind", tags["span.kind"])
        return span

    def _decide(self, context: ZipkinContext) -> int:
        """The state of a context whose caller left the decision to us; the same at every call and every extraction."""
        key = context._trace_id
        assert key is not None
        decision = self._decisions.get(key)
        if decision is None:
            low_bits = int(key[-16:], 16) if isinstance(key, str) else key & LOW_64_BITS
            decision = self._samples_all or self._sampler(low_bits)
            while len(self._decisions) >= MAX_REMEMBERED_DECISIONS:
                self._decisions.pop(next(iter(self._decisions), key), None)
            self._decisions[key] = decision
        context._state |= DECIDED | SAMPLED if decision else DECIDED
        return context._state

    # Propagation

    @property
    def propagation(self) -> Propagation:
        """What writes and reads headers; ours counts in `malformed` and `attributes.dropped` what it could not take."""
        return self._propagation

    def _inject_decided(self, context: ZipkinContext, carrier: Any) -> None:
        """`traceparent` has no way to leave a decision to the next."""
        if not context._state & DECIDED and context._trace_id is not None:
            self._decide(context)
        self._propagation.inject(context, carrier)

    def inject(self, span_context: Any, format: Any, carrier: Any) -> None:
        if format in TEXT_FORMATS:
            if type(carrier) is not dict and not hasattr(carrier, "__setitem__"):
                raise InvalidCarrierException(f"{format}: use a mutable mapping, not {type(carrier).__name__}")
            kind = type(span_context)
            if kind is ZipkinContext or (kind is RecordingSpan and span_context._tags.get("span.kind") != "producer"):
                context = span_context
            else:
                context = _context_of(span_context)
            if context is not None:
                inject = self._inject
                inject(context, carrier)
        elif format == Format.BINARY:
            if not isinstance(carrier, bytearray):
                raise InvalidCarrierException(f"{format}: use a bytearray, not {type(carrier).__name__}")
            identity, attributes = self.trace_context_to_binary(span_context)
            carrier += identity + (b"\n" + attributes if attributes else b"")
        else:
            raise UnsupportedFormatException(format)

    def extract(self, format: Any, carrier: Any) -> ZipkinContext | None:
        if format in TEXT_FORMATS:
            if type(carrier) is not dict and not _is_carrier(carrier):
                raise InvalidCarrierException(f"{format}: use a mapping or pairs, not {type(carrier).__name__}")
            try:  # as `_read` has it, for 30 ns less
                return self._propagation.extract(carrier)
            except Exception:
                return None
        if format == Format.BINARY:
            if not isinstance(carrier, (bytes, bytearray)):
                raise InvalidCarrierException(f"{format}: use bytes or a bytearray, not {type(carrier).__name__}")
            return binary.decode(bytes(carrier), self._attributes)
        raise UnsupportedFormatException(format)

    def _read(self, carrier: Any) -> ZipkinContext | None:
        try:
            return self._propagation.extract(carrier)
        except Exception:  # whatever a mapping of the user's does
            return None

    def trace_context_to_text(self, trace_context: Any) -> tuple[dict[str, str], dict[str, str] | None]:
        """The context as headers: the identity, and the attributes (None: there are none)."""
        carrier: dict[str, str] = {}
        context = _context_of(trace_context)
        if context is None:
            return carrier, None
        self._inject(context, carrier)
        attributes = {}
        if context._baggage:
            attributes = {name: carrier.pop(name) for name in list(carrier) if self._attributes.has(name)}
        return carrier, attributes or None

    def trace_context_from_text(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two mappings, which may be one and the same; None where there is none.  Never raises."""
        if trace_context_id is None or trace_attributes is None or trace_context_id is trace_attributes:
            carrier = trace_attributes if trace_context_id is None else trace_context_id
            return None if carrier is None else self._read(carrier)
        try:
            carrier = {**trace_attributes, **trace_context_id}
        except Exception:
            return None
        return self._read(carrier)

    def trace_context_to_binary(self, trace_context: Any) -> tuple[bytearray, bytearray | None]:
        """The context as bytes: the identity, and the attributes (None: there are none)."""
        context = _context_of(trace_context)
        if context is None:
            return bytearray(), None
        attributes = binary.encode_attributes(context, self._attributes) if context._baggage else b""
        return bytearray(binary.encode_identity(context)), bytearray(attributes) or None

    def trace_context_from_binary(self, trace_context_id: Any, trace_attributes: Any) -> ZipkinContext | None:
        """The context in two byte strings, None where there is none.  Never raises."""
        try:
            return binary.decode(b"\n".join((bytes(trace_context_id or b""), bytes(trace_attributes or b""))), self._attributes)
        except Exception:
            return None

    # Reporting

    def _on_reporter_thread(self) -> None:
        """Before the first span is sent: find this host's address, and keep our own requests out of every trace."""
        if self._local_ip is None:
            self._local = local_address.towards(self._collector_url, self._local)
        self._scope_manager.activate(self._unsampled(0, _ROOT, None, None), False)

    @property
    def enabled(self) -> bool:
        """Whether spans are recorded and sent.  False stops both at once, in the middle of anything; propagation goes on.

        A span that starts meanwhile stands for its parent: what it propagates is the parent's context.  One without a parent
        propagates nothing but its baggage, so that the next service decides for itself.  Spans that finish meanwhile are
        dropped as `closed`; those that waited already are sent when the tracer is enabled again.
        """
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = check_flag("enabled", enabled)
        if isinstance(self._recorder, Reporter):
            self._recorder.pause(not enabled)
        else:
            self._record = self._recorder.record if enabled else _discard

    def _stand_in(self, parent: Any, tags: Mapping[str, Any] | None) -> ZipkinSpan:
        """While not enabled: a span that records nothing and propagates its parent's context."""
        if parent is None:
            return self._unsampled(0, 0, ZipkinContext(), None)
        if type(parent) is not ZipkinContext:
            parent = parent.context
        context = ZipkinContext(parent._trace_id, parent._span_id, parent._parent_id, parent._state, parent._baggage)
        return self._unsampled(0, context._state, context, tags)

    @property
    def stats(self) -> TracerStats:
        """The account of finished spans, now."""
        stats = getattr(self._recorder, "stats", None)
        return stats() if stats is not None else TracerStats(0, 0, 0, 0, dict.fromkeys(CAUSES, 0))

    def flush(self, timeout: float = 2.0) -> bool:
        """Whether every span finished before the call was accepted by the collector, within `timeout` seconds."""
        return self._recorder.flush(timeout)

    def close(self, timeout: float = 2.0) -> Future[bool]:
        """Flush and stop; at once the Future of `flush`'s answer, done within `timeout` seconds.  Later spans are dropped."""
        return self._recorder.close(timeout)

    def drain_for_signal(self) -> None:
        """Send what waits, from inside a signal handler; for `configure`."""
        if isinstance(self._recorder, Reporter):
            self._recorder.drain_for_signal()

    def __repr__(self) -> str:
        return f"ZipkinTracer({self.service_name!r}, {self._recorder!r})"


def _discard(span: Any, /) -> None:
    """What a recorder that cannot be paused gets of spans that end while the tracer is not enabled."""


def _check_unused(part: str, given: Any, settings: Mapping[str, Any]) -> None:
    """Raise ValueError where settings are given to a part that somebody else has made already."""
    unused = [name for name, value in settings.items() if value is not None]
    if given is not None and unused:
        raise ValueError(f"{part} excludes {', '.join(unused)}; give {'them' if len(unused) > 1 else 'it'} to the {part}")


def _context_of(source: Any) -> ZipkinContext | None:
    """Of a context or a span; None where it is another tracer's, for instance the no-op's before this one was installed."""
    if isinstance(source, RecordingSpan):
        if source._tags.get("span.kind") == "producer":
            source._state |= MESSAGING
        return source
    context = getattr(source, "context", source)
    return context if isinstance(context, ZipkinContext) else None


def _is_carrier(carrier: Any) -> bool:
    """A mapping, or an iterable of pairs; text is neither."""
    return hasattr(carrier, "__iter__") and not isinstance(carrier, (str, bytes, bytearray))


def _first_context(references: Any) -> Any:
    """The first reference that has a context; a single reference counts as a list of one."""
    if isinstance(references, Reference):
        return references.referenced_context
    return next((r.referenced_context for r in references if r.referenced_context is not None), None)


def _prioritised(state: int, tags: Mapping[str, Any]) -> int:
    """`sampling.priority` at the start decides: 0 against recording, above for it."""
    try:
        priority = float(tags["sampling.priority"])
    except (TypeError, ValueError):
        return state
    return state | SAMPLED | DECIDED if priority > 0 else state & ~SAMPLED


def _guarded(sampler: sampling.Sampler) -> sampling.Sampler:
    """A user's sampler whose exceptions mean no; our own need no guard."""
    if getattr(sampler, "__module__", None) == sampling.__name__:
        return sampler
    if not callable(sampler):
        raise ValueError(f"sampler is {sampler!r}; use a function of a trace id's low 64 bits that returns a bool")

    def sample(trace_id: int, /) -> bool:
        try:
            return bool(sampler(trace_id))
        except Exception:
            return False

    return sample
