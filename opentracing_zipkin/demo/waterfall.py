"""A trace as lines of text: one row a span, with a bar to scale.

Rules: pure functions of spans and a Style; nothing here looks at the terminal but `style_of`.  Text that came over the wire
loses its control characters.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

from .trees import Json, Node, grow, key_of, walk

__all__ = ["Style", "render", "style_of"]

MIN_WIDTH, MAX_WIDTH = 72, 120
_MARKS = "└├│─█✗"


class Style(NamedTuple):
    """What the terminal can show."""

    width: int = 100
    colour: bool = False
    marks: bool = True  # characters for branches and bars, beyond ASCII

    def paint(self, code: str, text: str) -> str:
        """`text` in an ANSI rendition, for instance "31" for red."""
        return f"\033[{code}m{text}\033[0m" if self.colour and text else text


def style_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Style:
    """The style of a stream: colour on a terminal and without NO_COLOR, branches where the encoding has them."""
    tty = stream.isatty()
    colour = tty and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if tty else Style().width
    return Style(max(MIN_WIDTH, min(width, MAX_WIDTH)), colour, _encodes(stream.encoding, _MARKS))


def _encodes(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class _Row(NamedTuple):
    service: str
    name: str
    kind: str
    span: Json
    below: str  # the branches that pass by under this row


def render(spans: Sequence[Json], style: Style) -> list[str]:
    """The trace's rows: service, name in its place in the tree, kind, bar, duration; below a failed span its error."""
    rows = [_row(node, ancestry, style) for node, ancestry in walk(grow(spans))]
    if not rows:
        return []
    service_width = max(len(row.service) for row in rows)
    name_width = max(len(row.name) for row in rows)
    # Two blanks after each column, kinds are up to 8 long, the duration and the error mark take 12.
    bar_width = max(10, style.width - service_width - name_width - 8 - 6 - 12)
    start, total = _extent(spans)
    lines = []
    for row in rows:
        error = row.span.get("tags", {}).get("error")
        bar = style.paint(_colour_of(row) if error is None else "31", _bar(row.span, start, total, bar_width, style))
        head = f"{row.service:{service_width}}  {row.name:{name_width}}  {row.kind:8}  "
        mark = "" if error is None else " " + style.paint("1;31", "✗" if style.marks else "x")
        lines.append(f"{head}{bar}{_milliseconds(row.span)}{mark}")
        if error is not None:
            below = f"{'':{service_width}}  {row.below}"
            lines.append(below + style.paint("31", _clean(error)[: style.width - len(below)]))
    return lines


def _row(node: Node, ancestry: tuple[bool, ...], style: Style) -> _Row:
    key = key_of(node.span)
    blank, through, fork, end = ("  ", "│ ", "├─", "└─") if style.marks else ("  ", "| ", "|-", "`-")
    # The roots themselves stand at the margin.
    passing = "".join(blank if last else through for last in ancestry[1:-1])
    branch, beside = ("", "") if len(ancestry) == 1 else (end, blank) if ancestry[-1] else (fork, through)
    name = passing + branch + (_clean(key.name) or "(no name)")
    below = passing + beside + (through if node.children else blank)
    return _Row(_clean(key.service) or "?", name, _clean(key.kind.lower())[:8] or "local", node.span, below)


def _milliseconds(span: Json) -> str:
    return f"{span['duration'] / 1000:7.1f} ms" if span.get("duration") else f"{'-':>7}   "


def _extent(spans: Sequence[Json]) -> tuple[int, int]:
    """When the trace begins and how long it is, in µs."""
    timed = [span for span in spans if span.get("timestamp")]
    start = min((span["timestamp"] for span in timed), default=0)
    end = max((span["timestamp"] + span.get("duration", 0) for span in timed), default=0)
    return start, max(1, end - start)


def _bar(span: Json, start: int, total: int, width: int, style: Style) -> str:
    if not span.get("timestamp"):
        return " " * width
    left: int = min(width - 1, (span["timestamp"] - start) * width // total)
    length: int = max(1, min(width - left, round(span.get("duration", 0) * width / total)))
    return (" " * left + ("█" if style.marks else "#") * length).ljust(width)


_COLOURS = ("36", "35", "33", "34", "32")


def _colour_of(row: _Row) -> str:
    """A colour a service, the same in every trace and every run."""
    return _COLOURS[sum(row.service.encode()) % len(_COLOURS)]


def _clean(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
