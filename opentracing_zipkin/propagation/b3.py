"""B3: one header or five, leniently read, canonically written; with `traceparent` beside it on request.

Rules: reading never raises and never widens an id; a sampling decision survives malformed ids, so that a deny is not lost;
a malformed `b3` gives way to `X-B3-*`.  Writing uses lower-case names, lower-hex ids and 1 or 0.
Source: openzipkin/b3-propagation, README.
"""

from __future__ import annotations

import re
import string
from binascii import unhexlify
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opentracing import InvalidCarrierException

from ..context import (
    DEBUG,
    DECIDED,
    LOW_64_BITS,
    MESSAGING,
    REMOTE,
    SAMPLED,
    SHARED,
    CallerContext,
    ZipkinContext,
    hex_id,
    hex_span_id,
)
from ..log import log
from ..option import taken
from ..options import B3_FORMATS as FORMATS, PropagationOptions
from . import headers_of, remember, w3c as trace_context
from .attributes import PREFIX, Attributes
from .frameworks import Frameworks
from .stale import B3_NAMES, Stale
from .w3c import TRACEPARENT

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["FORMATS", "B3Propagation", "read_single", "write_single"]

_HEX = frozenset(string.hexdigits)
_ONE = "0000000000000001"  # what sorts before it begins with 16 zeros: no id, or one of 64 bits that somebody padded
_new = object.__new__
_ACCEPT = DECIDED | SAMPLED
_DEBUG = DECIDED | SAMPLED | DEBUG
_SAID = _DEBUG | MESSAGING  # the latter is the greatest
_STATES = {"1": _ACCEPT, "true": _ACCEPT, "0": DECIDED, "false": DECIDED}
_SINGLE_STATES = {**_STATES, "d": _DEBUG}
_PLAIN_STATES = {"1": _ACCEPT, "0": DECIDED}
_STATE_TEXTS = {_ACCEPT: "1", DECIDED: "0", _DEBUG: "d"}


