"""The first inputs for fuzzing: well-formed and malformed ones from the conformance tables, a few of each shape."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opentracing_zipkin.codec import ENCODINGS

__all__ = ["seeds_of"]

_TABLES = Path(__file__).parents[2] / "conformance"
_TRACE, _SPAN = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312"
_TRACEPARENTS = [f"00-{_TRACE}-{_SPAN}-01", f"00-{'0' * 16}{_TRACE[:16]}-{_SPAN}-00", f"cc-{_TRACE}-{_SPAN}-03-what-follows"]


def seeds_of(name: str) -> list[bytes]:
    """The inputs for the property of this name."""
    if name in ENCODINGS:
        return list(_messages(name))
    if name == "file":
        return [message for encoding in ENCODINGS for message in _messages(encoding)]
    seeds = [_lines(case["headers"]) for case in _cases("b3.json")]
    return [*seeds, *(text.encode() for text in _TEXTS[name])]


_TEXTS = {
    "headers": [
        f"traceparent: {each}\ntracestate: a=1,b=2\nx-request-id: 7%C3%A4\not-baggage-k: a%20b" for each in _TRACEPARENTS
    ],
    "deny": [f"zz\n{_SPAN}\n{_SPAN}\n1\n{each}" for each in _TRACEPARENTS],
    "traceparent": _TRACEPARENTS,
    "attributes": ["k: v\nX-Request-Id:%41%C3%A4 \nuser_id:50 %\nä:ö"],
    "carrier": [f"{_TRACE}-{_SPAN}-1\not-baggage-k: a%20b", "ot-baggage-k: v", "0"],
}


def _cases(table: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((_TABLES / table).read_text())["cases"]
    return cases


def _lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in pairs).encode()


def _messages(encoding: str) -> Iterable[bytes]:
    for case in _cases("spans.json"):
        message = case.get(encoding)
        if message is not None:
            yield message.encode() if encoding.startswith("json") else bytes.fromhex(message)
