"""ZipkinContext: the position of a span in its trace, and the decisions about it.

Rules: an id is kept as it came: an int if it was drawn here, lower-hex text if it was received.  An int becomes text when the
text is first asked for (drawing text costs 100 ns an id).  A root reuses its trace id as span id, which saves 36 bytes.  So
only the low 64 bits of an int span id or parent id count.  Baggage is copied on write, so children share the mapping they
started with.  There is no lock here: a fork would leave it held in the child, and a signal handler would wait for the code that
it interrupts.  A copy of a context is the context itself.  An unpickled context is a new object and has no token, because two
processes may read one pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from opentracing import SpanContext

from .text import MAX_KEY_LENGTH, to_text

__all__ = ["CallerContext", "RequestContext", "ZipkinContext", "hex_id", "hex_span_id", "normalize_key"]

_C = TypeVar("_C", bound="ZipkinContext")

# The facts about a context, one bit each; together they are `_state`.
DECIDED = 1
SAMPLED = 2
DEBUG = 4
SHARED = 8  # the span uses the id of its caller's span
LOCAL_ROOT = 16  # the first span of its trace in this process
REMOTE = 32  # it was read from a carrier
MESSAGING = 64  # of a producer span: it is written as one header without parent
# The flags of a `traceparent`, shifted left by 8 bits, without the lowest one, which is SAMPLED.
W3C_FLAGS = 0xFE00

INHERITED = DECIDED | SAMPLED | DEBUG | W3C_FLAGS

_EMPTY: Mapping[str, str] = MappingProxyType({})

LOW_64_BITS = (1 << 64) - 1

MAX_PICKLED_LENGTH = 8192  # characters of a value that is not text; a header does not take more


def hex_id(value: int | str) -> str:
    """16 lower-hex digits, or 32 for an int of more than 64 bits; text must already have this form."""
    if isinstance(value, str):
        return value
    # A format would take 10 % more time for a span's record (Python 3.11).
    return value.to_bytes(16 if value > LOW_64_BITS else 8, "big").hex()


def hex_span_id(value: int | str) -> str:
    """16 lower-hex digits of an int's low 64 bits; text must already have this form."""
    return value if isinstance(value, str) else (value & LOW_64_BITS).to_bytes(8, "big").hex()


def normalize_key(key: str) -> str:
    """A baggage key in the form in which it is compared and sent: lower case, `-` for `_`."""
    return key.replace("_", "-").lower()


