"""Zipkin's JSON, version 2, read: bytes of any origin become spans, or a ValueError with the reason.

Rules: what a real server takes is taken and made the same (ids padded, names in lower case, numbers read as text where text
belongs); what it refuses is refused, the whole list for one bad span, with the value and where it stands.
Source: openzipkin/zipkin, V2SpanReader and Span; behaviour measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from ..model import Endpoint, FinishedSpan, parse_ip

__all__ = ["decode"]

_KINDS = frozenset(("CLIENT", "SERVER", "PRODUCER", "CONSUMER"))
_MOST = (1 << 63) - 1
_LOWER_HEX = re.compile("[0-9a-f]+", re.ASCII)
_INTEGER = re.compile("-?[0-9]{1,40}", re.ASCII)


class _Number(str):
    """A number as it was written: where text is expected, it is text."""

    __slots__ = ()


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"malformed JSON: {text} is no JSON value")


# Not strict: control characters inside strings are taken, as the server does.
_PARSER = json.JSONDecoder(strict=False, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant)


def decode(body: bytes) -> list[FinishedSpan]:
    """The spans in a JSON list; an empty body holds none, and what follows the list is ignored."""
    text = body.decode(errors="replace").lstrip("\r\n")
    if not text:
        return []
    if not text.startswith("["):
        raise ValueError(f"expected a JSON list of version 2 spans, got {text[:20]!r}")
    # The server tells the versions apart by this: a span it would refuse is refused here too.
    if 'yAnnotations"' in text:
        raise ValueError("expected a JSON list of version 2 spans, got version 1 (a string ends with 'yAnnotations')")
    return [_span(fields, f"$[{index}]") for index, fields in enumerate(_parse(text))]


def _parse(text: str) -> list[Any]:
    try:
        spans: list[Any] = _PARSER.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        raise ValueError(f"malformed JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("malformed JSON: nested too deeply") from error
    return spans


def _span(fields: Any, where: str) -> FinishedSpan:
    if not isinstance(fields, dict):
        raise ValueError(f"{where} is {_shown(fields)}; a span is an object")
    span_id = _id(fields, "id", 16, where)
    parent_id = None if fields.get("parentId") is None else _parent_id(fields, where)
    kind = _kind(fields.get("kind"), where)
    return FinishedSpan(
        _trace_id(fields, where),
        span_id,
        None if parent_id == span_id else parent_id,
        kind,
        _optional_text(fields, "name", where).lower(),
        _positive(fields, "timestamp", where),
        _positive(fields, "duration", where),
        _endpoint(fields.get("localEndpoint"), f"{where}.localEndpoint"),
        _endpoint(fields.get("remoteEndpoint"), f"{where}.remoteEndpoint"),
        _annotations(fields.get("annotations"), f"{where}.annotations"),
        _tags(fields.get("tags"), f"{where}.tags"),
        _flag(fields, "debug", where),
        _flag(fields, "shared", where) and kind != "CLIENT",
    )


def _shown(value: Any) -> str:
    """A value in a message: as in JSON, and not all of it."""
    text = str(value) if isinstance(value, _Number) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where} is {_shown(value)}; a string is expected")
    if value.isascii():
        return str(value)
    return value.encode(errors="replace").decode()  # a lone surrogate becomes "?"


def _optional_text(fields: dict[str, Any], key: str, where: str) -> str:
    value = fields.get(key)
    return "" if value is None else _text(value, f"{where}.{key}")


def _hex(fields: dict[str, Any], key: str, longest: int, where: str) -> str:
    if fields.get(key) is None:
        raise ValueError(f"{where}.{key} is missing")
    text = _text(fields[key], f"{where}.{key}")
    if len(text) > longest or not _LOWER_HEX.fullmatch(text):
        raise ValueError(f"{where}.{key} is {_shown(text)}; it should be lower-hex without prefix, 1 to {longest} characters")
    return text


def _id(fields: dict[str, Any], key: str, longest: int, where: str) -> str:
    text = _hex(fields, key, longest, where)
    if not text.strip("0"):
        raise ValueError(f"{where}.{key} is {_shown(text)}; an id is not zero")
    return text.zfill(16)


def _trace_id(fields: dict[str, Any], where: str) -> str:
    text = _id(fields, "traceId", 32, where)
    # A 128-bit id whose high half is zero is a 64-bit one, padded by someone on the way.
    return text.zfill(32) if len(text.lstrip("0")) > 16 else text[-16:]


def _parent_id(fields: dict[str, Any], where: str) -> str | None:
    text = _hex(fields, "parentId", 16, where)
    return text.zfill(16) if text.strip("0") else None


def _kind(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _KINDS:
        raise ValueError(f"{where}.kind is {_shown(value)}; use {', '.join(sorted(_KINDS))}")
    return value


def _integer(value: Any, where: str) -> int:
    """A whole number, written in any way; over 63 bits it is the greatest."""
    text = _text(value, where)
    if _INTEGER.fullmatch(text):
        return min(int(text), _MOST)
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if not number.is_integer():
        raise ValueError(f"{where} is {_shown(value)}; a whole number is expected")
    return min(int(number), _MOST)


def _positive(fields: dict[str, Any], key: str, where: str) -> int:
    """A number of microseconds; 0 where it is absent or says nothing."""
    value = fields.get(key)
    return 0 if value is None else max(0, _integer(value, f"{where}.{key}"))


def _flag(fields: dict[str, Any], key: str, where: str) -> bool:
    value = fields.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{where}.{key} is {_shown(value)}; true or false is expected")
    return bool(value)


def _endpoint(fields: Any, where: str) -> Endpoint | None:
    """The endpoint in an object, None where it says nothing."""
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise ValueError(f"{where} is {_shown(fields)}; an object is expected")
    ipv4, ipv6 = "", ""
    for key in ("ipv4", "ipv6"):  # each may hold the other
        found4, found6 = parse_ip(_optional_text(fields, key, where))
        ipv4, ipv6 = ipv4 or found4, ipv6 or found6
    port = _positive(fields, "port", where)
    if port > 65535:
        raise ValueError(f"{where}.port is {port}; a port is at most 65535")
    endpoint = Endpoint(_optional_text(fields, "serviceName", where).lower(), ipv4, ipv6, port)
    return endpoint if any(endpoint) else None


def _annotations(items: Any, where: str) -> list[tuple[int, str]]:
    """By time, each once."""
    if items is None:
        return []
    if not isinstance(items, list):
        raise ValueError(f"{where} is {_shown(items)}; a list is expected")
    return sorted({_annotation(item, f"{where}[{index}]") for index, item in enumerate(items)})


def _annotation(fields: Any, where: str) -> tuple[int, str]:
    if not isinstance(fields, dict) or fields.get("timestamp") is None or fields.get("value") is None:
        raise ValueError(f"{where} is {_shown(fields)}; an object with timestamp and value is expected")
    return _integer(fields["timestamp"], f"{where}.timestamp"), _text(fields["value"], f"{where}.value")


def _tags(fields: Any, where: str) -> dict[str, str]:
    """By key."""
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise ValueError(f"{where} is {_shown(fields)}; an object is expected")
    return {_text(key, where): _text(value, f"{where}.{key}") for key, value in sorted(fields.items())}
