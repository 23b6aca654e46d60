"""B3 as text: one header or five, leniently read, canonically written.

Rules: this file knows headers by their lower-case names, and no carriers.  Reading never raises and never widens an id; a
sampling decision survives malformed ids, so that a deny is not lost; a malformed `b3` gives way to `X-B3-*`.
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
_IDS = (("x-b3-traceid", 32), ("x-b3-spanid", 16), ("x-b3-parentspanid", 16))  # with how many digits they may have


def read_headers(headers: Mapping[str, str]) -> tuple[ZipkinContext | None, bool]:
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
