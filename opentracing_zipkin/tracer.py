"""ZipkinTracer: starts spans by Zipkin's rules and propagates their contexts as B3.

Rules: `start_span` and what it calls is the hot path: it takes no lock, encodes nothing and waits for nothing.  Constructing a
tracer touches neither the environment nor the global tracer nor signals; `settings.configure` does that.
"""

from __future__ import annotations

import os
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, cast

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

from . import sampling
from .classic import ClassicTracer
from .clock import Clock, SystemClock
from .context import (
    DECIDED,
    INHERITED,
    LOCAL_ROOT,
    LOW_64_BITS,
    REMOTE,
    SAMPLED,
    CallerContext,
    ZipkinContext,
)
from .deciding import DecidingTracer, with_priority
from .option import (
    check_flag,
    check_group,
    check_names,
    check_part,
    check_text,
    check_timeout,
    options_of,
    selected,
    show_arguments,
    type_of,
)
from .options import (
    DEFAULT_ENDPOINT,
    Settings,
    TracerOptions,
)
from .parts import (
    PART_TYPES,
    TracerSettings,
    check_exclusions,
    propagation_of,
    recorded_once,
    recorder_of,
    sampler_of,
)
from .process import local_address
from .process.forking import renew_in_children, renewing
from .process.interpreter import NONE, thread_kind
from .propagation import Propagation, binary
from .reporter.progress import flush_at_shutdown
from .senders.endpoint import route_of
from .span import MAX_TAGS, RecordingSpan, UnsampledSpan, WallClockSpan, ZipkinSpan, context_of, name_of
from .stats import TracerStats
from .tags import KIND_OF_TAG, tag_texts
from .text import MAX_KEY_LENGTH, entries, inert, to_text
from .unfinished import Watch

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ZipkinTracer"]

# A child that starts later than this gets a new pairing of the clocks, so that they cannot drift apart in a long trace.
MAX_PAIRING_NS = 60 * 1_000_000_000

MIN_REMEMBERED_JOINS = 1024  # the newest are remembered: at least so many, and fewer than twice as many

TEXT_FORMATS = (Format.HTTP_HEADERS, Format.TEXT_MAP)

_ROOT = DECIDED | LOCAL_ROOT
_SAMPLED_ROOT = DECIDED | SAMPLED | LOCAL_ROOT
_RECEIVED = DECIDED | REMOTE


