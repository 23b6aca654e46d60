"""A trace as lines of text: one row for each span, with a bar to scale.

Rules: the functions depend on spans and a Style only; `style_of` alone looks at the terminal.  Text from other programs loses
its control characters.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import NamedTuple, TextIO

from ..model import FinishedSpan
from .cells import clean, fitted, width_of
from .trees import Node, roots_of, service_of, walk

__all__ = ["Style", "render", "style_of", "trace_lines"]

MIN_WIDTH, MAX_WIDTH = 60, 500
MAX_SERVICE_WIDTH = 20
MAX_DRAWN_LEVELS = 30  # levels that are drawn; deeper spans are placed at the last one
MIN_BAR_WIDTH = 10
# Two blanks after each of three columns, kinds of at most 8 characters, and 12 for the duration and the error mark.
_FIXED_WIDTH = 6 + 8 + 12
_MARKS = "└├│─█✗…"


class Style(NamedTuple):
    """The abilities of a terminal."""

    width: int = 100
    colour: bool = False
    marks: bool = True  # whether it shows the characters beyond ASCII for branches and bars

    def paint(self, code: str, text: str) -> str:
        """`text` in an ANSI rendition, for instance "31" for red."""
        return f"\033[{code}m{text}\033[0m" if self.colour and text else text

    @property
    def cut(self) -> str:
        """The mark at the end of a text that was cut."""
        return "…" if self.marks else "~"


def style_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Style:
    """The style of a stream: the width of its terminal, branches if its encoding has them, colour on a terminal.

    NO_COLOR and TERM=dumb turn colour off, FORCE_COLOR turns it on, even in a pipe; NO_COLOR wins.
    Source: no-color.org, force-color.org.
    """
    tty = stream.isatty()
    colour = bool(environment.get("FORCE_COLOR")) or (tty and environment.get("TERM") != "dumb")
    width = shutil.get_terminal_size().columns if tty else Style().width
    return Style(
        max(MIN_WIDTH, min(width, MAX_WIDTH)), colour and not environment.get("NO_COLOR"), _can_encode(stream.encoding, _MARKS)
    )


def _can_encode(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def trace_lines(spans: Sequence[FinishedSpan], style: Style) -> list[str]:
    """A trace below a header line: its begin (UTC), its duration, the number of its spans and services, and its id."""
    start, total = _extent(spans)
    services = len({service_of(span) for span in spans})
    failed = sum("error" in span.tags for span in spans)
    facts = [
        _date(start) if start else "at an unknown time",
        f"{total / 1000:.1f} ms",
        _number(len(spans), "span"),
        _number(services, "service"),
        *([style.paint("31", _number(failed, "error"))] if failed else []),
    ]
    return [
        f"{style.paint('1', f'trace {max((span.trace_id for span in spans), key=len)}')}  {', '.join(facts)}",
        *render(spans, style),
    ]


def _date(us: int) -> str:
    try:
        return f"{datetime.fromtimestamp(us // 1_000_000, timezone.utc):%Y-%m-%d %H:%M:%S}.{us // 1000 % 1000:03}Z"
    except (ValueError, OverflowError, OSError):  # a year with more than four digits
        return "at a time out of range"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


class _Row(NamedTuple):
    service: str
    name: str
    kind: str
    span: FinishedSpan
    below: str  # the branches under this row that lead to later rows


def render(spans: Sequence[FinishedSpan], style: Style) -> list[str]:
    """The trace's rows: service, name in its tree, kind, bar, duration; the error stands below a failed span."""
    rows = [_row(node, ancestry, style) for node, ancestry in walk(roots_of(spans))]
    if not rows:
        return []
    service_width = min(MAX_SERVICE_WIDTH, max(width_of(row.service) for row in rows))
    room = style.width - service_width - _FIXED_WIDTH
    name_width = min(room - MIN_BAR_WIDTH, max(width_of(row.name) for row in rows))
    start, total = _extent(spans)
    lines = []
    for row in rows:
        error = row.span.tags.get("error")
        bar = style.paint(_colour_of(row) if error is None else "31", _bar(row.span, start, total, room - name_width, style))
        head = f"{fitted(row.service, service_width, style.cut)}  {fitted(row.name, name_width, style.cut)}  {row.kind:8}  "
        mark = "" if error is None else " " + style.paint("1;31", "✗" if style.marks else "x")
        lines.append(f"{head}{bar}{_milliseconds(row.span)}{mark}")
        if error is not None:
            below = f"{'':{service_width}}  {fitted(row.below, min(name_width, len(row.below)), style.cut)}"
            lines.append(below + style.paint("31", fitted(clean(error), style.width - len(below), style.cut).rstrip()))
    return lines


def _row(node: Node, ancestry: tuple[bool, ...], style: Style) -> _Row:
    span = node.span
    blank, through, fork, end = ("  ", "│ ", "├─", "└─") if style.marks else ("  ", "| ", "|-", "`-")
    # The roots stand at the margin.
    passing = "".join(blank if last else through for last in ancestry[1:-1][:MAX_DRAWN_LEVELS])
    branch, beside = ("", "") if len(ancestry) == 1 else (end, blank) if ancestry[-1] else (fork, through)
    name = passing + branch + (clean(span.name) or "(no name)")
    below = passing + beside + (through if node.children else blank)
    return _Row(clean(service_of(span)) or "?", name, clean((span.kind or "").lower())[:8] or "local", span, below)


def _milliseconds(span: FinishedSpan) -> str:
    return f"{span.duration_us / 1000:7.1f} ms" if span.duration_us else f"{'-':>7}   "


def _extent(spans: Sequence[FinishedSpan]) -> tuple[int, int]:
    """The begin and the duration of the trace in µs."""
    timed = [span for span in spans if span.timestamp_us]
    start = min((span.timestamp_us for span in timed), default=0)
    end = max((span.timestamp_us + span.duration_us for span in timed), default=0)
    return start, max(1, end - start)


def _bar(span: FinishedSpan, start: int, total: int, width: int, style: Style) -> str:
    if not span.timestamp_us:
        return " " * width
    left = min(width - 1, (span.timestamp_us - start) * width // total)
    length = max(1, min(width - left, round(span.duration_us * width / total)))
    return (" " * left + ("█" if style.marks else "#") * length).ljust(width)


_COLOURS = ("36", "35", "33", "34", "32")


def _colour_of(row: _Row) -> str:
    """The colour of a service, the same in every trace and every run."""
    return _COLOURS[sum(row.service.encode()) % len(_COLOURS)]
