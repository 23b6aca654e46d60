"""Turns a span that a handler returned into one that every codec can write.

Rules: a value with an obvious meaning is kept: a number as text, a name alone as an endpoint.  A value without meaning is left
out.  A span cannot be sent only if it is no FinishedSpan or has no usable ids.  The span itself is changed: it belongs to the
reporter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ..codec.mending import MAX_TIME_US
from ..model import Endpoint, FinishedSpan, canonical_trace_id, parse_ip
from ..tags import KIND_OF_TAG, MAX_NAME_LENGTH, tag_texts
from ..text import MAX_KEY_LENGTH, inert, to_text

__all__ = ["Unsendable", "make_sendable"]

# The limit for values that are not text yet; a handler's own texts may be longer.
MAX_TEXT_LENGTH = 8192
MAX_PAIRS = 10_000

_HEX = re.compile("[0-9a-f]+", re.ASCII)


class Unsendable(Exception):
    """The error for a span that cannot be sent; its text tells why."""


def make_sendable(span: Any) -> FinishedSpan:
    """The span with each field of the type that codecs expect; raises Unsendable where that is impossible."""
    if not isinstance(span, FinishedSpan):
        raise Unsendable(f"{to_text(type(span), MAX_NAME_LENGTH)} in place of a FinishedSpan")
    span.trace_id = canonical_trace_id(_id("trace_id", _field(span, "trace_id"), 32))
    span.span_id = _id("span_id", _field(span, "span_id"), 16)
    span.parent_id = _parent_id(_field(span, "parent_id"), span.span_id)
    span.kind = _kind(_field(span, "kind"))
    span.name = _name(_field(span, "name")).lower()
    span.timestamp_us, span.duration_us = _time(_field(span, "timestamp_us")), _time(_field(span, "duration_us"))
    span.local, span.remote = _endpoint(_field(span, "local")), _endpoint(_field(span, "remote"))
    span.annotations = list(_annotations(_field(span, "annotations"), span.timestamp_us))
    span.tags = _tags(_field(span, "tags"))
    span.debug, span.shared = _flag(_field(span, "debug")), _flag(_field(span, "shared"))
    return span


def _field(span: FinishedSpan, name: str) -> Any:
    """The field's value; None where a handler has deleted the field."""
    return getattr(span, name, None)


def _id(name: str, given: Any, digits: int) -> str:
    if type(given) is str and len(given) == digits and _HEX.fullmatch(given) and given.strip("0"):
        return given
    if type(given) is int and 0 < given < 1 << 4 * digits:
        return f"{given:0{digits}x}"
    written = given.strip().lower() if type(given) is str else ""
    if not _HEX.fullmatch(written) or len(written.lstrip("0")) > digits or not written.strip("0"):
        raise Unsendable(f"the {name} {to_text(given, 60)!r}, which is no id of at most {digits} hexadecimal digits")
    return written.lstrip("0").zfill(digits)


def _parent_id(given: Any, span_id: str) -> str | None:
    if given is None:
        return None
    try:
        parent_id = _id("parent_id", given, 16)
    except Unsendable:
        return None
    return None if parent_id == span_id else parent_id


def _kind(given: Any) -> str | None:
    return None if given is None else KIND_OF_TAG.get(to_text(given, MAX_NAME_LENGTH).strip().lower())


def _name(given: Any) -> str:
    return given if type(given) is str else "" if given is None else to_text(given, MAX_NAME_LENGTH)


def _time(given: Any) -> int:
    """A time that fits into 63 bits; 0, which means unknown, for a negative number or anything that is no number."""
    if type(given) is not int:
        try:
            given = int(given)
        except Exception:  # text, nan, or an object of the application with an `__int__` that raises
            return 0
    return max(0, min(int(given), MAX_TIME_US))


def _endpoint(given: Any) -> Endpoint | None:
    """The endpoint in an Endpoint, a tuple or dict of its fields, or a name alone; None where no field is known."""
    if given is None:
        return None
    if issubclass(type(given), dict):
        known = dict(dict.items(given))
    else:
        known = dict(zip(Endpoint._fields, given if issubclass(type(given), tuple) else (given,), strict=False))
    port = _time(known.get("port"))
    endpoint = Endpoint(
        _name(known.get("service_name")).strip().lower(),
        parse_ip(_name(known.get("ipv4")))[0],
        parse_ip(_name(known.get("ipv6")))[1],
        port if port < 65536 else 0,
    )
    return endpoint if any(endpoint) else None


def _annotations(given: Any, timestamp_us: int) -> Iterable[tuple[int, str]]:
    """The annotations that are pairs; one without a time gets the begin of the span."""
    for at, value in _pairs(given):
        yield _time(at) or timestamp_us, _text(value)


def _tags(given: Any) -> dict[str, str]:
    pairs = dict.items(given) if issubclass(type(given), dict) else _pairs(given)
    keyed = {key if type(key) is str else to_text(key, MAX_KEY_LENGTH): value for key, value in pairs}
    if all(type(value) is str for value in keyed.values()) and "error" not in keyed:
        return keyed
    return tag_texts({key: value if type(value) is str else inert(key, value, MAX_TEXT_LENGTH) for key, value in keyed.items()})


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    """The pairs among the items of a mapping or of another iterable."""
    try:
        items = list(islice(given.items() if hasattr(given, "items") else given, MAX_PAIRS))
    except Exception:  # None, or an object that raises
        return []
    found = [tuple(each) for each in items if type(each) in (tuple, list)]
    return [(each[0], each[1]) for each in found if len(each) == 2]


def _text(given: Any) -> str:
    return given if type(given) is str else to_text(given, MAX_TEXT_LENGTH)


def _flag(given: Any) -> bool:
    try:
        return bool(given)
    except Exception:
        return False