class ZipkinTracer(ClassicTracer, DecidingTracer, Tracer):
    """Records into a Reporter, which sends to a Zipkin collector.  May be used from any thread.

    The arguments are the settings and parts of docs/reference/configuration.md; None means "not given".  A part (`sampler`,
    `propagation`, `sender`, `recorder`) replaces a group of settings, so both together raise.  `clock` and `scope_manager`
    replace no setting.  Raises ValueError that names a wrong value and the remedy, TypeError for a name that does not exist.
    """

    # `extract` takes a WSGI environ and ASGI's pairs of bytes as they are.  Instrumentation reads this, to save a copy.
    reads_raw_carriers = True

    gives_way = False  # True for a test's tracer, which the application's `configure` replaces without a warning

    def __init__(self, service_name: str, **given: Unpack[TracerSettings]) -> None:
        check_names("ZipkinTracer()", given, _ARGUMENTS)
        named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        check_exclusions(named)
        own = check_group("ZipkinTracer()", TracerOptions, selected(TracerOptions, named))
        scope_manager: ScopeManager = named["scope_manager"] if "scope_manager" in named else ContextVarsScopeManager()
        Tracer.__init__(self, scope_manager)
        # Our scope manager has `current`, which is faster than `active`; any other, also upstream's, has `active` only.
        self._current_scope: Callable[[], Any] = getattr(scope_manager, "current", lambda: scope_manager.active)
        self.service_name = check_text(
            "service_name", service_name, "give the service a name, for instance ZipkinTracer('checkout')"
        ).strip()
        self._shared_spans: bool = own["shared_spans"]
        self._trace_id_bits: int = own["trace_id_bits"]
        self._tag_limit: int = own["max_tag_length"]
        default_tags = entries(own["default_tags"] or {})
        self._default_tags = tag_texts({key: inert(key, value, self._tag_limit) for key, value in default_tags.items()})
        self._clock: Clock = named["clock"] if "clock" in named else SystemClock()
        check_part("clock", self._clock, Clock, ("wall_ns", "ticks_ns"))
        self._ticks = self._clock.ticks_ns
        self._wall = self._clock.wall_ns
        propagation = propagation_of(named)
        self._inject = self._inject_decided if propagation.decided else propagation.inject
        self._decisions = OrderedDict()
        # Span ids that servers' spans took from their callers -> their trace ids: the newest, and those before them.
        self._joins: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
        self._local = local_address.endpoint(self.service_name, own["local_ip"], own["local_port"])
        # The URL whose route tells this host's address; None where that was given.
        self._route = route_of(named.get("endpoint", DEFAULT_ENDPOINT)) if own["local_ip"] is None else None
        self._enabled = True
        self._use_sampler(sampler_of(named), propagation)
        self._recorder = recorder = recorder_of(named, self, ZipkinTracer._on_reporter_thread)
        # A recorder of the user's gets each span once; our reporter drops what two threads have recorded at the same moment.
        self._record = recorded_once(recorder.record) if "recorder" in named else recorder.record
        self.renew_after_fork()
        renew_in_children(self)
        self._watch = Watch() if own["warn_unfinished"] else None
        if self._watch is not None:
            self._watch.watch(self, None if "scope_manager" in named else scope_manager)
        if not own["enabled"]:
            self.enabled = False

    # Ids

    def renew_after_fork(self) -> None:
        """Let the next id seed a new generator, so that two processes that fork from here never draw the same ids."""
        self._random_bits: Callable[[int], int] = self._first_random_bits

    def _first_random_bits(self, bits: int) -> int:
        self._random_bits = renewing("_random_bits", self, random.Random(os.urandom(32)).getrandbits)
        return self._random_bits(bits)

    def _new_trace_id(self) -> int:
        """The low half is not 0: it becomes the root's span id, as in Brave, and 0 means "no id" on the wire."""
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
        # All in one function, and callees under local names: together 14 % less time for a span.
        if tags is not None and type(tags) is not dict:
            tags = entries(tags)
        parent = child_of
        if parent is None:
            if references is not None:
                parent = _first_context(references)
            if parent is None and not ignore_active_span:
                current_scope = self._current_scope
                scope = current_scope()
                if scope is not None:
                    parent = self.active_span if getattr(scope, "closed_elsewhere", False) else scope.span
        if parent is not None and type(parent) is not RecordingSpan and type(parent) is not ZipkinContext:
            parent = context_of(parent)
            if type(parent) is CallerContext:
                return self._start_for(parent, operation_name, tags, start_time)
        if not self._is_plain:  # one test for two rare cases: a disabled tracer, and a sampler that looks at the root
            if not self._enabled:
                return self._disabled_span(parent, tags)
            parent = self._with_decision(parent, operation_name, tags)

        random_bits, paired_at, offset = self._random_bits, None, 0
        if parent is None:
            if self._samples_none and tags is None:  # `_unsampled` inline, with ids drawn when first asked for: 50 % less time
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
        elif type(parent) is RecordingSpan:  # nearly always; `_identity` does the same for any context of this process
            trace_id, parent_id, baggage = parent._trace_id, parent._span_id, parent._baggage
            state, paired_at, offset = parent._state & INHERITED, parent._paired_at, parent._offset
            span_id = random_bits(64) or self._new_span_id()
        else:
            trace_id, span_id, parent_id, state = self._identity(parent, tags)
            baggage, paired_at, offset = parent._baggage, parent._paired_at, parent._offset
        if tags is not None:
            try:
                if "sampling.priority" in tags:
                    state = with_priority(state, tags)
            except Exception:  # comparing a key of the application may raise anything, and `python -bb` raises for bytes
                tags = entries(tags)
        if not state & SAMPLED:
            context = None if parent is None else ZipkinContext(trace_id, span_id, parent_id, state, baggage)
            return self._unsampled(trace_id, state, context, tags)

        # The slots are set here rather than in an `__init__`, which saves 100 ns a span.
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
        if paired_at is None or ticks - paired_at > MAX_PAIRING_NS:
            read_wall = self._wall
            span._offset = read_wall() - ticks
            span._paired_at = ticks
        else:
            span._offset = offset
            span._paired_at = paired_at
        if tags is None:
            span._tags = {}
        elif len(tags) <= MAX_TAGS:
            span._tags = tags = tags.copy()
            limit = self._tag_limit
            for key in tags:
                value = tags[key]
                if type(value) is not str or type(key) is not str or len(value) > limit:
                    span._set_tags_singly(tags)
                    break
        else:
            span._set_tags_singly(tags)
        if start_time is not None:
            span._start = span._ticks_at(start_time)
        return span

    def _start_for(
        self, caller: CallerContext, operation_name: str | None, tags: Mapping[str, Any] | None, start_time: float | None
    ) -> ZipkinSpan:
        """The root of a new trace, for a caller that is not trusted."""
        span = ZipkinTracer.start_span(self, operation_name, caller.as_root(), None, tags, start_time, True)
        for key, value in caller.tags.items():
            span.set_tag(key, value)
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

    def _identity(self, parent: ZipkinContext, tags: Mapping[str, Any] | None) -> tuple[Any, Any, Any, int]:
        """Trace id, span id, parent id and state of a span below a context."""
        trace_id, state = parent._trace_id, parent._state
        if trace_id is None:
            root_id: Any = parent._span_id or self._new_trace_id()  # drawn already where the root's sampler was asked
            if not state & DECIDED:
                return root_id, root_id, None, _SAMPLED_ROOT if self._sampler(root_id & LOW_64_BITS) else _ROOT
            return root_id, root_id, None, state & INHERITED | LOCAL_ROOT
        if state & _RECEIVED != _RECEIVED:
            if not state & REMOTE:
                return trace_id, self._random_bits(64) or self._new_span_id(), parent._span_id, state & INHERITED
            state = self._decide(parent)
        state = state & INHERITED | LOCAL_ROOT
        try:
            kind = tags.get("span.kind") if tags else None
        except Exception:  # as in `start_span`
            kind = None
        if type(kind) is not str:
            kind = to_text(kind, MAX_KEY_LENGTH)
        if (kind == "server" or KIND_OF_TAG.get(kind.strip().lower()) == "SERVER") and self._shared_spans:
            try:
                shared = parent._once
            except AttributeError:  # there never was a token
                shared = None
            if shared is not None:
                # Only one span gets the client's span id, also if two spans join the context at the same time, or if the
                # request was extracted twice, by two middlewares or because it arrived twice.
                span_id = parent._span_id
                new, old = self._joins
                # No lock: there is no call and no jump between the test and the store, see `ZipkinContext._set_baggage`.
                if span_id not in new and span_id not in old:
                    new[span_id] = trace_id
                elif not self._is_another_call(trace_id, span_id):
                    shared = None
                if shared is not None:
                    parent._once = None
                    if len(new) >= MIN_REMEMBERED_JOINS:
                        self._forget_joins(new)
                    return trace_id, span_id, parent._parent_id, state | shared
        return trace_id, self._random_bits(64) or self._new_span_id(), parent._span_id, state

    def _is_another_call(self, trace_id: Any, span_id: Any) -> bool:
        """Whether the remembered join of this span id is of another trace; then the new join is remembered beside it."""
        new, old = self._joins
        if trace_id in (new.get(span_id), old.get(span_id)):
            return False
        both = f"{trace_id}{span_id}"
        # `both` is a new string, so only the thread that stores it gets this object back.
        return both not in old and new.setdefault(both, both) is both

    def _forget_joins(self, full: dict[Any, Any]) -> None:
        """Forget the older half of the joins.  Test and store stand in one line, so only one of several threads does it."""
        if self._joins[0] is full: self._joins = ({}, full)  # noqa: E701  # fmt: skip

    def _unsampled(
        self, trace_id: int | str, state: int, context: ZipkinContext | None, tags: Mapping[str, Any] | None
    ) -> UnsampledSpan:
        span = UnsampledSpan()
        span._tracer = self
        span._trace_id = trace_id
        span._state = state
        span._context = context
        try:
            if tags is not None and "span.kind" in tags:
                span.set_tag("span.kind", tags["span.kind"])
        except Exception:  # as in `start_span`
            pass
        return span

    # Propagation

    @property
    def propagation(self) -> Propagation:
        """Writes and reads headers; ours counts in `malformed` and `attributes.dropped` what it could not take."""
        return self._sampling[2]

    def _inject_decided(self, context: ZipkinContext, carrier: Any) -> None:
        """Decide before the injection, because `traceparent` cannot leave the decision to the next service."""
        if not context._state & DECIDED and context._trace_id is not None:
            self._decide(context)
        self._propagation.inject(context, carrier)

    def inject(self, span_context: Any, format: Any, carrier: Any) -> None:
        try:
            if format in TEXT_FORMATS:
                if type(carrier) is not dict and not hasattr(carrier, "__setitem__"):
                    kind_of_carrier = _type_name(carrier)
                    raise InvalidCarrierException(f"{format}: use a mutable mapping or a list of pairs, not {kind_of_carrier}")
                kind = type(span_context)
                if kind is ZipkinContext or (kind is RecordingSpan and span_context._tags.get("span.kind") != "producer"):
                    context = span_context
                else:
                    context = context_of(span_context)
                if context is not None:
                    inject = self._inject
                    inject(context, carrier)
            elif format == Format.BINARY:
                if not issubclass(type(carrier), bytearray):
                    raise InvalidCarrierException(f"{format}: use a bytearray, not {_type_name(carrier)}")
                identity, attributes = self.trace_context_to_binary(span_context)
                carrier += identity + (b"\n" + attributes if attributes else b"")
            else:
                raise UnsupportedFormatException(format)
        except (InvalidCarrierException, UnsupportedFormatException):
            raise
        except Exception as error:
            raise _refusal(format, carrier) from error

    def extract(self, format: Any, carrier: Any) -> ZipkinContext | None:
        try:
            if format in TEXT_FORMATS:
                if type(carrier) is not dict and not _is_carrier(carrier):
                    raise InvalidCarrierException(f"{format}: use a mapping or pairs, not {_type_name(carrier)}")
                try:
                    return self._propagation.extract(carrier)
                except Exception:  # a mapping of the application may raise anything
                    return None
            if format == Format.BINARY:
                if not issubclass(type(carrier), (bytes, bytearray)):
                    raise InvalidCarrierException(f"{format}: use bytes or a bytearray, not {_type_name(carrier)}")
                return binary.extract(bytes(memoryview(carrier)), self._propagation)
        except InvalidCarrierException:
            raise
        except Exception as error:
            raise _refusal(format, carrier) from error
        raise UnsupportedFormatException(format)

    # Reporting

    def _on_reporter_thread(self) -> None:
        """Before the first span is sent: find this host's address, and keep our own requests out of every trace."""
        if self._route is not None:
            self._local = local_address.with_address(self._route, self._local)
        if thread_kind() is NONE and not isinstance(self._scope_manager, ContextVarsScopeManager):
            return  # this is an application's thread, where the span would stay active
        span = UnsampledSpan()  # without this tracer, because the thread must not hold a reference to it
        # Without ids, so that log lines of this thread belong to no trace.
        span._trace_id, span._state, span._context = 0, _ROOT, ZipkinContext(state=_ROOT)
        self._scope_manager.activate(span, False)

    @property
    def enabled(self) -> bool:
        """Whether spans are recorded and sent.  False stops both at once; propagation goes on.

        A span that starts while the tracer is disabled propagates its parent's context.  Without a parent it propagates its
        baggage only, so that the next service decides for itself.  Spans that finish meanwhile are dropped as `closed`.  Spans
        that waited before are sent when the tracer is enabled again.
        """
        return self._enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = check_flag("enabled", enabled)
        self._is_plain = self._enabled and self._sampling[1] is None  # without a call, as in `_use_sampler`
        self._recorder.pause(not enabled)

    def _disabled_span(self, parent: Any, tags: Mapping[str, Any] | None) -> ZipkinSpan:
        """A span of a disabled tracer: it records nothing and propagates its parent's context."""
        if parent is None:
            return self._unsampled(0, 0, ZipkinContext(), None)
        if type(parent) is not ZipkinContext:
            parent = parent.context
        context = ZipkinContext(parent._trace_id, parent._span_id, parent._parent_id, parent._state, parent._baggage)
        return self._unsampled(0, context._state, context, tags)

    @property
    def stats(self) -> TracerStats:
        """The account of finished spans, now."""
        return self._recorder.stats()

    @property
    def unfinished(self) -> int:
        """How many spans were never finished and how many scopes never closed, as far as known; 0 without `warn_unfinished`."""
        return 0 if self._watch is None else self._watch.count

    def flush(self, timeout: float | None = None) -> bool:
        """Whether every span that waits now is accepted by the collector within `timeout` seconds; None means 2 seconds.

        The answer is also False if a span was dropped after the last `flush` that ended before this one began.  Raises
        ValueError for a `timeout` that is no finite number of seconds.
        """
        return self._recorder.flush(check_timeout(timeout))

    def flush_at_shutdown(self) -> bool:
        """Flush because the application shuts down, for a second at most; the process's end then waits that much less."""
        return flush_at_shutdown(self.flush)

    def close(self, timeout: float | None = None) -> Future[bool]:
        """Flush and stop for good.  Returns at once a Future of `flush`'s answer, which is done within `timeout` seconds.

        None means 2 seconds.  Every call returns the same Future, which cannot be cancelled.  Later spans are dropped as
        `closed`.  Raises ValueError for a `timeout` that is no finite number of seconds.
        """
        closing = self._recorder.close(check_timeout(timeout))
        if isinstance(self.sampler, sampling.RootSampler):
            with suppress(Exception):  # a sampler of the application may raise anything
                self.sampler.close()
        if self._watch is not None:
            self._watch.close()
        return closing

    # A copy of an object that holds a tracer holds the same tracer.

    def __copy__(self) -> ZipkinTracer:
        return self

    def __deepcopy__(self, memo: object) -> ZipkinTracer:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a tracer cannot be pickled: make a tracer in each process, for instance by configure() there, "
            "and pickle the context of a span"
        )

    def __repr__(self) -> str:
        return f"ZipkinTracer({self.service_name!r}, {self._recorder!r})"


