"""A trace as lines of text."""

from __future__ import annotations

import io
import re

import pytest

from opentracing_zipkin.demo.trees import Json
from opentracing_zipkin.demo.waterfall import Style, render, style_of

from .spans import READ, ROOT, TRACE

PLAIN = Style(width=78, marks=False)

ASCII = """\
frontend  get /           server    ##############################  100.0 ms
frontend  |-get /stock    client       ###############               50.0 ms
orders    | `-get /stock  server          #########                  30.0 ms
orders    |   `-read      local              ###                     10.0 ms x
          |       OSError: no disk
frontend  `-draw          local                             ######   20.0 ms
"""

BOXES = """\
frontend  get /           server    ██████████████████████████████  100.0 ms
frontend  ├─get /stock    client       ███████████████               50.0 ms
orders    │ └─get /stock  server          █████████                  30.0 ms
orders    │   └─read      local              ███                     10.0 ms ✗
          │       OSError: no disk
frontend  └─draw          local                             ██████   20.0 ms
"""


class Terminal(io.StringIO):
    """A stream with an encoding, and with or without a terminal behind it."""

    def __init__(self, encoding: str, tty: bool) -> None:
        super().__init__()
        self._encoding = encoding
        self._tty = tty

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a class attribute of TextIOBase
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


def text(spans: list[Json], style: Style) -> str:
    return "".join(line + "\n" for line in render(spans, style))


@pytest.mark.parametrize(("marks", "expected"), [(False, ASCII), (True, BOXES)], ids=["ascii", "boxes"])
def test_a_trace_is_one_row_a_span_with_a_bar_to_scale(marks: bool, expected: str) -> None:
    """A row has the service, the name in its place in the tree, the kind, a bar to scale and the duration; a failed span's
    row has a mark, and its error below it."""
    assert expected == text(TRACE, PLAIN._replace(marks=marks))


def test_without_colour_there_is_no_escape() -> None:
    """A style without colour writes no control character."""
    assert "\033" not in text(TRACE, Style(colour=False))


def test_with_colour_the_error_is_red() -> None:
    """The failed span's bar, mark and error are red, and only they."""
    lines = text(TRACE, Style(colour=True)).splitlines()
    red = [number for number, line in enumerate(lines) if "\033[31m" in line]

    assert [3, 4] == red
    assert "\033[1;31m✗\033[0m" in lines[3]
    assert "\033[31mOSError: no disk\033[0m" in lines[4]


def test_a_colour_takes_no_room() -> None:
    """Without the escapes a coloured row is the uncoloured one."""
    coloured = text(TRACE, Style(colour=True))

    assert text(TRACE, Style()) == re.sub("\033\\[[0-9;]*m", "", coloured)


@pytest.mark.parametrize(
    ("encoding", "tty", "environment", "colour", "marks"),
    [
        ("utf-8", True, {}, True, True),
        ("utf-8", True, {"NO_COLOR": "1"}, False, True),
        ("utf-8", True, {"NO_COLOR": ""}, True, True),
        ("utf-8", True, {"TERM": "dumb"}, False, True),
        ("utf-8", False, {}, False, True),
        ("ascii", True, {}, True, False),
        ("latin-1", False, {}, False, False),
        ("cp437", False, {}, False, False),
    ],
)
def test_the_style_follows_the_terminal(
    encoding: str, tty: bool, environment: dict[str, str], colour: bool, marks: bool
) -> None:
    """Colour needs a terminal and no NO_COLOR; branches and blocks need an encoding that has them all."""
    style = style_of(Terminal(encoding, tty), environment)

    assert (colour, marks) == (style.colour, style.marks)


def test_a_very_short_span_is_still_seen() -> None:
    """A bar is at least one place long, also where the span starts at the very end."""
    blink: Json = {**READ, "parentId": "1", "timestamp": 1_100_000, "duration": 1, "tags": {}}

    assert "#" in render([ROOT, blink], PLAIN)[1]


def test_a_span_without_times_has_a_row_without_bar() -> None:
    """A span of which only the ids are known is shown with a dash for its duration."""
    bare: Json = {"traceId": "1", "id": "9", "parentId": "1"}

    assert "?         `-(no name)  local" == render([ROOT, bare], PLAIN)[1][:30].rstrip()
    assert render([ROOT, bare], PLAIN)[1].rstrip().endswith(" -")
    assert "#" not in render([ROOT, bare], PLAIN)[1]


def test_control_characters_never_reach_the_terminal() -> None:
    """What a span brought from elsewhere cannot steer the terminal."""
    evil: Json = {**ROOT, "name": "a\033[2Jb", "localEndpoint": {"serviceName": "x\ny"}, "tags": {"error": "\a\r"}}

    assert "x?y  a?[2Jb  server" == render([evil], PLAIN)[0][:19]
    assert "??" == render([evil], PLAIN)[1].strip()
    assert all(line.isprintable() for line in render([{**evil, "kind": "\033[2J\u202e\n"}], PLAIN))


def test_a_long_error_is_cut_at_the_margin() -> None:
    """No line of a wide enough style is wider than the style."""
    long: Json = {**ROOT, "tags": {"error": "x" * 500}}

    assert 78 == max(len(line) for line in render([long], PLAIN)[1:])


def test_no_spans_make_no_lines() -> None:
    """An empty trace is empty."""
    assert [] == render([], PLAIN)
