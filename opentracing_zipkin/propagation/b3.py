"""B3 in carriers of any class, and `traceparent` beside it; b3_text.py has what the headers say.

Rules: the usual names in a plain dict take a short way, in and out; anything else takes the careful one.  Reading never raises.
Writing uses lower-case names, lower-hex ids and 1 or 0, and leaves no header of another span.
Source: openzipkin/b3-propagation, README.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Mapping
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
from .b3_text import read_headers, write_single
from .frameworks import Frameworks
from .stale import B3_NAMES, Stale
from .w3c import TRACEPARENT

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["FORMATS", "B3Propagation"]

_ONE = "0000000000000001"  # what sorts before it begins with 16 zeros: no id, or one of 64 bits that somebody padded
_new = object.__new__
_ACCEPT = DECIDED | SAMPLED
_DEBUG = DECIDED | SAMPLED | DEBUG
_SAID = _DEBUG | MESSAGING  # the latter is the greatest
_PLAIN_STATES = {"1": _ACCEPT, "0": DECIDED}


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
        context, whole = read_headers(headers)
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