class B3Propagation:
    """Reads every shape of B3, writes the one it was made for.  May be used from any thread.

    The arguments are the settings of the group PropagationOptions, as in docs/reference/configuration.md; `b3_format` may stand
    first, without its name.  Raises ValueError that names a wrong value and the remedy.
    """

    def __init__(self, b3_format: str | None = None, /, **given: Unpack[PropagationOptions]) -> None:
        own = taken("B3Propagation()", PropagationOptions, given if b3_format is None else {**given, "b3_format": b3_format})
        w3c: bool = own["w3c"]
        self._multi = own["b3_format"] != "single"
        self._single = own["b3_format"] != "multi"
        self._w3c = self.decided = w3c  # `traceparent` cannot leave the decision open
        self._more = self._single or w3c
        self.attributes = Attributes(own["baggage_fields"])
        self._stale = Stale(self.attributes, w3c)
        self._harmless = self._stale.harmless
        self.trusted: bool = own["trust_incoming"]
        if not self.trusted:
            self.extract = self._extract_untrusted  # type: ignore[method-assign]  # who trusts pays nothing
        self._plans: dict[str, _Plan] = {}  # by the names of a carrier
        self.malformed = 0  # carriers whose B3, or whose `traceparent` in its place, could not be read whole
        # Parts of names that are no B3 and are always read, in lower case and with either of a WSGI environ's signs.
        marks = [PREFIX, *self.attributes.names, *([TRACEPARENT] if w3c else [])]
        self._marks = re.compile("|".join(re.escape(mark).replace(r"\-", "[-_]") for mark in marks))
        self._frameworks = Frameworks(lambda name: "b3" in name or TRACEPARENT in name or self._marks.search(name) is not None)

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        # An empty carrier is not asked for its class, which would be 3 % of an `inject` into a dict (Python 3.11, 2026-11): one
        # that is no mapping raises when it is written to.
        try:
            if carrier and (type(carrier) is not dict or not self._harmless.issuperset(carrier)):
                if type(carrier) is not dict:
                    self._inject_elsewhere(context, carrier)
                    return
                self._stale.remove(carrier)
            said = context._state & _SAID
            if self._multi and said < MESSAGING:
                trace_id: Any = context._trace_id
                if trace_id is not None:
                    span_id: Any = context._span_id
                    parent_id: Any = context._parent_id
                    # Text once made is kept: for the next call, for the span's own record and for its children.
                    if type(trace_id) is not str:
                        context._trace_id = trace_id = hex_id(trace_id)
                    if type(span_id) is not str:  # hex_span_id inline: a twelfth less for a span's first call
                        context._span_id = span_id = (span_id & LOW_64_BITS).to_bytes(8, "big").hex()
                    carrier["x-b3-traceid"] = trace_id
                    carrier["x-b3-spanid"] = span_id
                    if parent_id is not None:
                        if type(parent_id) is not str:
                            context._parent_id = parent_id = hex_span_id(parent_id)
                        carrier["x-b3-parentspanid"] = parent_id
                if said == _ACCEPT:
                    carrier["x-b3-sampled"] = "1"
                elif said & DEBUG:
                    carrier["x-b3-flags"] = "1"
                elif said & DECIDED:
                    carrier["x-b3-sampled"] = "0"
            if said >= MESSAGING or self._more:
                self._inject_more(context, carrier)
            if context._baggage:
                self.attributes.write(context._baggage, carrier)
        except InvalidCarrierException:
            raise
        except Exception:
            if type(carrier) is dict:
                raise
            self._inject_elsewhere(context, carrier)

    def _inject_elsewhere(self, context: ZipkinContext, carrier: Any) -> None:
        """Into a carrier of any class: what a dict gets, in place of what is stale there."""
        headers: dict[str, str] = {}
        self.inject(context, headers)
        self._stale.replace(carrier, headers)

    def _inject_more(self, context: ZipkinContext, carrier: Any) -> None:
        messaging = context._state & MESSAGING
        if self._single or messaging:
            single = write_single(context, parent=not messaging)
            if single:
                carrier["b3"] = single
        if self._w3c:
            trace_context.write(context, carrier)

    def extract(self, carrier: Any, /) -> ZipkinContext | None:
        plain = carrier if type(carrier) is dict else self._frameworks.as_dict(carrier)
        if plain is not None:
            try:
                joined = "\n".join(plain)
            except TypeError:  # a key that is no text
                return self._extract(headers_of(carrier))
            # The same clients send the same names again and again, so what they hold is found out once: an eighth less.
            plan = self._plans.get(joined)
            if plan is None:
                plan = self._add_plan(joined)
            if plan is _NOTHING:
                return None
            if plan is not _CAREFULLY:
                context = _read_plain(plain, plan)
                if context is not None:
                    return context
        return self._extract(headers_of(carrier))

    def _extract_untrusted(self, carrier: Any, /) -> ZipkinContext | None:
        return CallerContext.of(B3Propagation.extract(self, carrier))

    def _add_plan(self, joined: str) -> _Plan:
        plan = self._plan(joined)
        remember(self._plans, joined, plan)
        return plan

    def _plan(self, joined: str) -> _Plan:
        """How to read a carrier with these names."""
        names = joined.lower()
        if self._marks.search(names):
            return _CAREFULLY
        count = names.count("b3")
        if not count:
            return _CAREFULLY if TRACEPARENT in names else _NOTHING
        present = set(joined.split("\n"))
        for trace, span, parent, sampled in _SPELLINGS:
            if trace in present and span in present and count == len(present.intersection((trace, span, parent, sampled))):
                return trace, span, parent if parent in present else None, sampled if sampled in present else None
        return _CAREFULLY

    def _extract(self, headers: Mapping[str, str]) -> ZipkinContext | None:
        """Any spelling and any mistake: B3, what `traceparent` has beyond it, and attributes."""
        context, whole = self._read(headers)
        if TRACEPARENT in headers:
            context = trace_context.complete(context, headers, self._w3c)
            whole = whole and context is not None and context._trace_id is not None
        if not whole:
            self._count_malformed(headers)
        baggage = self.attributes.read(headers)
        if baggage is not None:
            if context is None:
                return ZipkinContext(state=REMOTE, baggage=baggage)
            context._baggage = {**(context._baggage or {}), **baggage}
        return context

    @staticmethod
    def _read(headers: Mapping[str, str]) -> tuple[ZipkinContext | None, bool]:
        """The single header if it is whole, else the five, else what can be read of the single one; a deny in any of them.

        With it, whether all could be read that was asked for.
        """
        single, single_whole = _parse_single(headers["b3"]) if "b3" in headers else (None, True)
        if single is not None and single_whole and single._state & DECIDED:
            return single, True
        multi, multi_whole = _read_multi(headers)
        whole = single_whole and multi_whole
        if single is None or multi is None:
            return single or multi, whole
        return _merged(single, multi, single_whole), whole

    def _count_malformed(self, headers: Mapping[str, str]) -> None:
        self.malformed += 1
        if self.malformed == 1:
            names = [name for name in (*B3_NAMES, TRACEPARENT) if name in headers]
            kind = "traceparent" if names == [TRACEPARENT] else "B3"
            shown = {name: headers[name][:80] for name in names}
            log.warning("zipkin: malformed %s headers, ignored as far as they cannot be read (said once): %r", kind, shown)


