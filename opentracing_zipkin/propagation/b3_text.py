"""B3 as text: one header or five, leniently read, canonically written.

Rules: this file knows headers by their lower-case names, and no carriers.  Reading never raises and never makes an id longer.
A sampling decision survives malformed ids, so that a deny is not lost.  If `b3` is malformed, `X-B3-*` count instead.
Source: openzipkin/b3-propagation, README.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping

from ..context import DEBUG, DECIDED, REMOTE, SAMPLED, SHARED, ZipkinContext, hex_id, hex_span_id

__all__ = ["read_headers", "read_single", "write_single"]

_HEX = frozenset(string.hexdigits)
_ACCEPT = DECIDED | SAMPLED
_DEBUG = DECIDED | SAMPLED | DEBUG
_STATES = {"1": _ACCEPT, "true": _ACCEPT, "0": DECIDED, "false": DECIDED}
_SINGLE_STATES = {**_STATES, "d": _DEBUG}
_STATE_TEXTS = {_ACCEPT: "1", DECIDED: "0", _DEBUG: "d"}
_IDS = (("x-b3-traceid", 32), ("x-b3-spanid", 16), ("x-b3-parentspanid", 16))  # with the most digits that each may have


def read_headers(headers: Mapping[str, str]) -> tuple[ZipkinContext | None, bool]:
    """The context in B3 headers, and whether all B3 headers could be read.

    A complete `b3` header counts first, then `X-B3-*`, then the readable part of a malformed `b3`.  A deny in any of them
    counts.
    """
    single, single_whole = _parse_single(headers["b3"]) if "b3" in headers else (None, True)
    if single is not None and single_whole and single._state & DECIDED:
        return single, True
    multi, multi_whole = _read_multi(headers)
    whole = single_whole and multi_whole
    if single is None or multi is None:
        return single or multi, whole
    return _merged(single, multi, single_whole), whole


def write_single(context: ZipkinContext, parent: bool = True) -> str:
    """The value of the `b3` header; "" for a context that has neither ids nor a decision."""
    state = _STATE_TEXTS.get(context._state & _DEBUG, "")
    if context._trace_id is None:
        return state
    parts = [hex_id(context._trace_id), hex_span_id(context._span_id)]  # type: ignore[arg-type]  # both ids are set together
    if state:
        parts.append(state)
    if parent and context._parent_id is not None:
        parts.append(hex_span_id(context._parent_id))
    return "-".join(parts)


def read_single(value: str) -> ZipkinContext | None:
    """The context in a `b3` header; only its decision where the rest is malformed; None where nothing can be read."""
    return _parse_single(value)[0]


def _parse_single(value: str) -> tuple[ZipkinContext | None, bool]:
    """The readable part, and whether it is the whole value."""
    parts = _first(value).split("-", 5)
    if len(parts) == 1:
        alone = _SINGLE_STATES.get(parts[0])
        return (None, False) if alone is None else (ZipkinContext(state=alone | REMOTE), True)
    trace_id, span_id, rest = _id(parts[0], 32), _id(parts[1], 16), parts[2:]
    state = 0
    if rest and rest[0] in _SINGLE_STATES:
        state = _SINGLE_STATES[rest.pop(0)]
    parent_id = None
    # Without a state before it, only a text of 16 digits is a parent: "2", for instance, is a state that does not exist.
    if rest and (state or len(rest[0]) == 16) and _is_hex(rest[0], 16):
        parent_id = _id(rest.pop(0), 16)
    if trace_id is None or span_id is None or rest:
        return (ZipkinContext(state=state | REMOTE) if state else None), False
    return _received(trace_id, span_id, parent_id, state), True


def _merged(single: ZipkinContext, multi: ZipkinContext, whole: bool) -> ZipkinContext:
    """One context from readable `X-B3-*` and a `b3` header; `whole`: the `b3` header is complete, but has no decision.

    A `b3` header that is not complete gives its decision only.
    """
    if whole:
        return _decided(single, multi._state)
    # The two headers contradict each other, and one of them is malformed: the deny wins, because it must not get lost.
    return multi if multi._state & DECIDED and single._state & SAMPLED else _decided(multi, single._state)


def _decided(context: ZipkinContext, state: int) -> ZipkinContext:
    if state & DECIDED:
        context._state = state
        if context._trace_id is not None:
            context._once = SHARED
    return context


# For each header, whether its value can be read.
_IS_READABLE: dict[str, Callable[[str], bool]] = {
    "x-b3-traceid": lambda text: _id(text, 32) is not None,
    "x-b3-spanid": lambda text: _id(text, 16) is not None,
    "x-b3-parentspanid": lambda text: _is_hex(text, 16),  # zeros mean that there is no parent
    "x-b3-sampled": _STATES.__contains__,
    # "Absent or any other value can be ignored" (b3-propagation, Debug Flag): Finagle writes a sum of flags here.
    "x-b3-flags": lambda text: text.isascii() and text.isdigit(),
}


def _read_multi(headers: Mapping[str, str]) -> tuple[ZipkinContext | None, bool]:
    """The context in `X-B3-*` headers as far as they can be read, and whether all of them could be read."""
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
    """The first of several values that were joined with commas, as the first of several headers counts."""
    return value.partition(",")[0].strip().lower()


def _is_hex(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and _HEX.issuperset(text)


def _id(text: str, longest: int) -> str | None:
    """An id of 16 digits, or of 32 where its high half is not zero; None where the text is no id.

    This is `canonical_trace_id` without the call, because the zeros are counted here anyway.
    """
    digits = text.lstrip("0")
    if not digits or not _is_hex(text, longest):
        return None
    return digits.zfill(16 if len(digits) <= 16 else 32)


def _received(trace_id: str, span_id: str, parent_id: str | None, state: int) -> ZipkinContext:
    # Old clients send a root with itself as its parent; some backends follow such a parent without end.
    context = ZipkinContext(trace_id, span_id, None if parent_id == span_id else parent_id, state | REMOTE)
    # A caller that left the decision to us does not report the span.  So the span's id is ours alone, and not shared.
    context._once = SHARED if state & DECIDED else 0
    return context