def _is_carrier(carrier: Any) -> bool:
    """A mapping, or an iterable of pairs; text is neither."""
    if issubclass(type(carrier), (str, bytes, bytearray)):
        return False
    return hasattr(carrier, "__iter__") or hasattr(carrier, "items")


def _refusal(format: Any, carrier: Any) -> Exception:
    """The error where the application's code raised: writing to a carrier, or comparing a format."""
    if type(format) is str:
        return InvalidCarrierException(f"{format}: {_type_name(carrier)} is not a carrier of this format")
    return UnsupportedFormatException(format)


def _type_name(value: Any) -> str:
    return to_text(type(value), MAX_KEY_LENGTH)


def _first_context(references: Any) -> Any:
    """The first reference that has a context; a single reference counts as a list of one."""
    try:
        if isinstance(references, Reference):
            return references.referenced_context
        contexts = [getattr(reference, "referenced_context", None) for reference in references]
    except Exception:  # any object may be given in place of references
        return None
    return next((context for context in contexts if context is not None), None)


_ARGUMENTS = (*options_of(Settings), *PART_TYPES)

show_arguments(
    cast("Any", ZipkinTracer.__init__),
    {
        "service_name": str,
        **{name: type_of(Settings, name) for name in options_of(Settings)},
        **PART_TYPES,
        "return": type(None),
    },
    {name: option.default for name, option in options_of(Settings).items()},
)
