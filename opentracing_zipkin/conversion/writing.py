"""Spans as text for people and programs, or as a message in one of Zipkin's encodings.

Rules: text for a terminal contains no character that would control it.  A message is written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ..codec import encoder_named, json_v2
from ..drawing.trees import traces_of
from ..drawing.waterfall import Style, trace_lines
from ..model import FinishedSpan

__all__ = ["BINARY", "message", "text_lines"]

BINARY = ("proto3", "thrift")


def text_lines(spans: Iterable[FinishedSpan], form: str, style: Style, is_terminal: bool) -> Iterator[str]:
    """The lines of a form: `lines` (one span on each line, JSON of version 2), `pretty` (an indented list) or `tree`."""
    if form == "tree":
        yield from _trees(spans, style)
        return
    for line in _lines(spans) if form == "lines" else _pretty(spans):
        yield _escaped(line) if is_terminal else line


def message(spans: Iterable[FinishedSpan], encoding: str) -> bytes:
    """The spans as one message."""
    encoder = encoder_named(encoding)
    return encoder.join([encoder.encode(span) for span in spans])


def _trees(spans: Iterable[FinishedSpan], style: Style) -> Iterator[str]:
    found: list[FinishedSpan] = []
    try:
        found.extend(spans)
    finally:  # the spans before a wrong place are worth drawing, too
        for number, trace in enumerate(traces_of(found)):
            if number:
                yield ""
            yield from trace_lines(trace, style)


def _lines(spans: Iterable[FinishedSpan]) -> Iterator[str]:
    return (json_v2.encode(span).decode() for span in spans)


def _pretty(spans: Iterable[FinishedSpan]) -> Iterator[str]:
    before = "["
    for line in _lines(spans):
        yield before
        *first, last = json.dumps(json.loads(line), indent=2, ensure_ascii=False).splitlines()
        yield from (f"  {one}" for one in first)
        before = f"  {last},"
    if before == "[":
        yield "[]"
    else:
        yield before[:-1]
        yield "]"


def _escaped(line: str) -> str:
    """JSON with escapes for characters that are not printable; these are only inside strings."""
    if line.isprintable():
        return line
    return "".join(
        one if one.isprintable() else json.dumps(one)[1:-1] if ord(one) > 127 or ord(one) < 32 else "\\u007f" for one in line
    )
