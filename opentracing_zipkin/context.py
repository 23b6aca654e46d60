"""ZipkinContext: where a span stands in its trace, and what was decided about it.

Rules: ids are kept as they came, an int if drawn here and lower-hex text if received, and become text when first asked for
(drawing text costs 100 ns an id).  Of an int that is a span's or a parent's id the low 64 bits count: a root has its trace id
there, which is 36 bytes less than another int.  Baggage is copied on write, so children share the mapping they started with.
There is no lock here: a fork would leave it held in the child, and a signal's handler would wait for the code it interrupts.
A copy of a context is the context itself.  A pickled one is another, and has no token: two processes may read one pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from opentracing import SpanContext

from .text import MAX_KEY_LENGTH, to_text

__all__ = ["CallerContext", "RequestContext", "ZipkinContext", "hex_id", "hex_span_id", "normalize_key"]

_C = TypeVar("_C", bound="ZipkinContext")

# What is known of a context, one bit each; together they are `_state`.
DECIDED = 1
SAMPLED = 2
DEBUG = 4
SHARED = 8  # the span reports on the id of its caller's span
LOCAL_ROOT = 16  # the first span of its trace in this process
REMOTE = 32  # came out of a carrier
MESSAGING = 64  # of a producer: written as one header without parent
# The flags of a `traceparent`, 8 bits further to the left, but for the lowest, which is SAMPLED.
W3C_FLAGS = 0xFE00

INHERITED = DECIDED | SAMPLED | DEBUG | W3C_FLAGS

_EMPTY: Mapping[str, str] = MappingProxyType({})

LOW_64_BITS = (1 << 64) - 1

MAX_PICKLED_LENGTH = 8192  # characters of an item that is no text: a header takes no more of it


def hex_id(value: int | str) -> str:
    """16 lower-hex digits, 32 for an int of more than 64 bits; text is taken to be that already."""
    if isinstance(value, str):
        return value
    # 10 % faster for a span's record than a format (Python 3.11).
    return value.to_bytes(16 if value > LOW_64_BITS else 8, "big").hex()


def hex_span_id(value: int | str) -> str:
    """16 lower-hex digits, of an int's low 64 bits; text is taken to be that already."""
    return value if isinstance(value, str) else (value & LOW_64_BITS).to_bytes(8, "big").hex()


def normalize_key(key: str) -> str:
    """A baggage key as it is compared and as it travels: lower case, `-` for `_`."""
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
    _paired_at: int | None  # None on a context that is not a span's of this process
    # A one-shot token: deleting it is atomic, so exactly one caller wins, where a flag would let two threads through.
    # On a received context it is for the first join: SHARED, or 0 where the caller left the decision to us; None once it was
    # joined (`ZipkinTracer._identity`).  On a span it is for `finish`: 1.
    # A slot without a value means that the token was taken, or that there never was one.
    # Off the hot path it is taken by `_take_token`; `finish` does the same inline.
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
        """The one-shot token, for exactly one caller; None for every other, and where there is none."""
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
        """Whether the trace is recorded; None while the decision is left to whoever continues it."""
        return bool(self._state & SAMPLED) if self._state & DECIDED else None

    @property
    def debug(self) -> bool:
        """Whether the trace is to be stored in any case, past all samplers."""
        return bool(self._state & DEBUG)

    @property
    def shared(self) -> bool:
        """Whether the span reports on an id that its caller made."""
        return bool(self._state & SHARED)

    @property
    def baggage(self) -> Mapping[str, str]:
        """The items, or attributes, in the spelling they were given; not to be changed."""
        return self._baggage or _EMPTY

    def set_trace_attribute(self: _C, key: str, value: str) -> _C:
        self._set_baggage(normalize_key(key if type(key) is str else to_text(key, MAX_KEY_LENGTH)), value)
        return self

    def get_trace_attribute(self, key: str) -> str | None:
        """The attribute with this key in any spelling, None where there is none."""
        return self._get_baggage(key)

    def _set_baggage(self, key: str, value: str) -> None:
        """Replace every entry whose normalised key is that of `key`; what others set at the same time is kept."""
        name = normalize_key(key)
        while True:
            baggage = self._baggage
            changed = {k: v for k, v in (baggage or _EMPTY).items() if normalize_key(k) != name}
            changed[key] = value
            # A compare-and-swap without a lock: CPython lets other threads and handlers in only at a call, at a function's
            # begin and at a jump back, and none of these is in this line.  One line, because trace functions run between two.
            if self._baggage is baggage: self._baggage = changed; return  # noqa: E701, E702  # fmt: skip

    def _get_baggage(self, key: str) -> str | None:
        """The item with exactly this key, or else with the same normalised one."""
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
        """A plain context that says the same, as if it came out of a carrier, but without the token for joining."""
        baggage = {str(key): _picklable(value) for key, value in self.baggage.items()}
        return ZipkinContext, (self.trace_id, self.span_id, self.parent_id, self._state | REMOTE, baggage or None)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(trace_id={self.trace_id!r}, span_id={self.span_id!r}, parent_id={self.parent_id!r}, "
            f"sampled={self.sampled}, debug={self.debug}, shared={self.shared})"
        )


class RequestContext(ZipkinContext):
    """Out of a carrier without a decision, with the headers that a sampler asks for; they are kept until the root starts."""

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
    """Of a caller that is not trusted: what starts from it is the root of a new trace, with the caller's ids as `tags`.

    It has neither ids nor a decision; its baggage is what is set here, by us.  `headers`: those that a sampler asks for.
    """

    __slots__ = ("headers", "tags")

    def __init__(self, trace_id: str, span_id: str, baggage: Mapping[str, str] | None = None) -> None:
        ZipkinContext.__init__(self, state=REMOTE, baggage=baggage)
        self.tags = {"caller.trace_id": trace_id, "caller.span_id": span_id}
        self.headers: Mapping[str, str] | None = None

    @staticmethod
    def of(received: ZipkinContext | None) -> CallerContext | None:
        """What remains of a context that was received; None where it has no ids."""
        if received is None or received.trace_id is None or received.span_id is None:
            return None
        return CallerContext(received.trace_id, received.span_id)

    def as_root(self) -> ZipkinContext:
        """The context to start the root from."""
        root = ZipkinContext(state=REMOTE, baggage=self._baggage)
        return root if self.headers is None else RequestContext.of(root, self.headers)

    def __reduce__(self) -> tuple[Any, ...]:
        _, (*_, baggage) = super().__reduce__()
        return CallerContext, (*self.tags.values(), baggage)


def _picklable(value: Any) -> str | None:
    """An item of baggage; one that was removed is None."""
    return value if value is None or type(value) is str else to_text(value, MAX_PICKLED_LENGTH)
