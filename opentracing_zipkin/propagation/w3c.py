"""W3C Trace Context: `traceparent` is strictly read and written; `tracestate` is passed on as it came.

Rules: B3 outranks `traceparent`.  Where B3 has no ids, `traceparent` gives the position in the trace.  A decision in B3
outranks the flag of `traceparent`, because the flag cannot tell "denied" from "left to you".  A span never shares the id in
`traceparent`.
Source: W3C Trace Context, level 1, 3.2 and 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..context import DECIDED, REMOTE, SAMPLED, W3C_FLAGS, ZipkinContext, hex_id, hex_span_id
from .attributes import MAX_ATTRIBUTES_BYTES, TRACESTATE, is_header_safe

__all__ = ["TRACEPARENT", "complete", "read_traceparent", "write", "write_traceparent"]

TRACEPARENT = "traceparent"

# Lower case only.  In a version after 00, more text may follow behind a dash.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_ZEROS = "0" * 16


def read_traceparent(value: str) -> ZipkinContext | None:
    """The context in a `traceparent`, always decided; None where it is malformed.

    A trace id whose high half is zero is a 64-bit id that was padded on the way, so the padding is removed.
    """
    match = _TRACEPARENT.fullmatch(value.strip(" \t"))
    if match is None or (match[1] == "00" and match[5] is not None):
        return None
    trace_id, flags = match[2], int(match[4], 16)
    state = DECIDED | SAMPLED if flags & 1 else DECIDED
    return ZipkinContext(trace_id.removeprefix(_ZEROS), match[3], None, state | REMOTE | (flags << 8 & W3C_FLAGS))


def write_traceparent(context: ZipkinContext) -> str:
    """A `traceparent` of version 00, with a 64-bit trace id padded to 32 digits; "" for a context without ids.

    The format knows only "sampled" and "not sampled", so the caller has to make an open decision before.  The other flags are
    those that were received with the trace.
    """
    trace_id, span_id = context._trace_id, context._span_id
    if trace_id is None or span_id is None:
        return ""
    flags = (context._state & W3C_FLAGS) >> 8 | (1 if context._state & SAMPLED else 0)
    return f"00-{hex_id(trace_id):0>32}-{hex_span_id(span_id)}-{flags:02x}"


def complete(context: ZipkinContext | None, headers: Mapping[str, str], is_w3c_written: bool) -> ZipkinContext | None:
    """The context from B3, with the position from `traceparent` where B3 gave none.

    If W3C headers are also written (`is_w3c_written`), the context gets the flags and the `tracestate` of the same trace.
    """
    received = read_traceparent(headers.get(TRACEPARENT, ""))
    if received is None:
        return context
    if context is None or context._trace_id is None:
        if context is not None:
            received._state = context._state | received._state & W3C_FLAGS
        context = received
    elif _padded(context) != _padded(received):
        return context
    if not is_w3c_written:
        return context
    context._state |= received._state & W3C_FLAGS
    tracestate = headers.get(TRACESTATE, "").replace("\t", " ").strip(" ")  # both characters are white space here
    if tracestate and _may_pass(tracestate):
        context._baggage = {TRACESTATE: tracestate}
    return context


def write(context: ZipkinContext, carrier: Any) -> None:
    """Write `traceparent`, and `tracestate` where there is one."""
    traceparent = write_traceparent(context)
    if traceparent:
        carrier[TRACEPARENT] = traceparent
        tracestate = (context._baggage or {}).get(TRACESTATE)
        if type(tracestate) is str and tracestate and _may_pass(tracestate):
            carrier[TRACESTATE] = tracestate


def _padded(context: ZipkinContext) -> str:
    return (context.trace_id or "").zfill(32)


def _may_pass(tracestate: str) -> bool:
    return len(tracestate) <= MAX_ATTRIBUTES_BYTES and is_header_safe(tracestate)
