"""Headers that a service forwards, among them those of its caller: spellings, contexts, and a check of the result of `inject`.

Rules: this file knows no class of carriers; those of the standard library are in test_stale, those of other packages in
tests/interop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentracing_zipkin import ZipkinContext
from opentracing_zipkin.context import DEBUG, DECIDED, MESSAGING, SAMPLED
from opentracing_zipkin.propagation.b3 import B3Propagation

__all__ = ["CASE_SPELLINGS", "FORMATS", "SPELLINGS", "check_replaced", "stale_pairs"]

TRACE, SPAN, PARENT = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "0020000000000001"
OTHER_TRACE, OTHER_SPAN = "0123456789abcdef0123456789abcdef", "0123456789abcdef"

STALE = {
    "b3": f"{OTHER_TRACE}-{OTHER_SPAN}-1-{PARENT}",
    "x-b3-traceid": OTHER_TRACE,
    "x-b3-spanid": OTHER_SPAN,
    "x-b3-parentspanid": "00000000000000aa",
    "x-b3-sampled": "1",
    "x-b3-flags": "1",
    "ot-baggage-user": "old",
    "ot-baggage-removed": "old",
    "x-request-id": "old",
    "x-tenant": "old",
}
STALE_W3C = {"traceparent": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01", "tracestate": "old=1"}
CANONICAL = {
    "x-b3-traceid": "X-B3-TraceId",
    "x-b3-spanid": "X-B3-SpanId",
    "x-b3-parentspanid": "X-B3-ParentSpanId",
    "ot-baggage-user": "OT-Baggage-User",
}

Spelling = Callable[[str], str]

# Spellings that differ only in case; the classes of frameworks compare names without regard to case.
CASE_SPELLINGS: dict[str, Spelling] = {
    "lower": str,
    "canonical": lambda name: CANONICAL.get(name, name.title()),
    "title": str.title,
    "upper": str.upper,
    "capitalised": str.capitalize,  # urllib.request
    "mixed": lambda name: "".join(char.upper() if place % 3 else char for place, char in enumerate(name)),
}
SPELLINGS: dict[str, Spelling] = {
    **CASE_SPELLINGS,
    "underscores": lambda name: name.replace("-", "_"),
    "environ": lambda name: "HTTP_" + name.upper().replace("-", "_"),
}

FORMATS = [(b3_format, w3c) for b3_format in ("multi", "single", "both") for w3c in (False, True)]

_STATES = {
    "accept": DECIDED | SAMPLED,
    "deny": DECIDED,
    "debug": DECIDED | SAMPLED | DEBUG,
    "deferred": 0,
    "producer": DECIDED | SAMPLED | MESSAGING,
}
_BAGGAGE = {"user": "new", "X_Request_Id": "7f3a", "tracestate": "new=1"}


def contexts() -> list[ZipkinContext]:
    """Contexts with and without ids, parent and attributes, in each state."""
    return [
        ZipkinContext(*ids, state, baggage)
        for ids in ((TRACE, SPAN, None), (TRACE, SPAN, PARENT), (None, None, None))
        for state in _STATES.values()
        for baggage in (None, _BAGGAGE)
    ]


def stale_pairs(spelling: Spelling, w3c: bool) -> list[tuple[str, str]]:
    """A header that is not replaced, and all headers that are; some of them twice."""
    stale = [(spelling(name), value) for name, value in {**STALE, **(STALE_W3C if w3c else {})}.items()]
    return [("host", "h"), *stale, *stale[:4]]


def facts(context: ZipkinContext | None) -> object:
    if context is None:
        return None
    return context.trace_id, context.span_id, context.parent_id, context.sampled, context.debug, dict(context.baggage)


def check_replaced(
    make: Callable[[list[tuple[str, str]]], Any], raw: Callable[[Any], Iterable[tuple[Any, Any]]], spelling: Spelling
) -> None:
    """Check, for each format and context, that a carrier has the headers of an empty dict plus those that were not stale."""
    for b3_format, w3c in FORMATS:
        propagation = B3Propagation(b3_format, w3c=w3c, baggage_fields=["x-request-id", "X-Tenant"])
        for context in contexts():
            carrier, fresh = make(stale_pairs(spelling, w3c)), dict[str, str]()
            propagation.inject(context, fresh)
            for _ in range(2):  # the second call is a retry
                propagation.inject(context, carrier)
                pairs = sorted((_text(name).lower(), _text(value)) for name, value in raw(carrier))

                assert sorted({**fresh, "host": "h"}.items()) == pairs, (b3_format, w3c, context)
                assert facts(propagation.extract(fresh)) == facts(propagation.extract(carrier)), (b3_format, w3c, context)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
