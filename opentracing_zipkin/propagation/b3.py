"""B3 in carriers of any class, and `traceparent` beside it; b3_text.py knows the text of the headers.

Rules: a plain dict with the usual names takes the fast path, both for reading and for writing.  Any other carrier takes the
careful path.  Reading never raises.  Writing uses lower-case names, lower-hex ids and 1 or 0, and leaves no header of another
span.
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
from ..option import check_group
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

_ONE = "0000000000000001"  # a smaller text begins with 16 zeros: it is no id, or a 64-bit id that was padded
_new = object.__new__
_ACCEPT = DECIDED | SAMPLED
_DEBUG = DECIDED | SAMPLED | DEBUG
_WRITTEN_BITS = _DEBUG | MESSAGING  # MESSAGING is the greatest of these bits
_PLAIN_STATES = {"1": _ACCEPT, "0": DECIDED}


class B3Propagation:
    """Reads every form of B3, and writes the form it was made for.  May be used from any thread.

    The arguments are the settings of the group PropagationOptions, as in docs/reference/configuration.md; `b3_format` may stand
    first, without its name.  Raises ValueError that names a wrong value and the remedy.
    """

    def __init__(self, b3_format: str | None = None, /, **given: Unpack[PropagationOptions]) -> None:
        own = check_group(
            "B3Propagation()", PropagationOptions, given if b3_format is None else {**given, "b3_format": b3_format}
        )
        w3c: bool = own["w3c"]
        self._multi = own["b3_format"] != "single"
        self._single = own["b3_format"] != "multi"
        self._w3c = self.decided = w3c  # `traceparent` always contains a decision
        self._more = self._single or w3c
        self.attributes = Attributes(own["baggage_fields"])
        self._stale = Stale(self.attributes, w3c)
        self._clean_names = self._stale.clean_names
        self.trusted: bool = own["trust_incoming"]
        if not self.trusted:
            self.extract = self._extract_untrusted  # type: ignore[method-assign]  # so a trusting one pays nothing
        self._plans: dict[str, _Plan] = {}  # by the names of a carrier
        self.malformed = 0  # carriers whose B3, or whose `traceparent` instead of it, could not be read completely
        # Names, or parts of them, that are not B3 and are always read: in lower case, with "-" or, as in a WSGI environ, "_".
        marks = [PREFIX, *self.attributes.names, *([TRACEPARENT] if w3c else [])]
        self._marks = re.compile("|".join(re.escape(mark).replace(r"\-", "[-_]") for mark in marks))
        self._frameworks = Frameworks(lambda name: "b3" in name or TRACEPARENT in name or self._marks.search(name) is not None)

    def inject(self, context: ZipkinContext, carrier: Any, /) -> None:
        # The class of an empty carrier is not checked: this saves 3 % of an `inject` into a dict (Python 3.11, 2026-11).  An
        # empty carrier that is no mapping raises when it is written to.
        try:
            if carrier and (type(carrier) is not dict or not self._clean_names.issuperset(carrier)):
                if type(carrier) is not dict:
                    self._inject_elsewhere(context, carrier)
                    return
                self._stale.remove(carrier)
            bits = context._state & _WRITTEN_BITS
            if self._multi and bits < MESSAGING:
                trace_id: Any = context._trace_id
                if trace_id is not None:
                    span_id: Any = context._span_id
                    parent_id: Any = context._parent_id
                    # The text is kept in the context: for the next call, for the span's own record and for its children.
                    if type(trace_id) is not str:
                        context._trace_id = trace_id = hex_id(trace_id)
                    if type(span_id) is not str:  # `hex_span_id` repeated here: a span's first call takes 8 % less time
                        context._span_id = span_id = (span_id & LOW_64_BITS).to_bytes(8, "big").hex()
                    carrier["x-b3-traceid"] = trace_id
                    carrier["x-b3-spanid"] = span_id
                    if parent_id is not None:
                        if type(parent_id) is not str:
                            context._parent_id = parent_id = hex_span_id(parent_id)
                        carrier["x-b3-parentspanid"] = parent_id
                if bits == _ACCEPT:
                    carrier["x-b3-sampled"] = "1"
                elif bits & DEBUG:
                    carrier["x-b3-flags"] = "1"
                elif bits & DECIDED:
                    carrier["x-b3-sampled"] = "0"
            if bits >= MESSAGING or self._more:
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
        """Write into a carrier of any class the headers that a dict would get, in place of stale ones."""
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
            except TypeError:  # a key that is not text
                return self._extract(headers_of(carrier))
            # The same clients send the same names again and again.  So the reading plan is made once, which saves an eighth of
            # the time.
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
        """The plan for reading a carrier with these names."""
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
        """The context of headers in any spelling and with any mistake: B3, the additions of `traceparent`, and attributes."""
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
            log.warning("zipkin: malformed %s headers; the unreadable parts are ignored (logged once): %r", kind, shown)


# The two spellings that libraries write, and the two that frameworks make of them: trace id, span id, parent id, sampled.
_LOWER = ("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled")
_CANONICAL = ("X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled")
_TITLE = ("X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled")  # Django
_ENVIRON = ("HTTP_X_B3_TRACEID", "HTTP_X_B3_SPANID", "HTTP_X_B3_PARENTSPANID", "HTTP_X_B3_SAMPLED")  # WSGI
_SPELLINGS = (_LOWER, _CANONICAL, _TITLE, _ENVIRON)

# The names of the trace id, the span id, the parent id and the decision; the last two are None where they are absent.
_Plan = tuple[str, str, str | None, str | None]
_NOTHING: _Plan = ("", "", None, None)
_CAREFULLY: _Plan = ("", "", None, "")  # any other spelling, or other headers to read beside B3


def _read_plain(carrier: dict[str, Any], plan: _Plan) -> ZipkinContext | None:
    """The usual headers in their usual form, read in a third of the time; None where anything is unusual."""
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
        unhexlify(text)  # raises for anything but hexadecimal digits; but it also accepts capitals
        if text.lower() != text:
            return None
        if len(trace_id) not in (32, 16) or len(span_id) != 16 or trace_id < _ONE or span_id < _ONE:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    context = _new(ZipkinContext)  # slots set here directly: 100 ns less than a call of the class
    context._trace_id = trace_id
    context._span_id = span_id
    context._parent_id = parent_id
    context._state = state | REMOTE
    context._baggage = None
    context._offset = 0
    context._paired_at = None
    context._once = SHARED if state else 0
    return context