# The two spellings that libraries write, and those that frameworks make of them: trace id, span id, parent id, sampled.
_LOWER = ("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled")
_CANONICAL = ("X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled")
_TITLE = ("X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled")  # Django
_ENVIRON = ("HTTP_X_B3_TRACEID", "HTTP_X_B3_SPANID", "HTTP_X_B3_PARENTSPANID", "HTTP_X_B3_SAMPLED")  # WSGI
_SPELLINGS = (_LOWER, _CANONICAL, _TITLE, _ENVIRON)
_IDS = (("x-b3-traceid", 32), ("x-b3-spanid", 16), ("x-b3-parentspanid", 16))  # with how many digits they may have

# The names of the trace id, the span id, the parent id and the decision, the latter two None where they are not there.
_Plan = tuple[str, str, str | None, str | None]
_NOTHING: _Plan = ("", "", None, None)
_CAREFULLY: _Plan = ("", "", None, "")  # in any spelling, or with something beside


def _read_plain(carrier: dict[str, Any], plan: _Plan) -> ZipkinContext | None:
    """The usual headers in their usual form, a third of the price; None where anything about them is unusual."""
    trace, span, parent, sampled = plan
    try:
        trace_id: Any = carrier[trace]
        span_id: Any = carrier[span]
        parent_id: Any = None
        if parent is None:
            text = f"{trace_id}{span_id}"
        else:
            parent_id = carrier[parent]
            text = f"{trace_id}{span_id}{parent_id}"
            if len(parent_id) != 16 or parent_id < _ONE or parent_id == span_id:
                return None
        state = 0 if sampled is None else _PLAIN_STATES[carrier[sampled]]
        unhexlify(text)  # raises where anything else is in it; but it takes capitals
        if text.lower() != text:
            return None
        if len(trace_id) not in (32, 16) or len(span_id) != 16 or trace_id < _ONE or span_id < _ONE:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    context = _new(ZipkinContext)  # with its slots set here: 100 ns less than a call of the class
    context._trace_id = trace_id
    context._span_id = span_id
    context._parent_id = parent_id
    context._state = state | REMOTE
    context._baggage = None
    context._offset = 0
    context._paired_at = None
    context._once = SHARED if state else 0
    return context


def write_single(context: ZipkinContext, parent: bool = True) -> str:
    """The value of the `b3` header; "" for a context that says nothing."""
    state = _STATE_TEXTS.get(context._state & _DEBUG, "")
    if context._trace_id is None:
        return state
    parts = [hex_id(context._trace_id), hex_span_id(context._span_id)]  # type: ignore[arg-type]  # set together
    if state:
        parts.append(state)
    if parent and context._parent_id is not None:
        parts.append(hex_span_id(context._parent_id))
    return "-".join(parts)