class ZipkinContext(SpanContext):
    """Identity, sampling decision and baggage of a span; may be used from any thread."""

    __slots__ = ("_baggage", "_offset", "_once", "_paired_at", "_parent_id", "_span_id", "_state", "_trace_id")

    _trace_id: int | str | None
    _span_id: int | str | None
    _parent_id: int | str | None
    _state: int
    _baggage: Mapping[str, str] | None
    _offset: int  # see clock.py
    _paired_at: int | None  # None on a context that does not belong to a span of this process
    # A one-shot token: deleting it is atomic, so exactly one caller wins.  A flag would let two threads through.  On a received
    # context the token is for the first join: SHARED, or 0 where the caller left the decision to us.  It is None after the
    # first join (`ZipkinTracer._identity`).  On a span the token is for `finish`: 1.  A slot without a value means that the
    # token was taken, or that there never was one.  `_take_token` takes it; only `finish`, on the hot path, has the same code
    # inline.
    _once: int | None

    def __init__(
        self,
        trace_id: int | str | None = None,
        span_id: int | str | None = None,
        parent_id: int | str | None = None,
        state: int = 0,
        baggage: Mapping[str, str] | None = None,
    ) -> None:
        self._trace_id = trace_id
        self._span_id = span_id
        self._parent_id = parent_id
        self._state = state
        self._baggage = baggage
        self._offset = 0
        self._paired_at = None

    def _take_token(self) -> int | None:
        """The one-shot token, for exactly one caller; None for every other caller, and where there is none."""
        try:
            token = self._once
            del self._once
        except AttributeError:
            return None
        return token

    @property
    def trace_id(self) -> str | None:
        """16 or 32 lower-hex digits; None where only a decision or attributes were received."""
        return None if self._trace_id is None else hex_id(self._trace_id)

    @property
    def span_id(self) -> str | None:
        """16 lower-hex digits; None where `trace_id` is."""
        return None if self._span_id is None else hex_span_id(self._span_id)

    @property
    def parent_id(self) -> str | None:
        """16 lower-hex digits; None for a root span."""
        return None if self._parent_id is None else hex_span_id(self._parent_id)

    @property
    def sampled(self) -> bool | None:
        """Whether the trace is recorded; None while the decision is left to the next service."""
        return bool(self._state & SAMPLED) if self._state & DECIDED else None

    @property
    def debug(self) -> bool:
        """Whether the trace must be stored in any case, whatever the samplers decide."""
        return bool(self._state & DEBUG)

    @property
    def shared(self) -> bool:
        """Whether the span uses an id that its caller made."""
        return bool(self._state & SHARED)

    @property
    def baggage(self) -> Mapping[str, str]:
        """The items, or attributes, in the spelling in which they were set; the mapping must not be changed."""
        return self._baggage or _EMPTY

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        self._set_baggage(normalize_key(key if type(key) is str else to_text(key, MAX_KEY_LENGTH)), value)
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        """The attribute with this key in any spelling; None where there is none."""
        return self._get_baggage(key)

    def _set_baggage(self, key: str, value: str) -> None:
        """Replace every entry whose normalised key is that of `key`; changes that other threads make meanwhile are kept."""
        name = normalize_key(key)
        while True:
            baggage = self._baggage
            changed = {k: v for k, v in (baggage or _EMPTY).items() if normalize_key(k) != name}
            changed[key] = value
            # A compare-and-swap without a lock: CPython switches to other threads and signal handlers only at a call, at the
            # begin of a function and at a jump back, and this line has none of these.  It is one line, because trace functions
            # run between two lines.
            if self._baggage is baggage: self._baggage = changed; return  # noqa: E701, E702  # fmt: skip

    def _get_baggage(self, key: str) -> str | None:
        """The item with exactly this key, or else an item with the same normalised key."""
        baggage = self._baggage
        if not baggage:
            return None
        if type(key) is not str:
            key = to_text(key, MAX_KEY_LENGTH)
        if key in baggage:
            return baggage[key]
        name = normalize_key(key)
        return next((value for spelling, value in baggage.items() if normalize_key(spelling) == name), None)

    def __copy__(self: _C) -> _C:
        return self

    def __deepcopy__(self: _C, memo: object) -> _C:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a plain context that looks like one from a carrier, but has no token for joining."""
        baggage = {str(key): _picklable(value) for key, value in self.baggage.items()}
        return ZipkinContext, (self.trace_id, self.span_id, self.parent_id, self._state | REMOTE, baggage or None)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(trace_id={self.trace_id!r}, span_id={self.span_id!r}, parent_id={self.parent_id!r}, "
            f"sampled={self.sampled}, debug={self.debug}, shared={self.shared})"
        )


class RequestContext(ZipkinContext):
    """A context from a carrier without a decision, with the headers that a sampler asks for, until its root starts."""

    __slots__ = ("headers",)

    headers: Mapping[str, str]

    @staticmethod
    def of(received: ZipkinContext | None, headers: Mapping[str, str]) -> ZipkinContext:
        """The context that was received, None where there was none, with these headers."""
        if type(received) is CallerContext:
            received.headers = headers
            return received
        context = RequestContext(state=REMOTE)
        if received is not None:
            for name in ZipkinContext.__slots__:
                if hasattr(received, name):  # the token may be gone
                    setattr(context, name, getattr(received, name))
        context.headers = headers
        return context


class CallerContext(ZipkinContext):
    """The context of a caller that is not trusted: a span started from it is the root of a new trace.

    The caller's ids become `tags` of that root.  The context has neither ids nor a decision; its baggage is set by our own
    process.  `headers`: those that a sampler asks for.
    """

    __slots__ = ("headers", "tags")

    def __init__(self, trace_id: str, span_id: str, baggage: Mapping[str, str] | None = None) -> None:
        ZipkinContext.__init__(self, state=REMOTE, baggage=baggage)
        self.tags = {"caller.trace_id": trace_id, "caller.span_id": span_id}
        self.headers: Mapping[str, str] | None = None

    @staticmethod
    def of(received: ZipkinContext | None) -> CallerContext | None:
        """A CallerContext for a received context; None where that has no ids."""
        if received is None or received.trace_id is None or received.span_id is None:
            return None
        return CallerContext(received.trace_id, received.span_id)

    def as_root(self) -> ZipkinContext:
        """The context from which the root is started."""
        root = ZipkinContext(state=REMOTE, baggage=self._baggage)
        return root if self.headers is None else RequestContext.of(root, self.headers)

    def __reduce__(self) -> tuple[Any, ...]:
        _, (*_, baggage) = super().__reduce__()
        return CallerContext, (*self.tags.values(), baggage)


def _picklable(value: Any) -> str | None:
    """A value of baggage as text; None for a value that was removed."""
    return value if value is None or type(value) is str else to_text(value, MAX_PICKLED_LENGTH)