def read_single(value: str) -> ZipkinContext | None:
    """The context in a `b3` header; its decision alone where anything else is malformed; None where nothing can be read."""
    return _parse_single(value)[0]


def _parse_single(value: str) -> tuple[ZipkinContext | None, bool]:
    """What can be read, and whether that is all there is."""
    parts = _first(value).split("-", 5)
    if len(parts) == 1:
        alone = _SINGLE_STATES.get(parts[0])
        return (None, False) if alone is None else (ZipkinContext(state=alone | REMOTE), True)
    trace_id, span_id, rest = _id(parts[0], 32), _id(parts[1], 16), parts[2:]
    state = 0
    if rest and rest[0] in _SINGLE_STATES:
        state = _SINGLE_STATES[rest.pop(0)]
    parent_id = None
    # Without a state before it only 16 digits are a parent: "2" is a state that does not exist.
    if rest and (state or len(rest[0]) == 16) and _is_hex(rest[0], 16):
        parent_id = _id(rest.pop(0), 16)
    if trace_id is None or span_id is None or rest:
        return (ZipkinContext(state=state | REMOTE) if state else None), False
    return _received(trace_id, span_id, parent_id, state), True


def _merged(single: ZipkinContext, multi: ZipkinContext, whole: bool) -> ZipkinContext:
    """Of readable `X-B3-*` and a `b3` that leaves the decision open or, not whole, has nothing but one."""
    if whole:
        return _decided(single, multi._state)
    # Of two that contradict each other, one of them malformed, a deny is the one that must not get lost.
    return multi if multi._state & DECIDED and single._state & SAMPLED else _decided(multi, single._state)


def _decided(context: ZipkinContext, state: int) -> ZipkinContext:
    if state & DECIDED:
        context._state = state
        if context._trace_id is not None:
            context._once = SHARED
    return context


# Whether the value of a header can be read.
_IS_READABLE: dict[str, Callable[[str], bool]] = {
    "x-b3-traceid": lambda text: _id(text, 32) is not None,
    "x-b3-spanid": lambda text: _id(text, 16) is not None,
    "x-b3-parentspanid": lambda text: _is_hex(text, 16),  # zeros say that there is none
    "x-b3-sampled": _STATES.__contains__,
    # "Absent or any other value can be ignored" (b3-propagation, Debug Flag): Finagle writes a sum of flags here.
    "x-b3-flags": lambda text: text.isascii() and text.isdigit(),
}


def _read_multi(headers: Mapping[str, str]) -> tuple[ZipkinContext | None, bool]:
    """What can be read, and whether that is all there is."""
    given = {name: _first(headers[name]) for name in _IS_READABLE if name in headers}
    whole = all(_IS_READABLE[name](text) for name, text in given.items())
    state = _STATES.get(given.get("x-b3-sampled", ""), 0)
    if given.get("x-b3-flags") == "1":
        state = _DEBUG
    trace_id, span_id, parent_id = (_id(given.get(name, ""), digits) for name, digits in _IDS)
    if trace_id is None or span_id is None:
        context = ZipkinContext(state=state | REMOTE) if state else None
        return context, whole and not any(name in given for name, _ in _IDS)
    return _received(trace_id, span_id, parent_id, state), whole


def _first(value: str) -> str:
    """The first of values that somebody joined with commas; they are worth what the first of several headers is."""
    return value.partition(",")[0].strip().lower()


def _is_hex(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and _HEX.issuperset(text)


def _id(text: str, longest: int) -> str | None:
    """An id of 16 digits, or of 32 where its high half is not zero; None where it is no id."""
    digits = text.lstrip("0")
    if not digits or not _is_hex(text, longest):
        return None
    return digits.zfill(16 if len(digits) <= 16 else 32)


def _received(trace_id: str, span_id: str, parent_id: str | None, state: int) -> ZipkinContext:
    # A root with itself as its parent comes from old clients; some backends follow such a parent without end.
    context = ZipkinContext(trace_id, span_id, None if parent_id == span_id else parent_id, state | REMOTE)
    # Who left the decision to us does not report: the id is ours to own then.
    context._once = SHARED if state & DECIDED else 0
    return context
